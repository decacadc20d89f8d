"""The fake Discord's second way out: interactions that are posted, signed, to an address of the application."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from discord import NotPossible
from place import PNG, fakes, place  # noqa: F401  (two are fixtures)
from small_bot import BOUNDARY, NOBODY, form


class Endpoint(ThreadingHTTPServer):
    """An application that answers as it is told."""

    def __init__(self, public_key):
        super().__init__(("127.0.0.1", 0), Handler)
        self.key = VerifyKey(bytes.fromhex(public_key))
        self.is_careless = False
        self.answer = (200, "application/json", {"type": 4, "data": {"content": "here", **NOBODY}})
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/interactions"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            signature = bytes.fromhex(self.headers["X-Signature-Ed25519"])
            self.server.key.verify(self.headers["X-Signature-Timestamp"].encode() + body, signature)
        except BadSignatureError:
            if not self.server.is_careless:
                return self.reply(401, "text/plain", b"")
        if json.loads(body)["type"] == 1:
            return self.reply(200, "application/json", {"type": 1})
        return self.reply(*self.server.answer)

    def reply(self, status, kind, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(place):
    server = Endpoint(place.fake.public_key)
    yield server
    server.shutdown()
    server.server_close()


def test_the_response_is_the_answer(place, endpoint):
    place.fake.interactions_endpoint(endpoint.url)
    assert place.bot.request("GET", "/applications/@me").json()["interactions_endpoint_url"] == endpoint.url
    asked = place.ask()
    assert asked.wait_answer()["via"] == "endpoint" and asked.message().content == "here"
    assert place.bot.edit(asked, {"content": "more"}).status == 200
    place.fake.interactions_endpoint(None)
    assert place.ask().sent == 0


def test_a_response_with_files(place, endpoint):
    place.fake.interactions_endpoint(endpoint.url)
    body = {"type": 4, "data": {"attachments": [{"id": "0", "filename": "a.png"}], **NOBODY}}
    endpoint.answer = (200, f"multipart/form-data; boundary={BOUNDARY}", form(body, [("files[0]", "a.png", PNG)]))
    asked = place.ask()
    asked.wait_answer()
    assert asked.message().files()[0].data == PNG


def test_202_and_then_the_callback(place, endpoint):
    place.fake.interactions_endpoint(endpoint.url)
    endpoint.answer = (202, "text/plain", b"")
    asked = place.ask()
    assert place.bot.say(asked, "by callback").status == 204
    assert asked.message().content == "by callback"


def test_an_address_that_does_not_check_signatures(place, endpoint):
    endpoint.is_careless = True
    with pytest.raises(NotPossible):
        place.fake.interactions_endpoint(endpoint.url)


@pytest.mark.parametrize("answer, rule", [
    ((500, "text/plain", b"oh"), "ENDPOINT"), ((200, "application/json", b"{"), "ENDPOINT"),
    ((200, "application/json", {"type": 4, "data": {"content": "x"}}), "HOUSE_MENTIONS"),
    ((200, "application/json", {"type": 4, "data": {"content": "x" * 2001, **NOBODY}}), "BASE_TYPE_BAD_LENGTH")])
def test_a_response_that_is_wrong(place, endpoint, answer, rule):
    place.fake.interactions_endpoint(endpoint.url)
    endpoint.answer = answer
    place.ask()
    place.fake.allow("ENDPOINT", "UNANSWERED")
    place.fake.wait_breach(rule)


def test_answered_twice(place, endpoint):
    place.fake.interactions_endpoint(endpoint.url)
    asked = place.ask()
    asked.wait_answer()
    assert place.bot.say(asked, "again").code == 40060
    place.fake.wait_breach("ANSWERED_TWICE")
