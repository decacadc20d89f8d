"""A page in a real Chromium, as tests and their readers speak of it."""
import pathlib
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import axe

DEADLINE = 20  # seconds that nothing here may take
# Runs before anything of the page: what breaks the policy, what code of others may have done, and what was not caught.
WITNESS = """
window.witness = { breaches: [], errors: [], ran: [] };
addEventListener("securitypolicyviolation", (e) => witness.breaches.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
addEventListener("error", (e) => e.message && witness.errors.push(e.message));
addEventListener("unhandledrejection", (e) => witness.errors.push(String(e.reason)));
window.alert = window.confirm = window.prompt = (text) => witness.ran.push(String(text));
"""


def start_chromium():
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    profile = tempfile.mkdtemp(prefix="comfygate-chromium-")
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                 f"--user-data-dir={profile}", "--window-size=1280,860", "--lang=en-GB"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.profile = pathlib.Path(profile)
    driver.set_page_load_timeout(DEADLINE)
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WITNESS})
    return driver


class Page:
    """What a person sees and does. Things are named by their words: the label of a field, the text of a button."""

    def __init__(self, driver, url):
        self.driver = driver
        self.url = url

    def size(self, width=1280, height=860):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def colours(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def go(self, path="/"):
        """Another fragment of the same page does not load it anew, as when a link is followed."""
        self.driver.get(self.url + path)
        return self

    def run(self, script, *words):
        return self.driver.execute_script(script, *words)

    # ---- what is there

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.until(lambda: self.all(css), f"{css} on the page; it reads: {self.text()[:1500]}")[0]

    def text(self):
        return self.run("return document.body ? document.body.innerText : ''")

    def until(self, look, what, timeout=DEADLINE):
        """What look() gives as soon as it is true."""
        until = time.monotonic() + timeout
        while True:
            try:
                seen = look()
            except StaleElementReferenceException:
                seen = None
            if seen:
                return seen
            assert time.monotonic() < until, f"did not come: {what() if callable(what) else what}"
            time.sleep(0.03)

    def reads(self, words, timeout=DEADLINE):
        self.until(lambda: words in self.text(), lambda: f"{words!r}; it reads: {self.text()[:2000]}", timeout)

    def lacks(self, words, timeout=DEADLINE):
        self.until(lambda: words not in self.text(), f"{words!r} to go away", timeout)

    # ---- what one can do

    def button(self, name):
        """A button or a link of that accessible name, or text; the first that is visible."""
        def look():
            return next((each for each in self.all("button, a, summary, [role=button]")
                         if each.is_displayed() and name in (each.accessible_name, each.text.strip())), None)
        return self.until(look, lambda: f"a button {name!r}; it reads: {self.text()[:1500]}")

    def press(self, name):
        def act():
            self.button(name).click()
            return True
        return self.until(act, f"{name!r} to be pressed")

    def field(self, label):
        def look():
            return next((each for each in self.all("input, select, textarea")
                         if each.is_displayed() and each.accessible_name == label), None)
        return self.until(look, lambda: f"a field {label!r}; it reads: {self.text()[:1500]}")

    def write(self, label, text):
        field = self.field(label)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def keys(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    # ---- what must not be

    def findings(self):
        """What axe-core calls serious or worse: ["rule: element", ...]."""
        if not self.run("return typeof axe === 'object'"):
            self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe.script()})
        found = self.driver.execute_async_script("""
            const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ["violations"] }).then((result) => done(result.violations
                .filter((each) => each.impact === "serious" || each.impact === "critical")
                .flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.target} ${node.failureSummary}`))));""")
        return found

    def breaches(self):
        """Breaches of the policy, errors that nobody caught, and code that ran without being the page's."""
        witness = self.run("return window.witness") or {}
        console = [entry["message"] for entry in self.driver.get_log("browser")
                   if entry["level"] == "SEVERE" and "net::ERR" not in entry["message"]
                   and "Failed to load resource" not in entry["message"]]
        return witness.get("breaches", []) + witness.get("errors", []) + witness.get("ran", []) + console
