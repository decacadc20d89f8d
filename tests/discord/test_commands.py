"""The commands that are registered, when they are registered, and the program's verbs, settings and exit codes."""
import json
import re
import shutil
import subprocess

import pytest

from adapter import BIN, wait_for
from chat import TEMPLATES
from test_buttons import said
from test_lists import offered

PUT = "PUT /applications/{application_id}/commands"
PUT_GUILD = "PUT /applications/{application_id}/guilds/{guild_id}/commands"
NAMES = {"generate", "edit", "upscale", "animate", "queue", "cancel", "jobs", "show", "settings", "status", "loras", "help"}
MENUS = {"Edit", "Upscale", "Animate"}
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def registered(chat, count):
    return wait_for(lambda: len(chat.fake.requests(PUT)) >= count and chat.fake.commands(), what=f"{count} registrations")


def option(chat, command, name):
    return next((each for each in chat.fake.commands()[command]["options"] if each["name"] == name), None)


@pytest.fixture
def own(chats, tmp_path):
    """A chat whose templates are in a folder of the test's."""
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    chat = chats(adapter={"templates_ms": 200}, templates_dir=str(folder))
    chat.folder = folder
    return chat


def add_template(chat, name, change=lambda manifest: None, source="chat-picture"):
    target = chat.folder / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(chat.folder / source, target)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest.update(name=name, title=name.title())
    change(manifest)
    (target / "manifest.json").write_text(json.dumps(manifest))
    reload(chat)


def reload(chat):
    chat.gateway.json("POST", "/v1/templates/reload")


# ---- what they are ------------------------------------------------------------------------------


def test_the_commands(chat):
    """The fake holds each to the official file and to what that misses; here is what a user looks for."""
    commands = chat.fake.commands()
    assert NAMES | MENUS <= set(commands)
    for name, command in commands.items():
        assert re.fullmatch(r"[-_a-z0-9]{1,32}", name) or name in MENUS
        assert len(json.dumps(command.get("options", []))) < 8000
        names = [each["name"] for each in command.get("options", [])]
        assert len(names) == len(set(names)) <= 25
    assert {"prompt", "model", "size", "steps", "seed", "lora", "lora_strength"} <= {each["name"] for each in commands["generate"]["options"]}
    assert not any(each.get("required") for each in commands["generate"]["options"]), "without a prompt the view opens"
    assert option(chat, "cancel", "job")["required"] and option(chat, "cancel", "job")["autocomplete"]
    image = [each for each in commands["edit"]["options"] if each["type"] == 11]
    assert image and image[0]["required"] and len(image) >= 2


def test_in_one_server_alone(chats):
    chat = chats(start=False)
    chat.adapter.start(guild_ids=chat.guild)
    assert NAMES <= set(chat.fake.commands(chat.guild)) and not chat.fake.commands()
    chat.made()


@pytest.mark.parametrize("is_first", [True, False])
def test_in_two_servers_of_which_one_does_not_know_us(chats, is_first):
    """The other one has them all the same; which is wrong is said."""
    chat = chats(start=False)
    other = chat.fake.guild("Other", has_bot=False)
    guilds = [other, chat.guild] if is_first else [chat.guild, other]
    chat.adapter.start(wait=False, guild_ids=",".join(guilds))
    wait_for(lambda: chat.adapter.events("commands_not_registered"), what="the warning")
    assert f"server {other}: Discord says: Missing Access" in chat.adapter.events("commands_not_registered")[0]["reason"]
    assert NAMES <= set(chat.fake.commands(chat.guild))
    chat.made()
    code, _, errors = chat.adapter.run("register")
    assert code == 1 and other in errors and chat.guild not in errors


def test_servers_instead_of_everywhere_and_back(chats):
    """As one does who tries it out in a server of their own: nobody sees a command twice."""
    chat = chats(start=False)
    chat.adapter.start(guild_ids=chat.guild)
    chat.adapter.restart(guild_ids="")
    wait_for(lambda: not chat.fake.commands(chat.guild), what="their end in the server")
    assert NAMES <= set(chat.fake.commands())
    other = chat.fake.guild("Other")
    chat.adapter.restart(guild_ids=f" {other}, {chat.guild}")
    wait_for(lambda: not chat.fake.commands(), what="their end everywhere")
    assert NAMES <= set(chat.fake.commands(chat.guild)) and NAMES <= set(chat.fake.commands(other))
    puts = len(chat.fake.requests("PUT"))
    chat.adapter.restart(guild_ids=f"{chat.guild},{other}")
    wait_for(lambda: chat.adapter.events("commands")[-1]["state"] == "unchanged", what="the comparison")
    assert len(chat.fake.requests("PUT")) == puts
    code, out, errors = chat.adapter.run("register", guild_ids=chat.guild)
    assert code == 0 and "in the servers of guild_ids" in out, errors
    assert not chat.fake.commands(other)


# ---- when they are registered -------------------------------------------------------------------


def test_nothing_is_registered_that_is_registered(chat):
    """After restarts of the bot, of comfygate and of the connection."""
    registered(chat, 1)
    wait_for(lambda: chat.adapter.events("commands_registered"), what="its note")
    for _ in range(2):
        before = len(chat.adapter.events("commands"))
        chat.adapter.restart()
        told = wait_for(lambda: chat.adapter.events("commands")[before:], what="the comparison")
        assert told[0]["state"] == "unchanged"
    chat.gateway.restart()
    chat.fake.fault("op9", at="now", resumable=False)
    wait_for(lambda: len([entry for entry in chat.fake.connections() if entry["identify"]]) == 4, what="a new session")
    chat.made()
    assert len(chat.fake.requests(PUT)) == 1


def test_a_new_template_is_offered(own):
    """Without a restart: the model, and its own option."""
    before = len(own.fake.requests(PUT))
    assert option(own, "generate", "glow") is None

    def glow(manifest):
        manifest["input"]["properties"]["glow"] = {
            "type": "integer", "minimum": 1, "maximum": 9, "default": 3, "title": "Glow", "description": "How much it glows.",
            "x-ui": {"order": 15}, "x-comfy": {"title": "Sampler", "input": "steps"}}
        del manifest["input"]["properties"]["steps"]
    add_template(own, "chat-glow", glow)
    found = wait_for(lambda: option(own, "generate", "glow"), what="the option")
    assert (found["type"], found["min_value"], found["max_value"], found["description"]) == (4, 1, 9, "How much it glows.")
    assert "chat-glow" in [value for _, value in offered(own, "model")]
    asked = own.fake.command(own.anna, own.channel, "generate", {"model": "chat-glow", "prompt": "x", "glow": 2})
    asked.wait_answer()
    assert asked.final().files() and own.jobs()[0]["input"]["glow"] == 2
    assert len(own.fake.requests(PUT)) == before + 1


def test_a_template_that_has_changed(own):
    """Its range: by itself, although the list of templates looks as before."""
    add_template(own, "chat-own", lambda manifest: manifest["input"]["properties"].update(
        glow={**manifest["input"]["properties"].pop("steps"), "x-ui": {"order": 15}, "maximum": 10}))
    wait_for(lambda: (option(own, "generate", "glow") or {}).get("max_value") == 10, what="the option")
    add_template(own, "chat-own", lambda manifest: manifest["input"]["properties"].update(
        glow={**manifest["input"]["properties"].pop("steps"), "x-ui": {"order": 15}, "maximum": 77}))
    wait_for(lambda: option(own, "generate", "glow")["max_value"] == 77, what="the change")


def test_a_template_that_has_gone(own):
    add_template(own, "chat-short-lived", lambda manifest: manifest["input"]["properties"].update(
        glow={**manifest["input"]["properties"].pop("steps"), "x-ui": {"order": 15}}))
    wait_for(lambda: option(own, "generate", "glow"), what="the option")
    asked = own.fake.command(own.anna, own.channel, "generate", {"model": "chat-short-lived", "prompt": "x"})
    asked.wait_answer()
    final = asked.final()
    shutil.rmtree(own.folder / "chat-short-lived")
    reload(own)
    wait_for(lambda: option(own, "generate", "glow") is None, what="its end")
    assert "chat-short-lived" not in [value for _, value in offered(own, "model")]
    assert "not here any more" in said(own.fake.press(own.anna, final, "Run again"))


def test_templates_that_come_and_go_cost_no_creations(own):
    """Only names that are new count at Discord; ours stay the same."""
    names = set(own.fake.commands())
    for n in range(4):
        add_template(own, f"chat-{n}", lambda manifest, n=n: manifest["input"]["properties"].update(
            {f"glow{n}": {**manifest["input"]["properties"].pop("steps"), "x-ui": {"order": 15}}}))
        wait_for(lambda n=n: option(own, "generate", f"glow{n}"), what="the option")
    assert set(own.fake.commands()) == names


@pytest.mark.patient
@pytest.mark.parametrize("name, params", [
    ("error", {"status": 400, "code": 30034, "message": "Max number of daily application command creates has been reached (200)"}),
    ("limited", {"retry_after": 0.5}), ("status", {"status": 500}), ("error", {"status": 403, "code": 50001}), ("reset", {}),
    ("html", {"status": 502})], ids=["30034", "429", "500", "403", "reset", "502"])
def test_a_registration_that_fails_stops_nothing(chat, name, params):
    """The old commands go on working."""
    chat.fake.fault(name, route="PUT", count=None, **params)
    chat.adapter.stop()
    before = len(chat.fake.requests(PUT))
    chat.gateway.request("DELETE", f"/v1/preferences/discord.{chat.fake.application_id}.commands.everywhere")
    chat.adapter.start()
    wait_for(lambda: len(chat.fake.requests(PUT)) > before, what="the attempt")
    chat.made()
    if name in ("error", "html", "status", "reset"):
        wait_for(lambda: chat.adapter.events("commands_not_registered"), 30, "the warning")
    if name == "error":
        assert len(chat.fake.requests(PUT)) == before + 1, "it is not tried again at once"
        if "message" in params:
            assert "Max number of daily" in str(chat.adapter.events("commands_not_registered"))
    chat.fake.clear_faults()
    if name in ("limited", "error"):
        chat.adapter.restart()
        wait_for(lambda: chat.fake.requests(PUT)[-1]["status"] == 200, what="the registration")


def test_comfygate_is_away_at_the_start(chats):
    """What commands there are is not known then: none are taken away, and they come as soon as it is there."""
    chat = chats()
    chat.adapter.stop()
    chat.gateway.kill()
    before = len(chat.fake.requests(PUT))
    chat.adapter.start()
    assert NAMES <= set(chat.fake.commands())
    asked = chat.generate()
    asked.wait_answer()
    assert len(chat.fake.requests(PUT)) == before
    chat.gateway.start()
    wait_for(lambda: chat.adapter.events("commands")[1:], 30, "the comparison")
    chat.made()
    assert len(chat.fake.requests(PUT)) == before


def test_another_application_has_its_own(chats):
    """The note of what was registered is one application's."""
    chat = chats()
    registered(chat, 1)
    wait_for(lambda: f"discord.{chat.fake.application_id}.commands.everywhere" in
             [entry["key"] for entry in chat.gateway.json("GET", "/v1/preferences?prefix=discord.")["data"]], what="the note")


# ---- the program --------------------------------------------------------------------------------


def program(*arguments, **environment):
    done = subprocess.run([str(BIN), *arguments], capture_output=True, text=True, timeout=20, check=False,
                          env={**ENVIRONMENT, **environment}, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], ["run", "--help"], ["check", "-h"]])
def test_help(arguments):
    code, out, errors = program(*arguments)
    assert code == 0 and errors == ""
    for verb in ("run", "register", "check", "version"):
        assert re.search(rf"^  {verb} ", out, re.MULTILINE)
    for words in ("Exit codes: 0", "COMFYGATE_DISCORD_TOKEN_FILE", "--jobs-at-once", "https://discord.com/developers/applications"):
        assert words in out


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version(arguments):
    code, out, errors = program(*arguments)
    assert code == 0 and re.fullmatch(r"comfygate-discord \d+\.\d+\.\d+\S*\n", out) and errors == ""


@pytest.mark.parametrize("arguments, words", [
    ([], "Usage:"), (["dance"], "no verb dance"), (["--token=x"], "--token"), (["run"], "COMFYGATE_DISCORD_TOKEN_FILE"),
    (["run", "--token="], "COMFYGATE_DISCORD_TOKEN_FILE"),
    (["run", "--token=x", "--nonsense=1"], "nonsense"), (["run", "--token=x", "extra"], "extra"),
    (["run", "--token=x", "--edit-ms=abc"], "--edit-ms"), (["run", "--token=x", "--edit-ms=0"], "--edit-ms"),
    (["run", "--token=x", "--edit-ms=20000"], "edit_slow_ms"), (["run", "--token=x", "--press=everybody"], "press"),
    (["run", "--token=x", "--mode=http"], "public_key"), (["run", "--token=x", "--mode=http", "--public-key=abc"], "public_key"),
    (["run", "--token=x", "--shard=2/2"], "shard"), (["run", "--token=x", "--shard=1"], "shard"),
    (["run", "--token=x", "--guild-ids=general"], "guild_ids"), (["run", "--token=x", "--allowed-roles=painter"], "allowed_roles"),
    (["run", "--token=x", "--url=localhost:8090"], "url"), (["run", "--token=x", "--api-base=ftp://x"], "api_base"),
    (["run", "--token=x", "--public-url=https://a b"], "public_url"), (["run", "--token=Bot x"], "token"),
    (["run", "--token=x", "--config=/nonexistent/file"], "/nonexistent/file"),
    (["register"], "COMFYGATE_DISCORD_TOKEN_FILE"), (["check"], "COMFYGATE_DISCORD_TOKEN_FILE"),
    (["check", "--token=x", "--log-level=loud"], "--log-level"), (["run", "--token"], "token"),
], ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "")
def test_what_is_wrong_is_named(arguments, words):
    """One line, no log, exit code 2; nothing was asked of anybody."""
    code, out, errors = program(*arguments)
    assert code == 2 and words in errors, (code, errors)
    assert out == "" and (len(errors.splitlines()) == 1 or "Usage" in errors), errors


@pytest.mark.parametrize("name, value, words", [
    ("COMFYGATE_DISCORD_NONSENSE", "1", "COMFYGATE_DISCORD_NONSENSE"), ("COMFYGATE_DISCORD_JOBS_AT_ONCE", "many", "COMFYGATE_DISCORD_JOBS_AT_ONCE"),
    ("COMFYGATE_DISCORD_TOKEN_FILE", "/nonexistent/token", "/nonexistent/token"), ("COMFYGATE_DISCORD_CONFIG", "/nonexistent/x", "/nonexistent/x")])
def test_variables_that_are_wrong(name, value, words):
    code, _, errors = program("run", **({"COMFYGATE_DISCORD_TOKEN": "x"} if "TOKEN" not in name else {}), **{name: value})
    assert code == 2 and words in errors and len(errors.splitlines()) == 1, errors


def test_both_a_token_and_a_file_of_it(tmp_path):
    (tmp_path / "token").write_text("y")
    code, _, errors = program("run", "--mode=http", COMFYGATE_DISCORD_TOKEN="x", COMFYGATE_DISCORD_TOKEN_FILE=str(tmp_path / "token"))
    assert code == 2, errors


def test_settings_of_a_file(chats, tmp_path):
    """With a token in a file of its own, and comfygate's own settings beside ours."""
    chat = chats(start=False)
    (tmp_path / "token").write_text(chat.fake.token + "\n")
    (tmp_path / "settings.ini").write_text(f"url = {chat.gateway.url}\n[discord]\napi_base = {chat.fake.rest_url} ; for tests\n")
    code, out, errors = program("register", f"--config={tmp_path / 'settings.ini'}", COMFYGATE_DISCORD_TOKEN_FILE=str(tmp_path / "token"))
    assert code == 0 and "registered everywhere" in out, errors
    assert NAMES <= set(chat.fake.commands())
    (tmp_path / "settings.ini").write_text("[discord]\njobs_at_onec = 3\n")
    code, _, errors = program("register", f"--config={tmp_path / 'settings.ini'}", COMFYGATE_DISCORD_TOKEN="x")
    assert code == 2 and "jobs_at_onec" in errors and "2" in errors


def test_check_names_all_that_is_wrong_at_once(chats):
    """A wrong token, and no comfygate: two lines, and the token's exit code."""
    chat = chats(start=False)
    chat.fake.allow("BAD_TOKEN")
    code, out, _ = chat.adapter.run("check", token="not.the.token", url="http://127.0.0.1:9")
    assert code == 3 and len([line for line in out.splitlines() if line.startswith("FAIL")]) == 2
    assert "The token is wrong" in out and "cannot be reached" in out


@pytest.mark.parametrize("name, params, words", [
    ("identify_exhausted", {}, "warn  The bot may connect 0 more times"), ("status", {"route": "GET /gateway/bot", "status": 400}, "FAIL  Discord's Gateway"),
    ("html", {"route": "GET /users/@me", "status": 403}, "FAIL  Discord at"),
], ids=["no_identify_left", "gateway", "cloudflare"])
def test_check_of_what_is_odd_at_discord(chats, name, params, words):
    chat = chats(start=False)
    chat.fake.fault(name, count=None, **params)
    code, out, _ = chat.adapter.run("check")
    assert words in out and code == (1 if "FAIL" in words else 0), out


def test_check_of_a_comfygate_without_a_comfyui(chats):
    chat = chats(start=False, start_sim=False)
    wait_for(lambda: chat.gateway.json("GET", "/readyz")["status"] != "ready")
    code, out, _ = chat.adapter.run("check")
    assert code == 0 and "warn  It takes jobs, but a ComfyUI is away" in out and "FAIL" not in out, out


def test_check_of_another_server_than_comfygate(chats):
    chat = chats(start=False)
    chat.fake.allow("USER_AGENT", "API_VERSION", "UNKNOWN_ROUTE")
    code, out, _ = chat.adapter.run("check", url=chat.fake.origin)
    assert code == 1 and "is it comfygate?" in out


def test_check_changes_nothing(chat):
    before = {"commands": chat.fake.commands(), "jobs": chat.jobs(), "messages": chat.fake.messages(chat.channel)}
    asked = len(chat.fake.requests())
    code, out, _ = chat.adapter.run("check")
    assert code == 0 and "FAIL" not in out
    assert before == {"commands": chat.fake.commands(), "jobs": chat.jobs(), "messages": chat.fake.messages(chat.channel)}
    assert {entry["method"] for entry in chat.fake.requests()[asked:]} == {"GET"}
