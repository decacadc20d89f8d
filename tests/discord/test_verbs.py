"""comfygate-discord's verbs, exit codes, and the second way in: what an administrator sees."""
import http.client
import os
import signal
import time

import pytest

from adapter import wait_for

INVITATION = "https://discord.com/oauth2/authorize?client_id={}&scope=bot+applications.commands&permissions=274878024704"


def test_version_and_help(chats):
    chat = chats(start=False)
    code, out, _ = chat.adapter.run("version")
    assert code == 0 and out.startswith("comfygate-discord ")
    for verb in ("--help", "run"):
        code, out, _ = chat.adapter.run(verb, help="")
        assert code == (0 if verb == "--help" else 2)
    code, _, errors = chat.adapter.run("dance")
    assert code == 2 and "there is no verb dance" in errors and "register" in errors


def test_check_of_what_is_right(chat):
    code, out, errors = chat.adapter.run("check")
    assert code == 0, out + errors
    assert "FAIL" not in out and "The token is right" in out and chat.fake.application_id in out
    assert "more times before" in out and "are registered" in out and "templates can run" in out
    assert INVITATION.format(chat.fake.application_id) in out
    assert chat.fake.token not in out + errors


def test_check_of_a_wrong_token(chats):
    chat = chats(start=False)
    chat.fake.allow("BAD_TOKEN")
    code, out, errors = chat.adapter.run("check", token="not.the.token")
    assert code == 3 and "FAIL  The token is wrong" in out
    assert "not.the.token" not in out + errors
    chat.fake.breaches()


def test_check_without_comfygate(chats):
    chat = chats(start=False)
    code, out, _ = chat.adapter.run("check", url="http://127.0.0.1:9")
    assert code == 1 and "ok    The token is right" in out
    assert "FAIL  comfygate at http://127.0.0.1:9 cannot be reached" in out


def test_check_of_a_server_without_the_bot(chats):
    chat = chats(start=False)
    other = chat.fake.guild("Other", has_bot=False)
    chat.fake.allow("FORBIDDEN_GUILD")
    code, out, _ = chat.adapter.run("check", guild_ids=other)
    assert code == 1 and f"FAIL  Commands ({other}): the bot is not in this server" in out


def test_register(chats):
    chat = chats(start=False)
    assert not chat.fake.commands()
    code, out, errors = chat.adapter.run("register")
    assert code == 0 and "registered everywhere" in out, errors
    assert "generate" in chat.fake.commands()


def test_register_for_a_server(chats):
    chat = chats(start=False)
    code, out, _ = chat.adapter.run("register", guild_ids=chat.guild)
    assert code == 0 and "in the servers of guild_ids" in out
    assert not chat.fake.commands() and len(chat.fake.commands(chat.guild)) > 10


@pytest.mark.patient
def test_register_without_comfygate_changes_nothing(chats):
    chat = chats(start=False)
    code, _, errors = chat.adapter.run("register", timeout=60, url="http://127.0.0.1:9")
    assert code == 1 and "comfygate cannot be reached" in errors
    assert not chat.fake.commands()


@pytest.mark.parametrize("code, expected", [(4004, 3), (4010, 4), (4011, 4), (4012, 5), (4013, 5), (4014, 5)])
def test_closes_for_good(chats, code, expected):
    chat = chats(start=False)
    chat.fake.fault("close", at="identify", code=code)
    chat.adapter.start(wait=False)
    assert chat.adapter.wait_exit() == expected
    assert str(code) in chat.adapter.log() or code in (4013, 4014)


def test_a_wrong_token_ends_it(chats):
    chat = chats(start=False)
    chat.fake.allow("BAD_TOKEN")
    chat.adapter.start(wait=False, token="not.the.token")
    assert chat.adapter.wait_exit() == 3
    assert "not.the.token" not in chat.adapter.log()
    assert len(chat.fake.requests()) <= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_5_seconds(chat, number):
    chat.generate()
    begun = time.monotonic()
    code = chat.adapter._end(number)
    assert code == 0 and time.monotonic() - begun < 5
    ended = wait_for(lambda: [entry for entry in chat.fake.connections() if entry["ended"]])
    assert [entry["client_close"] for entry in ended] == [1000], ended


def test_no_secret_in_the_log(chat):
    asked = chat.generate(prompt="a very private wish")
    asked.final()
    log = chat.adapter.log()
    assert chat.fake.token not in log and asked.token not in log and "private wish" not in log


@pytest.fixture
def posted(chats):
    chat = chats(start=False)
    chat.adapter.start(wait=False, mode="http", listen="127.0.0.1:0", public_key=chat.fake.public_key)
    line = wait_for(lambda: [row for row in chat.adapter.log().splitlines() if "listening on http" in row])
    chat.address = line[0].split(" on ")[1]
    wait_for(lambda: chat.fake.commands(), what="the registration of commands")
    chat.fake.interactions_endpoint(chat.address)
    return chat


def test_a_picture_over_http(posted):
    asked = posted.generate()
    assert asked.wait_answer()["via"] == "endpoint"
    final = asked.final()
    assert final.files() and len([message for message in asked.messages() if not message.deleted]) == 1
    assert not posted.fake.connections()


def test_autocomplete_and_modal_over_http(posted):
    choices = posted.fake.autocomplete(posted.anna, posted.channel, "generate", "model", "chat").choices()
    assert "chat-picture" in [choice["value"] for choice in choices]
    final = posted.made()
    assert posted.fake.press(posted.anna, final, "Change and run").wait_answer()["type"] == 9


def test_thinking_over_http(posted):
    os.kill(posted.gateway.pid, signal.SIGSTOP)
    try:
        asked = posted.generate()
        answer = asked.wait_answer()
        assert (answer["type"], answer["via"]) == (5, "endpoint") and answer["after"] < 2
    finally:
        os.kill(posted.gateway.pid, signal.SIGCONT)
    assert asked.final().files() and len(asked.messages()) == 1


def test_an_endpoint_beside_the_gateway(posted):
    """Everything would go to the address, and a bot at the Gateway would stay silent: it says so."""
    code, out, _ = posted.adapter.run("check", mode="gateway")
    assert code == 1 and f"FAIL  The application has the Interactions Endpoint URL {posted.address}" in out
    posted.adapter.stop()
    posted.adapter.start(mode="gateway")
    wait_for(lambda: posted.adapter.events("interactions_go_elsewhere"), what="the warning")


def test_check_over_http(posted):
    code, out, _ = posted.adapter.run("check")
    assert code == 0 and f"Discord sends commands to {posted.address}" in out
    code, out, _ = posted.adapter.run("check", public_key="ab" * 32)
    assert code == 1 and f"FAIL  public_key is that of another application: this one's is {posted.fake.public_key}" in out


def test_what_is_posted_by_strangers(posted):
    def post(body, method="POST", headers=None):
        host, port = posted.address.split("//")[1].split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request(method, "/interactions", body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()

    ping = b'{"type":1,"id":"1","application_id":"2","token":"t"}'
    assert post(ping)[0] == 401
    assert post(ping, headers={"X-Signature-Ed25519": "zz" * 64, "X-Signature-Timestamp": str(int(time.time()))})[0] == 401
    assert post(ping, headers={"X-Signature-Ed25519": "ab" * 64, "X-Signature-Timestamp": str(int(time.time()))})[0] == 401
    assert post(ping, headers={"X-Signature-Ed25519": "ab" * 64, "X-Signature-Timestamp": "soon"})[0] == 401
    assert post(b"", method="GET")[0] == 405
    assert post(b"x" * (1 << 20))[0] == 401
    assert post(b"x" * ((1 << 20) + 1))[0] == 413
    assert posted.generate().final().files()
