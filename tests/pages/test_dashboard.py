"""The dashboard, as people use it."""
import itertools
import time

import pytest
from selenium.webdriver.common.keys import Keys

import graphs

VIEWS = {"now": "Nothing runs", "gallery": "No results yet", "jobs": "There are no jobs yet"}


MARKS = map(str, itertools.count())


def slow():
    """Three seconds of work, with previews. Each is another one, so that none is answered from ComfyUI's cache."""
    return graphs.steps(30, 100, mark=next(MARKS), previews=True)


@pytest.fixture
def stage(stages):
    return stages()


def test_first_visit(stage, pages):
    page = pages(stage.gateway)
    for view, words in VIEWS.items():
        page.go(f"/#/{view}")
        page.reads(words)
        page.reads("Live")
    assert page.driver.title == "Jobs – comfygate"
    for view in ("nothing", "constructor", "__proto__"):
        page.go("/#/now")
        page.reads("Nothing runs")
        page.go(f"/#/{view}")
        page.reads("There is no such page")


def bar(page):
    bars = page.all(".running-job [role=progressbar]")
    return int(bars[0].get_attribute("aria-valuenow") or 0) if bars else None


def test_a_job_is_watched_to_its_end(stage, pages):
    page = pages(stage.gateway)
    page.reads("Nothing runs")
    job = stage.submit(slow(), title="A lighthouse at dusk")
    page.reads("A lighthouse at dusk")
    seen = {page.until(lambda: bar(page), "the bar to move")}
    page.until(lambda: page.all("img.preview"), "a preview")
    page.until(lambda: seen.add(bar(page)) or len(seen - {None}) >= 4, "the bar to move on")
    page.reads("step")
    page.until(lambda: page.all(".recent img"), "the result among those that just ended")
    page.reads("Nothing runs")
    page.press("A lighthouse at dusk") if not page.all(".recent a") else page.one(".recent a").click()
    page.reads("What happened")
    page.reads("began to run on gpu0")
    page.until(lambda: page.run("const i = document.querySelector('.output-image'); return i && i.naturalWidth"), "the picture")
    assert stage.job(job)["status"] == "succeeded"


def test_what_was_before_is_there_at_once(stage, pages):
    """Also what events do not tell: input, and what ended before."""
    stage.finish(stage.submit(graphs.picture(next(MARKS)), title="Ended before"))
    stage.gateway.json("POST", "/v1/queue/pause")
    stage.gateway.json("POST", "/v1/jobs", json={"template": "sdxl", "input": {"prompt": "a fox asleep under ferns"}})
    page = pages(stage.gateway)
    page.reads("Ended before", 4)
    page.reads("a fox asleep under ferns", 4)


def test_gallery_and_variation(stage, pages):
    job = stage.gateway.json("POST", "/v1/jobs", json={"template": "test-pattern", "input": {"color": "green"}, "title": "A pattern"})
    stage.finish(job)
    page = pages(stage.gateway, "/#/gallery")
    page.one(".tile a").click()
    page.until(lambda: page.all("dialog[open] .output-image"), "the picture in full")
    page.keys("+")
    page.until(lambda: "scale(1.4)" in page.one(".zoom-content").get_attribute("style"), "the picture larger")
    page.press("Vary")
    page.reads("Runs again")
    page.keys(Keys.ESCAPE)
    page.until(lambda: not page.all("dialog[open]"), "the gallery again")
    page.until(lambda: len(page.all(".tile")) == 2, "the variation, by itself")
    made = stage.gateway.json("GET", "/v1/jobs?limit=1")["data"][0]
    assert made["parent_id"] == job["id"]


def test_cancel(stage, pages):
    page = pages(stage.gateway)
    first = stage.submit(graphs.steps(150, 100, mark=next(MARKS)), title="The first")
    waits = [stage.submit(slow(), title=f"Waits {number}") for number in range(3)]
    page.reads("Waits 2")
    page.press("Cancel: Waits 2")
    page.until(lambda: stage.job(waits[2])["status"] == "canceled", "it to be canceled")
    page.until(lambda: "Waits 2" not in page.one(".rows").text, "it to leave the queue")
    page.press("Stop")
    stage.finish(first, "canceled")
    page.reads("Canceled")


def test_a_paused_queue_and_priority(stage, pages):
    stage.gateway.json("POST", "/v1/queue/pause")
    first, second = (stage.submit(slow(), title=title) for title in ("The first", "The second"))
    page = pages(stage.gateway)
    page.reads("The queue is paused")
    page.press("Sooner: The second")
    page.until(lambda: page.one(".rows .row").text.startswith("1\nThe second"), "the second to be the first")
    assert stage.job(second)["priority"] == 10
    page.press("Resume")
    page.lacks("The queue is paused")
    page.until(lambda: page.all(".running-job"), "it to run")
    stage.finish(second)
    stage.finish(first)


def test_an_error_is_shown_with_its_node(stage, pages):
    graph = slow()
    graph["77"] = {"class_type": "NoSuchNode", "inputs": {}, "_meta": {"title": "What lacks"}}
    graph["78"] = {"class_type": "SaveImage", "inputs": {"images": ["77", 0], "filename_prefix": "x"}}
    job = stage.submit(graph, title="It lacks a node")
    page = pages(stage.gateway, "/#/jobs?status=failed")
    page.reads("missing_node")
    page.press("It lacks a node")
    page.reads("Install the custom node in ComfyUI")
    page.reads("77")
    page.press("The graph")
    page.until(lambda: page.all(".graph-failed"), "the node in the graph")
    assert stage.job(job)["error"]["node_id"] == "77"


def test_comfyui_gone_and_back(stage, pages):
    page = pages(stage.gateway)
    page.until(lambda: page.all(".dot-up"), "the backend up")
    stage.sim.stop()
    page.until(lambda: page.all(".dot-down"), "the backend down")
    stage.submit(slow(), title="Waits for ComfyUI")
    page.reads("Waits for ComfyUI")
    stage.sim.start()
    page.until(lambda: page.all(".dot-up"), "the backend up again")
    page.until(lambda: page.all(".recent img"), "its end")


def test_the_gateway_restarts_under_the_page(stage, pages):
    page = pages(stage.gateway)
    page.reads("Live")
    stage.gateway.kill()
    page.reads("The gateway does not answer")
    stage.gateway.start()
    job = stage.submit(slow(), title="After the restart")
    page.reads("After the restart")
    page.reads("Live")
    page.lacks("The gateway does not answer")
    stage.finish(job)
    page.reads("Nothing runs")


def test_events_are_cut(stage, pages):
    """A proxy lets all through but the stream."""
    page = pages(stage.gateway)
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/v1/events*"]})
    page.driver.refresh()
    page.reads("Asking every few seconds", 30)
    job = stage.submit(slow(), title="Heard of by asking")
    page.go("/#/jobs")
    page.reads("Heard of by asking")
    stage.finish(job)
    page.until(lambda: page.all(".status-succeeded"), "its end, by asking")
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


def test_filters_live_in_the_address(stage, pages):
    for number in range(3):
        stage.submit(graphs.picture(next(MARKS)), title=f"Number {number}", tags=["odd"] if number % 2 else [])
    page = pages(stage.gateway, "/#/jobs")
    page.reads("Number 2")
    page.write("Search in titles", "Number 1")
    page.lacks("Number 2")
    assert "q=Number+1" in page.driver.current_url
    page.driver.refresh()
    page.reads("Number 1")
    assert "Number 2" not in page.text()
    page.press("#odd") if page.all("a.tag") else page.go("/#/jobs?tag=odd")
    page.until(lambda: len(page.all(".job-row .name")) == 1, "one job")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessibility(stage, pages, scheme, width):
    job = stage.submit(graphs.picture(next(MARKS)), title="Done")
    stage.finish(job)
    stage.submit(slow(), title="Runs")
    stage.submit(slow(), title="Waits")
    page = pages(stage.gateway, width=width, scheme=scheme)
    for path, words in {"now": "Runs", "gallery": "Done", f"gallery/{job['id']}.0": "Run again", "jobs": "Done",
                        f"jobs/{job['id']}": "What happened"}.items():
        page.go(f"/#/{path}")
        page.reads(words)
        assert page.findings() == [], path
        assert page.run("return document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"


def test_keyboard(stage, pages):
    stage.finish(stage.submit(graphs.picture(next(MARKS)), title="One"))
    stage.finish(stage.submit(graphs.picture(next(MARKS)), title="Two"))
    page = pages(stage.gateway, "/#/gallery")
    page.until(lambda: len(page.all(".tile")) == 2, "both")
    page.keys(Keys.TAB)
    assert page.driver.switch_to.active_element.text == "To the content"
    page.one(".tile a").send_keys(Keys.ENTER)
    page.until(lambda: "Two" in page.one("dialog[open]").text, "the newest")
    page.keys(Keys.ARROW_RIGHT)
    page.until(lambda: "One" in page.one("dialog[open]").text, "the one before")
    page.keys(Keys.ARROW_LEFT)
    page.until(lambda: "Two" in page.one("dialog[open]").text, "the newest again")
    page.keys(Keys.ESCAPE)
    page.until(lambda: not page.all("dialog[open]"), "the gallery")


def test_a_hidden_page_lets_go_of_the_stream(stage, pages):
    page = pages(stage.gateway)
    page.reads("Live")
    page.run("""const live = document.querySelector(".live");
        window.states = [];
        new MutationObserver(() => states.push(live.title)).observe(live, { attributes: true });""")
    shown = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    time.sleep(11)
    job = stage.submit(slow(), title="Came while nobody looked")
    page.driver.close()
    page.driver.switch_to.window(shown)
    page.reads("Came while nobody looked")
    page.reads("Live")
    assert page.run("return states") == ["Paused while hidden", "Connecting", "Live"]
    stage.finish(job)
