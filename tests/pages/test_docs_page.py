"""The page of the API in Chromium: read, searched, copied from, in all sizes and colours."""
import pytest
from selenium.webdriver.common.keys import Keys


@pytest.fixture
def page(pages, stages):
    return pages(stages().gateway, "/docs")


def visible_links(page):
    return [link.text.strip() for link in page.all("nav li a") if link.is_displayed()]


def shown_example(page, operation):
    return next(each.text for each in page.all(f"#{operation} .sample") if each.is_displayed())


def test_search(page):
    everything = len(visible_links(page))
    page.keys("/")
    page.write("Search operations, objects and errors", "cancel")
    page.until(lambda: 0 < len(visible_links(page)) < everything // 4, "a few links")
    assert any("Stop a job" in link for link in visible_links(page))
    page.keys(Keys.ENTER)
    page.until(lambda: page.run("return location.hash") == "#cancelJob", "the operation to be shown")
    page.write("Search operations, objects and errors", "zxqj")
    page.reads("Nothing is called so.")
    page.keys(Keys.ESCAPE)
    page.until(lambda: len(visible_links(page)) == everything, "all links again")


def test_what_only_the_text_says_is_found(page):
    page.write("Search operations, objects and errors", "idempotent-replayed")
    page.until(lambda: 0 < len(visible_links(page)) < 12, "what speaks of it")


def test_language_is_kept(page):
    assert shown_example(page, "submitJob").splitlines()[-1] != "" and "curl" in shown_example(page, "submitJob")
    page.press("Python")
    page.until(lambda: "urllib.request" in shown_example(page, "submitJob"), "Python")
    page.go("/").go("/docs")
    assert "urllib.request" in shown_example(page, "getJob")
    page.press("JavaScript")
    page.until(lambda: "await fetch" in shown_example(page, "getJob"), "JavaScript")
    page.press("curl")


def test_copy(page):
    page.driver.execute_cdp_cmd("Browser.grantPermissions", {"origin": page.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    page.run("document.querySelector('#getJob .sample[data-language=sh] .copy').click()")
    page.until(lambda: page.run("return document.querySelector('#getJob .copy').textContent") in ("Copied", "Selected"), "to be told so")
    copied = page.driver.execute_async_script("""
        const done = arguments[arguments.length - 1];
        navigator.clipboard.readText().then(done, () => done(getSelection().toString()));""")
    assert copied.startswith('curl "$COMFYGATE_URL/v1/jobs/$JOB')


def test_where_the_reader_is(page):
    page.go("/docs#getStats")
    page.until(lambda: [link.get_attribute("hash") for link in page.all("nav a[aria-current]")] == ["#getStats"], "to be marked")


def test_phone(pages, stages):
    page = pages(stages().gateway, "/docs", width=360)
    assert page.run("return document.documentElement.scrollWidth") <= 360
    assert visible_links(page) == []
    page.press("Menu")
    page.until(lambda: visible_links(page), "the contents")
    page.press("GET List jobs")
    page.until(lambda: visible_links(page) == [] and page.run("return location.hash") == "#listJobs", "the operation")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_nothing_keeps_people_out(pages, stages, scheme, width):
    page = pages(stages().gateway, "/docs", width=width, scheme=scheme)
    page.reads("The API of comfygate")
    assert page.findings() == []
