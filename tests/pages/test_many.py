"""Long lists: everything can be reached, and the page answers while one scrolls."""
import concurrent.futures

import graphs

JOBS = 10000
PICTURES = 2000
BATCH = 50
# The longest time between two frames while `steps` screens go by, in ms.
SCROLL = """
const done = arguments[arguments.length - 1];
let last = performance.now(), longest = 0, left = arguments[0];
const step = (now) => {
  longest = Math.max(longest, now - last);
  last = now;
  scrollBy(0, innerHeight);
  left-- > 0 ? requestAnimationFrame(step) : done(longest);
};
requestAnimationFrame(step);
"""


def reach(page, css, count):
    """Scrolls until so many are there."""
    def look():
        page.run("scrollTo(0, document.body.scrollHeight)")
        return page.run("return document.querySelectorAll(arguments[0]).length", css) >= count
    page.until(look, lambda: f"{count} of {css}; there are {len(page.all(css))}", 90)


def frames(page, record_property, name):
    page.run("scrollTo(0, 0)")
    longest = page.driver.execute_async_script(SCROLL, 100)
    print(f"{name}: the longest frame took {longest:.0f} ms")
    record_property(f"{name}_longest_frame_ms", round(longest))


def test_ten_thousand_jobs(stages, pages, record_property):
    stage = stages(start_sim=False)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: stage.gateway.request(
            "POST", "/v1/jobs", json={"workflow": graphs.picture(), "title": f"Job {number}"}, check=False), range(JOBS)))
    page = pages(stage.gateway, "/#/jobs")
    reach(page, ".job-row", JOBS + 1)
    frames(page, record_property, "jobs")
    page.run("scrollTo(0, 0)")
    stage.submit(graphs.picture(), title="One more comes in")
    page.reads("One more comes in")
    page.go("/#/now")
    page.reads("Waiting 200+")
    page.reads("All that wait")


def test_two_thousand_pictures(stages, pages, record_property):
    stage = stages()
    jobs = []
    for number in range(PICTURES // BATCH):
        graph = graphs.picture()
        graph["1"]["inputs"]["batch_size"] = BATCH
        jobs.append(stage.submit(graph, title=f"Batch {number}"))
    for job in jobs:
        stage.finish(job, timeout=60)
    page = pages(stage.gateway, "/#/gallery")
    reach(page, ".tile", PICTURES)
    frames(page, record_property, "gallery")
    page.run("scrollTo(0, 0)")
    stage.submit(graphs.picture(), title="One more")
    page.reads("One more")
