"""The forms of the dashboard, and what operators do there."""
import json
import os
import pathlib
import shutil

import pytest
from selenium.webdriver.common.keys import Keys

import files
import graphs

BIG_SEED = 18446744073709551615


@pytest.fixture
def stage(stages):
    return stages(sim={"step_ms": 120})


def fill(page, name, text):
    field = page.one(f"#field-{name}")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text)


def newest(stage):
    return stage.gateway.json("GET", "/v1/jobs?limit=1")["data"][0]


def submitted(stage, page, word="Submit"):
    before = {job["id"] for job in stage.gateway.json("GET", "/v1/jobs")["data"]}
    page.press(word)
    return page.until(lambda: [job for job in stage.gateway.json("GET", "/v1/jobs")["data"] if job["id"] not in before],
                      lambda: f"a job; it reads: {page.text()[:3000]}")[0]


def test_from_a_form_to_the_gallery_and_back(stage, pages):
    page = pages(stage.gateway)
    page.press("New picture")
    page.one("a[href='#/new/sdxl']").click()
    fill(page, "prompt", "a lighthouse at dusk")
    job = submitted(stage, page)
    assert job["template"] == "sdxl" and job["input"]["prompt"] == job["title"] == "a lighthouse at dusk" and job["seed"] is not None
    seen = set()

    def is_moving():
        seen.update(bar.get_attribute("aria-valuenow") for bar in page.all("[role=progressbar]"))
        return len(seen - {None}) >= 4 and page.all("img.preview")
    page.until(is_moving, lambda: f"a bar that moves, and a preview; {seen}")
    stage.finish(job)
    page.go("/#/gallery")
    page.one(".tile a").click()
    page.reads("a lighthouse at dusk")
    page.press("Vary")
    page.until(lambda: newest(stage)["parent_id"] == job["id"], "the variation")
    varied = newest(stage)
    assert varied["seed"] != job["seed"] and varied["input"]["prompt"] == job["input"]["prompt"]
    stage.finish(varied)


def test_a_seed_is_exact(stage, pages):
    page = pages(stage.gateway, "/#/new/sdxl")
    fill(page, "prompt", "exact")
    fill(page, "seed", str(BIG_SEED))
    job = submitted(stage, page)
    assert job["seed"] == BIG_SEED
    page.go(f"/#/jobs/{job['id']}")
    page.reads(str(BIG_SEED))
    page.press("Change and run")
    page.until(lambda: page.one("#field-prompt").get_attribute("value") == "exact", "the form filled from the job")


def test_wrong_values_are_told_at_their_field(stage, pages):
    page = pages(stage.gateway, "/#/new/sdxl")
    page.press("Submit")
    page.until(lambda: page.one("#field-prompt").get_attribute("aria-invalid") == "true", "the empty prompt")
    page.go("/#/new/test-pattern")
    fill(page, "width", "7")
    page.press("Submit")
    page.until(lambda: page.one("#field-width").get_attribute("aria-invalid") == "true", "the width")
    assert stage.gateway.json("GET", "/v1/jobs")["data"] == []
    fill(page, "width", "256")
    assert submitted(stage, page)["input"]["width"] == 256


def test_several_at_once(stage, pages):
    page = pages(stage.gateway, "/#/new/test-pattern")
    page.one("#field-jobs").send_keys("3")
    page.press("Submit 3")
    page.until(lambda: len(stage.gateway.json("GET", "/v1/jobs")["data"]) == 3, "three jobs")
    assert len({job["seed"] for job in stage.gateway.json("GET", "/v1/jobs")["data"]}) == 3


def test_dry_run(stage, pages):
    page = pages(stage.gateway, "/#/new/test-pattern")
    page.press("Dry run")
    page.reads("Nothing stands in its way")
    assert stage.gateway.json("GET", "/v1/jobs")["data"] == []


def test_a_picture_of_ones_own(stage, pages, tmp_path):
    picture = tmp_path / "mine.png"
    picture.write_bytes(files.picture(size=(64, 48)))
    page = pages(stage.gateway, "/#/new/test-upscale")
    page.until(lambda: page.all("input[type=file]"), "the field")[0].send_keys(str(picture))
    page.reads("mine.png")
    done = stage.finish(submitted(stage, page))
    output = done["outputs"][0]
    assert (output["width"], output["height"]) in ((128, 96), (256, 192), (512, 384))


def test_how_much_of_a_file_is_sent_is_told(stage, pages, tmp_path):
    large = tmp_path / "large.png"
    large.write_bytes(os.urandom(1200000))
    page = pages(stage.gateway, "/#/new/test-upscale")
    field = page.until(lambda: page.all("input[type=file]"), "the field")[0]
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 600000})
    try:
        field.send_keys(str(large))
        seen = set()
        page.until(lambda: seen.update(page.run("return [...document.querySelectorAll('.file-storing [aria-valuenow]')].map((one) => one.ariaValueNow)"))
                   or len(seen - {"0", "100"}) >= 3, lambda: f"a bar that moves; {seen}")
        page.reads(" %")
        page.press("Stop")
        page.until(lambda: not page.all(".file-storing"), "it to be given up")
    finally:
        page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    assert not page.all(".fault, .file-chosen")
    large.write_bytes(files.picture(size=(64, 48)))
    page.until(lambda: page.all("input[type=file]"), "the field")[0].send_keys(str(large))
    page.reads("64 × 48")


def test_a_result_is_the_next_input(stage, pages):
    first = stage.gateway.json("POST", "/v1/jobs", json={"template": "test-pattern", "input": {"width": 128, "height": 128}})
    made = stage.finish(first)["outputs"][0]
    page = pages(stage.gateway, f"/#/gallery/{first['id']}.0")
    upscale = page.until(lambda: page.all("select[aria-label='Upscale with'], dialog button[title='Test upscale']"), "Upscale")[0]
    upscale.click() if upscale.tag_name == "button" else upscale.send_keys("Test upscale")
    page.until(lambda: "/new/test-upscale" in page.driver.current_url, "the form")
    job = submitted(stage, page)
    assert job["input"]["image"] == f"output:{made['id']}"
    stage.finish(job)


def test_a_workflow_of_ones_own(stage, pages, tmp_path):
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(graphs.picture()))
    page = pages(stage.gateway, "/#/new?own=workflow")
    page.until(lambda: page.all("input[type=file]"), "the field")[0].send_keys(str(path))
    page.reads("2 nodes")
    job = submitted(stage, page)
    assert job["template"] is None
    stage.finish(job)


def test_a_template_may_be_called_raw(stages, pages, tmp_path):
    folder = tmp_path / "templates" / "raw"
    shutil.copytree(pathlib.Path(__file__).resolve().parents[2] / "templates" / "test-pattern", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "name": "raw"}))
    stage = stages(templates_dir=str(tmp_path / "templates"))
    page = pages(stage.gateway, "/#/new/raw")
    page.until(lambda: page.all("#field-color"), lambda: f"its form; it reads: {page.text()[:1000]}")


def test_the_editors_format_is_refused_with_a_sentence(stage, pages, tmp_path):
    path = tmp_path / "editor.json"
    path.write_text('{"nodes": [{"id": 1, "type": "KSampler"}], "links": [], "version": 0.4}')
    page = pages(stage.gateway, "/#/new?own=workflow")
    page.until(lambda: page.all("input[type=file]"), "the field")[0].send_keys(str(path))
    page.reads("Export (API)")


def test_templates_tell_what_they_lack(stage, pages):
    page = pages(stage.gateway, "/#/templates")
    page.reads("Wan 2.2 text to video")
    page.press("Wan 2.2 text to video")
    page.reads("wan2.2")
    page.go("/#/templates")
    page.press("Read the folders anew")
    page.reads("as before")


def test_drain_and_pause(stage, pages):
    page = pages(stage.gateway, "/#/backends")
    page.press("Drain gpu0")
    page.one("dialog[open] .danger").click()
    page.until(lambda: stage.gateway.json("GET", "/v1/backends")["data"][0]["draining"], "it to be drained")
    page.press("Resume gpu0")
    page.until(lambda: not stage.gateway.json("GET", "/v1/backends")["data"][0]["draining"], "it to be resumed")
    page.press("Pause the queue")
    page.one("dialog[open] .danger").click()
    page.until(lambda: stage.gateway.json("GET", "/v1/backends")["paused_since"], "the pause")
    page.press("Resume the queue")
    page.until(lambda: not stage.gateway.json("GET", "/v1/backends")["paused_since"], "its end")


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 360)])
def test_accessibility(stage, pages, scheme, width):
    page = pages(stage.gateway, width=width, scheme=scheme)
    for path, words in {"new": "Stable Diffusion XL", "new/sdxl": "Submit", "new/test-edit": "Submit", "new?own=workflow": "Submit",
                        "templates": "Test pattern", "templates/sdxl": "Stable Diffusion XL", "backends": "gpu0", "api": "curl"}.items():
        page.go(f"/#/{path}")
        page.reads(words)
        assert page.findings() == [], path
        assert page.run("return document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"
