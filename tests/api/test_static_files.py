"""The pages in the program: their policy, their caching, their compression."""
import gzip
import re

import pytest


def resources(gateway):
    page = gateway.request("GET", "/").body.decode()
    return re.findall(r'(?:src|href)="(/ui/[^"]+)"', page)


def test_page(gateway):
    answer = gateway.request("GET", "/")
    assert answer.status == 200 and answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Cache-Control") == "private, no-cache"
    policy = answer.header("Content-Security-Policy")
    for rule in ("default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'",
                 "require-trusted-types-for 'script'"):
        assert rule in policy
    assert "unsafe" not in policy and answer.header("X-Frame-Options") == "DENY"
    assert "@BASE@" not in answer.body.decode()
    same = gateway.request("GET", "/", headers={"If-None-Match": answer.header("ETag")})
    assert (same.status, same.body) == (304, b"")


def test_page_has_no_inline_code(gateway):
    page = gateway.request("GET", "/").body.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page, re.I)


def test_resources_are_kept_for_ever(gateway):
    paths = resources(gateway)
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


def test_files_that_are_not_there(gateway):
    base = re.match(r"/ui/[0-9a-f]{12}", resources(gateway)[0])[0]
    for path in ("/ui/000000000000/app.js", base + "/nothing.js", base + "/index.html/x", base + "/../index.html",
                 base + "/" + "a" * 3000):
        answer = gateway.request("GET", path)
        assert answer.status == 404 and answer.problem()[0] == "not_found", path
