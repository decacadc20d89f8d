"""The pages in the program: their policy, their caching, their compression."""
import gzip
import re

import pytest


PAGES = {"/": "/ui", "/docs": "/docs"}
each_page = pytest.mark.parametrize("page", PAGES)


def resources(gateway, page="/"):
    text = gateway.request("GET", page).body.decode()
    return re.findall(rf'(?:src|href)="({PAGES[page]}/[0-9a-f]{{12}}/[^"]+)"', text)


@each_page
def test_page(gateway, page):
    answer = gateway.request("GET", page)
    assert answer.status == 200 and answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Cache-Control") == "private, no-cache"
    policy = answer.header("Content-Security-Policy")
    for rule in ("default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'",
                 "require-trusted-types-for 'script'"):
        assert rule in policy
    assert "unsafe" not in policy and answer.header("X-Frame-Options") == "DENY"
    assert "@BASE@" not in answer.body.decode()
    same = gateway.request("GET", page, headers={"If-None-Match": answer.header("ETag")})
    assert (same.status, same.body) == (304, b"")


@each_page
def test_page_has_no_inline_code(gateway, page):
    text = re.sub(r"<code>.*?</code>", "", gateway.request("GET", page).body.decode(), flags=re.S)
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", text, re.I)


@each_page
def test_resources_are_kept_for_ever(gateway, page):
    paths = resources(gateway, page)
    assert len(paths) > 2
    for path in paths:
        answer = gateway.request("GET", path)
        assert answer.status == 200 and answer.header("Cache-Control") == "private, max-age=31536000, immutable"
        assert answer.header("X-Content-Type-Options") == "nosniff" and answer.body


@pytest.mark.parametrize("field, packed", [
    (None, False), ("", False), ("gzip", True), ("br, gzip;q=0.5", True), ("GZIP", True), ("*", True),
    ("gzip;q=0", False), ("*, gzip;q=0", False), ("identity", False), ("gzipped", False), ("*;q=0, gzip", True)])
def test_compression(gateway, field, packed):
    path = next(path for path in resources(gateway) if path.endswith(".js"))
    plain = gateway.request("GET", path).body
    answer = gateway.request("GET", path, headers={} if field is None else {"Accept-Encoding": field})
    assert answer.header("Content-Encoding") == ("gzip" if packed else None)
    assert answer.header("Vary") == "Accept-Encoding"
    assert (gzip.decompress(answer.body) if packed else answer.body) == plain
    assert not packed or len(answer.body) < len(plain)


@each_page
def test_files_that_are_not_there(gateway, page):
    base = re.match(r"/\w+/[0-9a-f]{12}", resources(gateway, page)[0])[0]
    for path in (f"{PAGES[page]}/000000000000/app.js", base + "/nothing.js", base + "/index.html/x", base + "/../index.html",
                 base + "/" + "a" * 3000):
        answer = gateway.request("GET", path)
        assert answer.status == 404 and answer.problem()[0] == "not_found", path
