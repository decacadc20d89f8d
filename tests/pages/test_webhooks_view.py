"""What became of webhooks, in the view of a job and in that of all."""
import graphs
from receivers import SECRET, Receiver

# The second try is a minute away: who wants it sooner asks for it.
LOCAL = {"webhook_allow": "127.0.0.1,::1", "webhook_pause_ms": 60000}


def test_deliveries_and_another_try(stages, pages):
    stage = stages(**LOCAL)
    with Receiver() as receiver:
        receiver.plan("/late", [503, 200])
        late, good = (stage.submit(graphs.picture(), title=path, webhook={"url": receiver.url + path, "secret": SECRET}) for path in ("/late", "/good"))
        stage.finish(good)
        page = pages(stage.gateway, f"/#/jobs/{late['id']}")
        page.reads("The receiver has answered 503")
        page.reads("tried once, next in")
        page.press(f"Deliver again: job.succeeded to {receiver.url}/late")
        page.until(lambda: page.all(".delivery .status-succeeded"), lambda: f"the delivery; it reads {page.text()[-600:]}")
        page.reads("tried 2 times")
        assert page.findings() == []
        page.go("/#/webhooks")
        page.until(lambda: len(page.all(".delivery")) == 2, "both")
        stage.finish(stage.submit(graphs.picture(), title="Another", webhook={"url": receiver.url + "/good", "secret": SECRET}))
        page.until(lambda: len(page.all(".delivery .status-succeeded")) == 3, "the new one, by itself")
        page.go("/#/webhooks?state=failed")
        page.reads("No message is like that")
        page.go("/#/webhooks")
        page.size(360)
        page.until(lambda: len(page.all(".delivery")) == 3, "all")
        assert page.findings() == []
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
        page.one(".delivery a").click()
        page.reads("What happened")
        assert SECRET not in page.text()


def test_no_webhooks(stages, pages):
    stage = stages()
    page = pages(stage.gateway, "/#/webhooks")
    page.reads("No messages yet")
    job = stage.finish(stage.submit(graphs.picture()))
    page.go(f"/#/jobs/{job['id']}")
    page.reads("What happened")
    assert not page.all("#deliveries-title")
