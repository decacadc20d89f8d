"""Fixtures of the tests of pages: `pages` opens one of a gateway in Chromium, `stages` starts the gateway and comfy-sim."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "api"))

from page import Page, start_chromium  # noqa: E402
from stage import stages  # noqa: E402, F401  (a fixture)


@pytest.fixture(scope="session")
def chromium():
    driver = start_chromium()
    yield driver
    driver.quit()
    shutil.rmtree(driver.profile, ignore_errors=True)


@pytest.fixture
def pages(chromium):
    """pages(gateway): a fresh one. At the end of the test none may have broken the policy or met an error."""
    opened = []

    def build(gateway, path="/", width=1280, scheme="light"):
        page = Page(chromium, gateway.url)
        page.size(width)
        page.colours(scheme)
        page.go(path)
        opened.append(page)
        return page

    chromium.get_log("browser")
    yield build
    found = opened[-1].breaches() if opened else []
    chromium.get("about:blank")
    assert found == []
