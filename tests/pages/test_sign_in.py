"""Signing in, what a key may do and is offered, and the keeping of keys; as people use it."""
import re

import pytest

from keys import Caller, make_key

KEY = re.compile(r"cg_[A-Za-z0-9_-]{43}")


@pytest.fixture
def stage(stages, chromium):
    """A gateway that asks for keys. Cookies do not look at ports: each test begins and ends without any."""
    chromium.delete_all_cookies()
    yield stages(auth_mode="keys", events_heartbeat_ms=500)
    chromium.delete_all_cookies()


def key_of(stage, name, role, **more):
    return make_key(stage.gateway.data_dir, name, role=role, **more)


def sign_in(page, key):
    page.write("Key", key)
    page.press("Sign in")


def views(page):
    return [link.text.split("\n")[0] for link in page.all(".nav-link") if link.is_displayed()]


def test_signing_in_and_out(stage, pages):
    page = pages(stage.gateway)
    page.reads("This gateway wants to know who asks")
    assert page.driver.title == "Sign in – comfygate" and page.driver.switch_to.active_element.get_attribute("id") == "key"
    sign_in(page, "cg_" + "x" * 43)
    page.reads("This key is not known here")
    sign_in(page, key_of(stage, "anna", "user"))
    page.reads("Nothing runs")
    page.reads("Live")
    page.reads("anna")
    cookie = page.driver.get_cookie("comfygate_session")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/"
    assert page.run("return document.cookie") == "" and page.run("return Object.keys(localStorage).join()").find("cg_") < 0
    page.go("/#/jobs").driver.refresh()
    page.reads("There are no jobs yet")
    page.press("Sign out")
    page.reads("This gateway wants to know who asks")
    assert page.driver.get_cookie("comfygate_session") is None


def test_what_a_key_may_not_do_is_not_offered(stage, pages):
    every = ["Now", "New", "Gallery", "Jobs", "Templates", "ComfyUI", "Webhooks", "Keys", "API"]
    page = pages(stage.gateway)
    anna = Caller(stage.gateway, key_of(stage, "anna", "user"))
    job = anna.make()
    for role, hidden in (("admin", []), ("operator", ["Keys"]), ("user", ["Keys"]), ("viewer", ["New", "Keys"])):
        page.driver.delete_all_cookies()
        page.go("/#/now").driver.refresh()
        scopes = ["jobs:all"] if role in ("user", "viewer") else []
        sign_in(page, key_of(stage, f"a-{role}", role, scopes=scopes))
        page.reads("Live")
        assert views(page) == [view for view in every if view not in hidden], role
        page.go("/#/backends")
        page.reads("The queue is open")
        assert ("Pause the queue" in page.text()) == (role in ("admin", "operator")), role
        page.go(f"/#/jobs/{job['id']}")
        page.reads("What happened")
        assert ("Delete" in page.text()) == (role != "viewer"), role
        if role != "viewer":
            page.go("/#/new")
            page.reads("Test pattern")
            assert ("Workflow of your own" in page.text()) == (role != "user"), role


def test_one_sees_ones_own(stage, pages):
    Caller(stage.gateway, key_of(stage, "ben", "user")).submit(title="The job of Ben")
    anna = key_of(stage, "anna", "user")
    page = pages(stage.gateway)
    sign_in(page, anna)
    page.reads("Live")
    Caller(stage.gateway, anna).submit(title="The job of Anna")
    page.go("/#/jobs")
    page.reads("The job of Anna")
    assert "The job of Ben" not in page.text()


def test_keys_are_made_and_revoked(stage, pages):
    page = pages(stage.gateway)
    sign_in(page, key_of(stage, "root", "admin"))
    page.reads("Live")
    page.go("/#/keys")
    page.reads("made on the gateway's machine")
    page.write("Name", "camera-2")
    page.field("Role").send_keys("Viewer")
    page.field("Expires").send_keys("In 90 days")
    page.press("More than its role")
    page.one("input[value='jobs:all']").click()
    page.press("Make the key")
    page.reads("it is shown this once")
    key = KEY.search(page.text()).group()
    page.press("Copy: The key of camera-2")
    page.reads("Copied")
    told = Caller(stage.gateway, key).json("GET", "/v1/session")
    assert told["role"] == "viewer" and "jobs:all" in told["scopes"] and told["key_expires_at"] is not None
    page.press("I have it")
    page.lacks(key)
    page.reads("made by root")
    page.write("Name", "camera-2")
    page.press("Make the key")
    page.reads("a name is never given again")
    page.press("Revoke camera-2")
    page.reads("Revoke camera-2?")
    page.press("Keep")
    assert Caller(stage.gateway, key).request("GET", "/v1/jobs").status == 200
    page.press("Revoke camera-2")
    page.press("Revoke it")
    page.reads("camera-2 is revoked")
    page.until(lambda: "Revoked" in page.text(), "the state of the key")
    assert Caller(stage.gateway, key).request("GET", "/v1/jobs").status == 401


def test_a_key_is_revoked_under_the_page(stage, pages):
    root = Caller(stage.gateway, key_of(stage, "root", "admin"))
    page = pages(stage.gateway)
    sign_in(page, key_of(stage, "anna", "user"))
    page.reads("Live")
    anna = next(key for key in root.json("GET", "/v1/keys")["data"] if key["name"] == "anna")
    root.request("DELETE", f"/v1/keys/{anna['id']}")
    page.reads("You are signed out")
    page.press("Sign in")
    page.reads("This gateway wants to know who asks")


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 360)])
def test_accessibility(stage, pages, scheme, width):
    page = pages(stage.gateway, width=width, scheme=scheme)
    page.reads("This gateway wants to know who asks")
    assert page.findings() == []
    sign_in(page, "wrong")
    page.reads("This key is not known here")
    assert page.findings() == []
    sign_in(page, key_of(stage, "root", "admin"))
    page.reads("Nothing runs")
    page.go("/#/keys")
    page.reads("made on the gateway's machine")
    page.press("More than its role")
    assert page.findings() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth"), "it does not fit the screen"
