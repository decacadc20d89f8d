"""Ways through the dashboard: back, out of dialogs, away while something is still on its way."""
import pytest
from selenium.webdriver.common.keys import Keys

import graphs


@pytest.fixture
def stage(stages):
    return stages()


def pictures(stage, count, title="A batch"):
    graph = graphs.picture()
    graph["1"]["inputs"]["batch_size"] = count
    return stage.finish(stage.submit(graph, title=title))


def place(page):
    return page.run("return Math.round(scrollY)")


def test_back_to_where_one_was(stage, pages):
    stage.gateway.json("POST", "/v1/queue/pause")
    for number in range(130):
        stage.submit(graphs.picture(), title=f"Job {number}")
    page = pages(stage.gateway, "/#/jobs")
    page.until(lambda: page.run("scrollTo(0, 1e9)") or len(page.all(".job-row")) == 131, "all of them")
    page.run("scrollTo(0, 5000)")
    was = place(page)
    assert was == 5000
    page.run("document.querySelector('.job-chunk:last-of-type .job-row:last-child a').click()")
    page.reads("What happened")
    assert place(page) == 0
    page.driver.back()
    page.until(lambda: abs(place(page) - was) < 3, lambda: f"the place {was}; it is {place(page)}")
    assert len(page.all(".job-row")) == 131


def test_the_gallery_stays_below_a_result(stage, pages):
    job = pictures(stage, 48)
    page = pages(stage.gateway, "/#/gallery")
    page.until(lambda: len(page.all(".tile")) == 48, "the tiles")
    page.run("scrollTo(0, 700)")
    was = place(page)
    page.run("document.querySelector(`a[href*='${arguments[0]}.30']`).click()", job["id"])
    page.until(lambda: page.all("dialog[open]"), "the result in full")
    page.keys(Keys.ESCAPE)
    page.until(lambda: not page.all("dialog[open]"), "the gallery")
    assert place(page) == was > 0


def focused(page):
    return page.driver.switch_to.active_element.accessible_name


def test_focus_comes_back_from_dialogs(stage, pages):
    stage.finish(stage.submit(graphs.picture(), title="Done"))
    page = pages(stage.gateway, "/#/backends")
    page.button("Drain gpu0").send_keys(Keys.ENTER)
    page.reads("Drain gpu0?")
    assert focused(page) == "Not now"
    page.keys(Keys.ENTER)
    page.lacks("Drain gpu0?")
    assert focused(page) == "Drain gpu0"
    page.go("/#/new/test-edit")
    for way_out in (Keys.ESCAPE, None):
        page.button("Earlier result for Picture").send_keys(Keys.ENTER)
        page.until(lambda: page.all("dialog[open] .tile-button"), "the earlier results")
        page.keys(way_out) if way_out else page.one("dialog[open] .tile-button").click()
        page.until(lambda: not page.all("dialog"), "the form")
        assert focused(page) == "Earlier result for Picture"


def test_steps_through_the_gallery(stage, pages):
    first, second = (stage.finish(stage.submit(graphs.picture(), title=title)) for title in ("The first", "The second"))
    page = pages(stage.gateway, f"/#/gallery/{first['id']}.0?sort=created_at")
    page.until(lambda: "The first" in page.one("dialog[open]").text, "the first")
    page.run("window.kept = document.querySelector('dialog')")
    page.press("Next result")
    page.until(lambda: "The second" in page.one("dialog[open]").text, "the second")
    assert page.run("return window.kept.isConnected && window.kept.contains(document.activeElement)")
    page.keys(Keys.ARROW_LEFT)
    page.until(lambda: "The first" in page.one("dialog[open]").text, "the first again")
