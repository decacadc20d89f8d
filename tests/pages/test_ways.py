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
    link = page.one(".job-chunk:last-of-type .job-row:last-child a")
    page.run("arguments[0].scrollIntoView({ block: 'center' })", link)
    was = place(page)
    assert was > 5000
    link.click()
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
