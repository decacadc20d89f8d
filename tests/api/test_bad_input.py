"""Submissions that are none: each is a problem document that names the place, and nothing is stored.

The rows give the body, the code of the problem, and the places that its `errors` must name, in order; None stands for
one place, wherever it is, or for none when the body as a whole is too large.
"""
import json

import pytest

import graphs
from gateway import Gateway
from stage import time_limit

GRAPH = {"1": {"class_type": "EmptyImage", "inputs": {"width": 16}},
         "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}
GRAPH_TEXT = json.dumps(GRAPH)
EDITOR = {"last_node_id": 2, "last_link_id": 1, "nodes": [{"id": 1, "type": "EmptyImage"}], "links": [[1, 1, 0, 2, 0, "IMAGE"]],
          "groups": [], "config": {}, "extra": {}, "version": 0.4}


def text(**members):
    """A submission that is right but for these members."""
    return json.dumps({"workflow": GRAPH, **members}).encode()


def raw(member):
    """The same, with a member as it is written."""
    return f'{{"workflow":{GRAPH_TEXT},{member}}}'.encode()


def graph(value):
    return json.dumps({"workflow": value}).encode()


def nested(levels):
    return b'{"workflow":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


NOT_JSON = {
    "empty": (b"", "malformed_json", None),
    "blank": (b"  \n", "malformed_json", None),
    "a word": (b"hello", "malformed_json", None),
    "cut": (b'{"workflow": {"1": ', "malformed_json", None),
    "cut in a string": (b'{"workf', "malformed_json", None),
    "cut in an escape": (b'{"a":"\\u12', "malformed_json", None),
    "single quotes": (b"{'workflow': {}}", "malformed_json", None),
    "a comment": (b'{/* x */"workflow":{}}', "malformed_json", None),
    "a comma too many": (b'{"workflow":{},}', "malformed_json", None),
    "a comma too many in a list": (raw('"tags":["a",]'), "malformed_json", None),
    "no comma": (b'{"a":1 "b":2}', "malformed_json", None),
    "no colon": (b'{"a" 1}', "malformed_json", None),
    "a key without quotes": (b"{workflow:{}}", "malformed_json", None),
    "two values": (text() + b"{}", "malformed_json", None),
    "text behind": (text() + b"x", "malformed_json", None),
    "a NUL behind": (text() + b"\0", "malformed_json", None),
    "a byte order mark": (b"\xef\xbb\xbf" + text(), "malformed_json", None),
    "UTF-16": ("\ufeff" + text().decode(), "malformed_json", [""]),
    "NaN": (raw('"priority":NaN'), "malformed_json", ["/priority"]),
    "Infinity": (raw('"priority":-Infinity'), "malformed_json", ["/priority"]),
    "NaN deep in the graph": (b'{"workflow":{"1":{"class_type":"A","inputs":{"x":[1,NaN]}}}}', "malformed_json",
                              ["/workflow/1/inputs/x/1"]),
    "a leading zero": (raw('"priority":007'), "malformed_json", ["/priority"]),
    "a leading plus": (raw('"priority":+1'), "malformed_json", ["/priority"]),
    "a bare point": (raw('"priority":.5'), "malformed_json", ["/priority"]),
    "hexadecimal": (raw('"priority":0x1'), "malformed_json", None),
    "True": (raw('"dry_run":True'), "malformed_json", ["/dry_run"]),
    "a line break in a string": (raw('"title":"a\nb"'), "malformed_json", ["/title"]),
    "a control character in a string": (raw('"title":"a\x01b"'), "malformed_json", ["/title"]),
    "an unknown escape": (raw('"title":"\\x41"'), "malformed_json", ["/title"]),
    "half a surrogate": (raw('"title":"\\ud83c"'), "malformed_json", ["/title"]),
    "surrogates in the wrong order": (raw('"title":"\\udfa8\\ud83c"'), "malformed_json", ["/title"]),
    "a form": (b"workflow=%7B%7D&title=x", "malformed_json", None),
    "XML": (b"<?xml version='1.0'?><workflow/>", "malformed_json", None),
}

NOT_UTF8 = {
    "a stray byte": (raw('"title":"a') [:-1] + b'\xff"}', "invalid_utf8", ["/title"]),
    "Latin-1": (raw('"title":"')[:-1] + b'caf\xe9"}', "invalid_utf8", ["/title"]),
    "overlong": (raw('"title":"')[:-1] + b'\xc0\xaf"}', "invalid_utf8", ["/title"]),
    "a surrogate in bytes": (raw('"title":"')[:-1] + b'\xed\xa0\x80"}', "invalid_utf8", ["/title"]),
    "beyond Unicode": (raw('"title":"')[:-1] + b'\xf4\x90\x80\x80"}', "invalid_utf8", ["/title"]),
    "cut in a character": (raw('"title":"')[:-1] + b'\xe2\x82"}', "invalid_utf8", ["/title"]),
    "in a key": (b'{"\xff":1}', "invalid_utf8", None),
}

TWICE = {
    "a member": (raw('"title":"a","title":"b"'), "duplicate_key", ["/title"]),
    "the workflow": (f'{{"workflow":{GRAPH_TEXT},"workflow":{GRAPH_TEXT}}}'.encode(), "duplicate_key", ["/workflow"]),
    "a member in two spellings": (raw('"title":"a","\\u0074itle":"b"'), "duplicate_key", ["/title"]),
    "a node": (b'{"workflow":{"1":{"class_type":"A"},"1":{"class_type":"B"}}}', "duplicate_key", ["/workflow/1"]),
    "an input": (b'{"workflow":{"1":{"class_type":"A","inputs":{"seed":1,"seed":2}}}}', "duplicate_key",
                 ["/workflow/1/inputs/seed"]),
    "a metadata key": (raw('"metadata":{"a":"1","a":"2"}'), "duplicate_key", ["/metadata/a"]),
}

TOO_MUCH = {
    "100 levels": (nested(100), "too_deep", None),
    "100,000 levels": (nested(100_000), "too_deep", None),
    "100,000 open brackets": (b"[" * 100_000, "too_deep", None),
    "too many values": (b'{"workflow":{"1":{"class_type":"A","inputs":{"x":[' + b"1," * 400_000 + b"1]}}}}",
                        "content_too_large", ["/workflow/1/inputs/x"]),
    "too many nodes": (graph({str(number): {"class_type": "A"} for number in range(2001)}), "invalid_workflow", ["/workflow"]),
    "5 MiB": (b'{"title":"' + b"x" * (5 << 20) + b'"}', "content_too_large", None),
    "5 MiB of blanks": (text() + b" " * (5 << 20), "content_too_large", None),
}

NO_OBJECT = {name: (body, "validation_error", [""]) for name, body in {
    "null": b"null", "a number": b"7", "a text": b'"workflow"', "true": b"true", "a list": b"[]", "a list of submissions": b"[%s]" % text(),
}.items()}

MEMBERS = {
    "nothing": (b"{}", "validation_error", ["/workflow"]),
    "no workflow": (b'{"title":"a"}', "validation_error", ["/workflow"]),
    "an unknown member": (text(nonsense=1), "unknown_field", ["/nonsense"]),
    "an unknown member of ComfyUI's own": (text(client_id="x"), "unknown_field", ["/client_id"]),
    "ComfyUI's own body": (json.dumps({"prompt": GRAPH}).encode(), "unknown_field", ["/prompt", "/workflow"]),
    "a member in capitals": (text(Title="x"), "unknown_field", ["/Title"]),
    "a member with a slash": (text(**{"a/b~c": 1}), "unknown_field", ["/a~1b~0c"]),
    "a member without a name": (text(**{"": 1}), "unknown_field", ["/"]),
    "several at once": (text(nonsense=1, priority="x", title=7), "unknown_field", ["/nonsense", "/priority", "/title"]),
    "a title that is null": (text(title=None), "validation_error", ["/title"]),
    "a title that is empty": (text(title=""), "validation_error", ["/title"]),
    "a title that is long": (text(title="x" * 201), "validation_error", ["/title"]),
    "a title with U+0000": (raw('"title":"a\\u0000b"'), "validation_error", ["/title"]),
    "tags that are a text": (text(tags="a"), "validation_error", ["/tags"]),
    "tags that are an object": (text(tags={"a": 1}), "validation_error", ["/tags"]),
    "a tag that is a number": (text(tags=["a", 7]), "validation_error", ["/tags/1"]),
    "a tag that is empty": (text(tags=[""]), "validation_error", ["/tags/0"]),
    "a tag that is long": (text(tags=["x" * 65]), "validation_error", ["/tags/0"]),
    "a tag twice": (text(tags=["a", "b", "a"]), "validation_error", ["/tags/2"]),
    "33 tags": (text(tags=[str(number) for number in range(33)]), "validation_error", ["/tags"]),
    "metadata that is a list": (text(metadata=[]), "validation_error", ["/metadata"]),
    "a metadata value that is a number": (text(metadata={"a": 1}), "validation_error", ["/metadata/a"]),
    "a metadata value that is null": (text(metadata={"a": None}), "validation_error", ["/metadata/a"]),
    "a metadata value that is an object": (text(metadata={"a": {}}), "validation_error", ["/metadata/a"]),
    "a metadata value that is long": (text(metadata={"a": "x" * 1025}), "validation_error", ["/metadata/a"]),
    "a metadata key that is long": (text(metadata={"x" * 65: "a"}), "validation_error", [f"/metadata/{'x' * 65}"]),
    "a metadata key that is empty": (text(metadata={"": "a"}), "validation_error", ["/metadata/"]),
    "33 metadata keys": (text(metadata={str(number): "" for number in range(33)}), "validation_error", ["/metadata"]),
    "a priority that is a text": (text(priority="1"), "validation_error", ["/priority"]),
    "a priority that is real": (raw('"priority":1.0'), "validation_error", ["/priority"]),
    "a priority with an exponent": (raw('"priority":1e1'), "validation_error", ["/priority"]),
    "a priority above": (text(priority=101), "validation_error", ["/priority"]),
    "a priority below": (text(priority=-101), "validation_error", ["/priority"]),
    "a priority beyond all": (raw('"priority":99999999999999999999999'), "validation_error", ["/priority"]),
    "a priority that is null": (text(priority=None), "validation_error", ["/priority"]),
    "a priority that is true": (text(priority=True), "validation_error", ["/priority"]),
    "no attempts": (text(max_attempts=0), "validation_error", ["/max_attempts"]),
    "six attempts": (text(max_attempts=6), "validation_error", ["/max_attempts"]),
    "a deadline in the past": (text(deadline_seconds=-1), "validation_error", ["/deadline_seconds"]),
    "a deadline of now": (text(deadline_seconds=0), "validation_error", ["/deadline_seconds"]),
    "a deadline in the far future": (text(deadline_seconds=604801), "validation_error", ["/deadline_seconds"]),
    "no time": (text(timeout_seconds=0), "validation_error", ["/timeout_seconds"]),
    "too much time": (text(timeout_seconds=10 ** 9), "validation_error", ["/timeout_seconds"]),
    "a backend that is not there": (text(backend="gpu9"), "validation_error", ["/backend"]),
    "a backend that is empty": (text(backend=""), "validation_error", ["/backend"]),
    "a backend that is a number": (text(backend=0), "validation_error", ["/backend"]),
    "a backend that is an address": (text(backend="http://127.0.0.1:9"), "validation_error", ["/backend"]),
    "a dry run that is a text": (text(dry_run="yes"), "validation_error", ["/dry_run"]),
    "a dry run that is 1": (text(dry_run=1), "validation_error", ["/dry_run"]),
}

WORKFLOWS = {
    "null": (graph(None), "invalid_workflow", ["/workflow"]),
    "a text": (graph(GRAPH_TEXT), "invalid_workflow", ["/workflow"]),
    "a list": (graph([GRAPH["1"]]), "invalid_workflow", ["/workflow"]),
    "a number": (graph(1), "invalid_workflow", ["/workflow"]),
    "empty": (graph({}), "invalid_workflow", ["/workflow"]),
    "the editor's save format": (graph(EDITOR), "workflow_format_ui", ["/workflow"]),
    "the editor's save format, empty": (graph({"nodes": [], "links": []}), "workflow_format_ui", ["/workflow"]),
    "a request to ComfyUI": (graph({"prompt": GRAPH, "client_id": "x"}), "invalid_workflow", ["/workflow"]),
    "a node that is a text": (graph({"1": "EmptyImage"}), "invalid_workflow", ["/workflow/1"]),
    "a node that is null": (graph({**GRAPH, "3": None}), "invalid_workflow", ["/workflow/3"]),
    "a node without a class": (graph({"1": {"inputs": {}}}), "invalid_workflow", ["/workflow/1/class_type"]),
    "a class that is a number": (graph({"1": {"class_type": 7}}), "invalid_workflow", ["/workflow/1/class_type"]),
    "a class that is empty": (graph({"1": {"class_type": ""}}), "invalid_workflow", ["/workflow/1/class_type"]),
    "inputs that are a list": (graph({"1": {"class_type": "A", "inputs": []}}), "invalid_workflow", ["/workflow/1/inputs"]),
    "inputs that are null": (graph({"1": {"class_type": "A", "inputs": None}}), "invalid_workflow", ["/workflow/1/inputs"]),
    "a link to nowhere": (graph({"1": {"class_type": "A", "inputs": {"x": ["9", 0]}}}), "invalid_workflow",
                          ["/workflow/1/inputs/x"]),
    "a node without an id": (graph({"": {"class_type": "A"}}), "invalid_workflow", ["/workflow/"]),
    "an id with a slash": (graph({"a/b": {}}), "invalid_workflow", ["/workflow/a~1b/class_type"]),
    "an id with U+0000": (b'{"workflow":{"a\\u0000":{"class_type":"A"}}}', "invalid_workflow", ["/workflow"]),
    "many faults": (graph({"1": {}, "2": 7, "3": {"class_type": "A", "inputs": {"x": ["9", 0]}}}), "invalid_workflow",
                    ["/workflow/1/class_type", "/workflow/2", "/workflow/3/inputs/x"]),
}

ROWS = [pytest.param(*row, id=f"{group}: {name}") for group, rows in [
    ("not JSON", NOT_JSON), ("not UTF-8", NOT_UTF8), ("twice", TWICE), ("too much", TOO_MUCH), ("no object", NO_OBJECT),
    ("members", MEMBERS), ("workflow", WORKFLOWS)] for name, row in rows.items()]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One for all rows: what is refused leaves nothing behind, so that the last row would find it."""
    gateway = Gateway(tmp_path_factory.mktemp("bad-input") / "data")
    with time_limit(600):
        gateway.start()
        yield gateway
        gateway.stop()


def test_there_are_enough_of_them():
    assert len(ROWS) >= 60


@pytest.mark.parametrize("body, code, places", ROWS)
def test_bad_submission(gateway, body, code, places):
    body = body.encode("utf-16") if isinstance(body, str) else body
    answer = gateway.request("POST", "/v1/jobs", body=body)
    assert 400 <= answer.status < 500, answer
    found_code, found = answer.problem()
    assert found_code == code, answer
    assert found == places if places is not None else len(found) == (code != "content_too_large"), answer
    assert gateway.json("GET", "/v1/jobs") == {"data": [], "has_more": False, "next_cursor": None}


def test_the_editor_format_says_what_to_do(gateway):
    answer = gateway.request("POST", "/v1/jobs", body=graph(EDITOR))
    assert "Export (API)" in answer.json()["errors"][0]["detail"]


def test_32_faults_at_most(gateway):
    answer = gateway.request("POST", "/v1/jobs", body=graph({str(number): {} for number in range(100)}))
    assert len(answer.json()["errors"]) == 32


def test_a_retry_of_the_same_bytes_is_refused_the_same(gateway):
    """A refused submission does not use its Idempotency-Key up."""
    key = {"Idempotency-Key": "k"}
    assert gateway.request("POST", "/v1/jobs", body=text(priority=1000), headers=key).status == 422
    assert gateway.request("POST", "/v1/jobs", body=text(priority=1001), headers=key).status == 422
    answer = gateway.request("POST", "/v1/jobs", body=text(priority=1), headers=key)
    assert answer.status == 202 and answer.header("Idempotent-Replayed") is None
    gateway.request("POST", f"/v1/jobs/{answer.json()['id']}/cancel")
    assert gateway.request("DELETE", f"/v1/jobs/{answer.json()['id']}").status == 204


PATCHES = {
    "not JSON": (b"{", "malformed_json", None),
    "no object": (b"[]", "validation_error", [""]),
    "empty": (b"", "malformed_json", None),
    "status": (b'{"status":"succeeded"}', "unknown_field", ["/status"]),
    "id": (b'{"id":"x"}', "unknown_field", ["/id"]),
    "priority": (b'{"priority":101}', "validation_error", ["/priority"]),
    "attempts": (b'{"max_attempts":1}', "unknown_field", ["/max_attempts"]),
    "workflow": (b'{"workflow":{}}', "unknown_field", ["/workflow"]),
    "a title that is empty": (b'{"title":""}', "validation_error", ["/title"]),
    "a title that is a number": (b'{"title":1}', "validation_error", ["/title"]),
    "tags that are null": (b'{"tags":null}', "validation_error", ["/tags"]),
    "a tag twice": (b'{"tags":["a","a"]}', "validation_error", ["/tags/1"]),
    "metadata that is null": (b'{"metadata":null}', "validation_error", ["/metadata"]),
    "metadata that is a number": (b'{"metadata":{"a":1}}', "validation_error", ["/metadata/a"]),
    "a title twice": (b'{"title":"a","title":"b"}', "duplicate_key", ["/title"]),
    "not UTF-8": (b'{"title":"\xff"}', "invalid_utf8", ["/title"]),
}


@pytest.fixture(scope="module")
def job(gateway):
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture(), "title": "as it was"})
    yield job
    gateway.request("POST", f"/v1/jobs/{job['id']}/cancel")
    gateway.request("DELETE", f"/v1/jobs/{job['id']}")


@pytest.mark.parametrize("body, code, places", PATCHES.values(), ids=PATCHES)
def test_bad_patch(gateway, job, body, code, places):
    answer = gateway.request("PATCH", f"/v1/jobs/{job['id']}", body=body)
    assert 400 <= answer.status < 500 and answer.problem()[0] == code, answer
    assert places is None or answer.problem()[1] == places, answer
    assert gateway.json("GET", f"/v1/jobs/{job['id']}") == job
