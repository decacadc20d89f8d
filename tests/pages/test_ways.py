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
    page.until(lambda: abs(place(page) - was) < 3, lambda: f"the place {was}; it is {place(page)} with {len(page.all('.job-row'))} rows")
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
    page.until(lambda: focused(page) == "Not now", "the focus on the harmless way")
    page.keys(Keys.ENTER)
    page.until(lambda: focused(page) == "Drain gpu0", "the focus on what has asked")
    page.go("/#/new/test-edit")
    for way_out in (Keys.ESCAPE, None):
        page.button("Earlier result for Picture").send_keys(Keys.ENTER)
        page.until(lambda: page.all("dialog[open] .tile-button"), "the earlier results")
        page.keys(way_out) if way_out else page.one("dialog[open] .tile-button").click()
        page.until(lambda: focused(page) == "Earlier result for Picture", "the focus on what has asked")


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


# What the page asks for, held back: `held` maps a part of an address to milliseconds, `forged` to what is answered instead.
SLOW = """
window.held = {}; window.forged = {};
const asked = window.fetch;
window.fetch = async (address, options) => {
  const part = Object.keys(held).find((one) => String(address).includes(one));
  if (!part) {
    return asked(address, options);
  }
  const answer = forged[part] ? new Response(JSON.stringify(forged[part])) : await asked(address, { ...options, signal: undefined });
  await new Promise((done) => setTimeout(done, held[part]));
  window.late = (window.late ?? 0) + 1;
  return answer;
};
"""


def test_a_late_answer_is_not_taken_for_a_new_one(stage, pages):
    stage.finish(stage.submit(graphs.picture()))
    page = pages(stage.gateway, "/#/backends")
    page.reads("Raw workflow")
    none = stage.gateway.json("GET", "/v1/stats?hours=1")
    none["queue_ms"]["count"] = 0
    page.run(SLOW + "held['hours=1'] = 700; forged['hours=1'] = arguments[0];", none)
    page.run("location.hash = '#/backends?hours=1'")
    page.until(lambda: page.run("return document.querySelector('.chosen').textContent") == "Last hour", "the hour")
    page.run("location.hash = '#/backends?hours=720'")
    page.until(lambda: page.run("return window.late"), "the late answer")
    page.reads("Raw workflow")
    assert "No job ended in that time" not in page.text()


def test_a_search_ends_with_its_view(stage, pages):
    page = pages(stage.gateway, "/#/jobs")
    page.reads("There are no jobs yet")
    field = page.field("Search in titles")
    page.run("""arguments[0].value = "a"; arguments[0].dispatchEvent(new Event("input", { bubbles: true }));
        location.hash = "#/gallery"; setTimeout(() => { window.passed = true; }, 400);""", field)
    page.until(lambda: page.run("return window.passed"), "the time that typing may take")
    assert page.run("return location.hash") == "#/gallery"


def test_a_filtered_list_lets_go_of_what_does_not_fit_any_more(stage, pages):
    stage.gateway.json("POST", "/v1/queue/pause")
    jobs = [stage.submit(graphs.picture(), title=f"Number {number}") for number in range(3)]
    page = pages(stage.gateway, "/#/jobs?status=queued&sort=created_at")
    page.reads("Number 2")
    stage.cancel(jobs[1])
    page.lacks("Number 1")
    stage.submit(graphs.picture(), title="Number 3")
    page.until(lambda: [each.text for each in page.all(".job-row .name a")] == ["Number 0", "Number 2", "Number 3"], "the others, and the new one at the end")


def test_previews_are_let_go(stage, pages):
    page = pages(stage.gateway)
    page.reads("Nothing runs")
    page.run(SLOW + """held["/preview"] = 600; window.open = 0;
        const [make, let_go] = [URL.createObjectURL, URL.revokeObjectURL];
        URL.createObjectURL = (blob) => { open++; return make.call(URL, blob); };
        URL.revokeObjectURL = (url) => { open--; let_go.call(URL, url); };""")
    job = stage.submit(graphs.steps(40, 100, previews=True))
    page.until(lambda: page.all("img.preview"), "a preview")
    late = page.run("return window.late")
    page.run("location.hash = '#/api'")
    page.until(lambda: page.run("return window.late") > late, "one that comes when nobody looks")
    page.until(lambda: page.run("return open") == 0, "all to be let go")
    stage.cancel(job)


@pytest.mark.parametrize("width", [390, 800])
def test_every_view_can_be_reached_on_a_narrow_screen(stage, pages, width):
    page = pages(stage.gateway, width=width)
    page.reads("Nothing runs")
    for view in ("ComfyUI", "API", "Webhooks"):
        page.press("More")
        page.press(view)
        page.until(lambda: page.one("h1").text == view, view)
        assert "nav-open" not in page.one(".nav-menu").get_attribute("class")
    page.press("More")
    page.keys(Keys.ESCAPE)
    page.until(lambda: focused(page) == "More" and not page.one(".nav-menu").is_displayed(), "the menu to close")
    page.press("Gallery")
    page.reads("No results yet")
    assert page.run("return [...document.querySelectorAll('.nav > *')].every((one) => one.getBoundingClientRect().right <= innerWidth)")


def imported(page, module, script, *words):
    """What a script gives that is handed a module of the page."""
    return page.driver.execute_async_script(f"""const done = arguments[arguments.length - 1];
        const base = document.querySelector("script[type=module]").src.replace("app.js", "");
        import(base + "{module}").then((m) => done(({script})(m, ...arguments)));""", *words)


def test_times_as_people_write_them(stage, pages):
    page = pages(stage.gateway)
    page.reads("Nothing runs")
    given = [None, 0, 999, 999.7, 9940, 9960, 59700, 60000, 119600, 3599700, 3600000, 90000000]
    assert imported(page, "lib/format.js", "(m, given) => given.map(m.duration)", given) == [
        "–", "0 ms", "999 ms", "1.0 s", "9.9 s", "10 s", "1 min", "1 min", "2 min", "1 h", "1 h", "1 d 1 h"]
    assert imported(page, "lib/format.js", "(m) => [2500, 61000, -5000].map((ms) => m.remaining(Date.now() + ms))") == [
        "about 3 s", "about 1 min", "any moment"]


def test_what_waits_and_runs_promises_nothing_that_has_passed(stage, pages):
    """Short jobs went before; long ones are thought to be as short, and are not done in any moment."""
    for _ in range(3):
        stage.finish(stage.submit(graphs.picture()))
    page = pages(stage.gateway)
    jobs = [stage.submit(graphs.steps(40, 100), title=f"Long {number}") for number in range(4)]
    page.reads("step 8 of 40")
    assert "any moment" not in page.text()
    page.go(f"/#/jobs/{jobs[3]['id']}")
    page.reads("in the queue")
    assert "0 %" not in page.text() and not page.all(".preview")
    for job in jobs[1:]:
        stage.cancel(job)
    page.go("/#/now")
    stage.sim.stop()
    page.reads("No ComfyUI answers")
    page.reads("Away")


def test_the_graph_keeps_all_digits(stage, pages):
    job = stage.submit(graphs.steps(1, 1, seed=18446744073709551615), title="Digits")
    stage.finish(job)
    page = pages(stage.gateway, f"/#/jobs/{job['id']}")
    page.press("The graph")
    page.until(lambda: page.all(".graph-node"), "the graph")[0].click()
    page.reads("18446744073709551615")


def test_a_stream_that_is_held_back(stage, pages):
    """A proxy that keeps what it is given until it ends: the page is filled by asking."""
    stage.finish(stage.submit(graphs.picture(), title="Was there before"))
    page = pages(stage.gateway)
    silent = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
        "source": "window.EventSource = class extends EventTarget { close() {} };"})
    try:
        page.driver.refresh()
        page.reads("Asking every few seconds")
        page.reads("Was there before")
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", silent)


def test_a_fault_of_one_view_leaves_the_others(stage, pages):
    page = pages(stage.gateway)
    page.reads("Nothing runs")
    page.run(SLOW + "held['/v1/templates'] = 1; forged['/v1/templates'] = { data: [{}] };")
    page.run("location.hash = '#/templates'")
    page.reads("This view has met a fault of its own")
    page.press("Jobs")
    page.reads("There are no jobs yet")
    page.driver.get_log("browser")  # the fault is told there, too


def test_what_has_ended_keeps_its_name(stage, pages):
    """Events do not tell what was asked for, which is what a job without a title is called by."""
    page = pages(stage.gateway)
    page.reads("Nothing runs")
    stage.finish(stage.gateway.json("POST", "/v1/jobs", json={"template": "sdxl", "input": {"prompt": "a fox asleep"}}))
    page.until(lambda: [each.text for each in page.all(".recent-name")] == ["a fox asleep"], "its prompt")
