"""Each rule that the fake Discord holds requests to: what breaks it, how that is answered, and what is kept of it."""
import time

import pytest

from place import GENERATE, PNG, ROW, fakes, place  # noqa: F401  (two are fixtures)
from small_bot import AGENT, BOUNDARY, NOBODY, form

REFUSED, NOTED = True, False


def button(**more):
    return {"type": 2, "style": 1, "label": "x", "custom_id": "x", **more}


def rows(*components):
    return {"components": [{"type": 1, "components": list(components)}]}


def select(**more):
    options = [{"label": "a", "value": "a"}, {"label": "b", "value": "b"}]
    return {"type": 3, "custom_id": "s", "options": options, **more}


def embed(**more):
    return {"embeds": [{"title": "t", **more}]}


MESSAGES = [
    ("content of 2001", {"content": "x" * 2001}, "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("a title of 257", embed(title="x" * 257), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("a description of 4097", embed(description="x" * 4097), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("26 fields", embed(fields=[{"name": "n", "value": "v"}] * 26), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("a field's value of 1025", embed(fields=[{"name": "n", "value": "x" * 1025}]), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("a field without value", embed(fields=[{"name": "n", "value": " "}]), "BASE_TYPE_REQUIRED", REFUSED),
    ("embeds of 6001", {"embeds": [{"description": "x" * 3000}, {"description": "x" * 3000, "footer": {"text": "x"}}]},
     "MAX_EMBED_SIZE_EXCEEDED", REFUSED),
    ("11 embeds", {"embeds": [{"title": "t"}] * 11}, "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("an empty embed", {"embeds": [{"color": 1}]}, "EMPTY_EMBED", NOTED),
    ("a colour that is none", embed(color=1 << 24), "NUMBER_TYPE_MAX", REFUSED),
    ("an unknown property", {"content": "x", "colour": 1}, "UNKNOWN_PROPERTY", NOTED),
    ("an unknown property deep within", embed(image={"url": "https://x", "size": 1}), "UNKNOWN_PROPERTY", NOTED),
    ("no allowed_mentions", {"content": "x", "allowed_mentions": None}, "HOUSE_MENTIONS", NOTED),
    ("everyone may be pinged", {"content": "x", "allowed_mentions": {"parse": ["everyone"]}}, "HOUSE_MENTIONS", NOTED),
    ("parse and users", {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
     "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", REFUSED),
    ("6 rows", {"content": "x", "components": [
        {"type": 1, "components": [button(custom_id=str(n))]} for n in range(6)]}, "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("6 buttons", rows(*[button(custom_id=str(n)) for n in range(6)]), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("an empty row", rows(), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("a button with a select", rows(button(), select()), "COMPONENT_LAYOUT_WIDTH_EXCEEDED", REFUSED),
    ("a button outside a row", {"content": "x", "components": [button()]}, "BASE_TYPE_CHOICES", REFUSED),
    ("a custom_id twice", rows(button(), button()), "COMPONENT_CUSTOM_ID_DUPLICATED", REFUSED),
    ("a custom_id of 101", rows(button(custom_id="x" * 101)), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("a button without custom_id", rows({"type": 2, "style": 1, "label": "x"}),
     "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", REFUSED),
    ("a button that says nothing", rows(button(label="")), "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", REFUSED),
    ("a label of 81", rows(button(label="x" * 81)), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("a link without url", rows({"type": 2, "style": 5, "label": "x"}), "BUTTON_COMPONENT_URL_REQUIRED", REFUSED),
    ("a link to a file", rows({"type": 2, "style": 5, "label": "x", "url": "file:///x"}), "URL_TYPE_INVALID_SCHEME",
     REFUSED),
    ("a link with a custom_id", rows({"type": 2, "style": 5, "label": "x", "url": "https://x", "custom_id": "x"}),
     "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", REFUSED),
    ("an emoji that is none", rows(button(emoji={"name": "up"})), "COMPONENT_INVALID_EMOJI", REFUSED),
    ("a style that is none", rows(button(style=9)), None, REFUSED),
    ("26 options", rows(select(options=[{"label": "x", "value": str(n)} for n in range(26)])),
     "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("an option twice", rows(select(options=[{"label": "x", "value": "x"}] * 2)),
     "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", REFUSED),
    ("too many defaults", rows(select(options=[{"label": "x", "value": str(n), "default": True} for n in range(2)])),
     "SELECT_COMPONENT_TOO_MANY_DEFAULTS", REFUSED),
    ("more values than options", rows(select(max_values=3)), "SELECT_COMPONENT_VALUES", REFUSED),
    ("a placeholder of 151", rows(select(placeholder="x" * 151)), "BASE_TYPE_BAD_LENGTH", REFUSED),
    ("a file that is not there", {"content": "x", "attachments": [{"id": "0"}]}, "ATTACHMENT_NOT_FOUND", REFUSED),
    ("a picture that is not there", embed(image={"url": "attachment://a.png"}), "ATTACHMENT_NOT_THERE", NOTED),
    ("components v2 with content", {"content": "x", "flags": 1 << 15, "components": [{"type": 10, "content": "x"}]},
     "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", REFUSED),
    ("bits that cannot be set", {"content": "x", "flags": 1 << 7}, "FLAGS", REFUSED),
    ("an id that is none", {"content": "x", "attachments": [{"id": "x1"}]}, "NUMBER_TYPE_COERCE", REFUSED),
]


def expect(place, answer, rule, is_refused):
    """That breach, and no other."""
    assert (answer.status == 400) == is_refused, answer
    if is_refused:
        told = answer.json()
        assert told["code"] == 50035 and told["errors"], told
    kept = place.fake.call("breaches", clear=True)
    assert kept and (rule is None or {breach["rule"] for breach in kept} == {rule}), kept


@pytest.mark.parametrize("body, rule, is_refused", [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES])
def test_a_message(place, body, rule, is_refused):
    place.fake.limits(on=False)
    asked = place.deferred()
    expect(place, place.bot.edit(asked, body), rule, is_refused)
    expect(place, place.bot.post(place.channel, body), rule, is_refused)
    expect(place, place.bot.answer(place.ask(), 4, {**NOBODY, **body}), rule, is_refused)
    expect(place, place.bot.follow_up(place.said(), body), rule, is_refused)


FILES = [
    ("a file that is not listed", {"attachments": []}, [("a.png", PNG)], "FILE_NOT_LISTED"),
    ("a name with a path", {}, [("../a.png", PNG)], "UNSAFE_FILENAME"),
    ("a name with a leading dot", {"attachments": [{"id": "0", "filename": ".a"}]}, [("a.png", PNG)],
     "UNSAFE_FILENAME"),
    ("a video in an embed", embed(image={"url": "attachment://a.mp4"}), [("a.mp4", b"x")], "ATTACHMENT_NO_PICTURE"),
    ("two of one name", embed(image={"url": "attachment://a.png"}), [("a.png", PNG), ("a.png", PNG)],
     "ATTACHMENT_AMBIGUOUS"),
    ("a file that is listed twice", {"attachments": [{"id": "0"}, {"id": "0"}]}, [("a.png", PNG)],
     "ATTACHMENT_DUPLICATED"),
]


@pytest.mark.parametrize("body, files, rule", [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_message_with_files(place, body, files, rule):
    expect(place, place.bot.post(place.channel, {"content": "x", **body}, files=files), rule, NOTED)


def test_eleven_files(place):
    asked = place.deferred()
    assert place.bot.edit(asked, {}, files=[(f"{n}.png", PNG) for n in range(6)]).status == 200
    answer = place.bot.edit(asked, {}, files=[(f"{n}.png", PNG) for n in range(5)])
    expect(place, answer, "BASE_TYPE_BAD_LENGTH", REFUSED)


def test_nothing_at_all(place):
    answer = place.bot.post(place.channel, {"content": "  "})
    assert answer.code == 50006
    place.fake.wait_breach("EMPTY_MESSAGE")


def test_only_for_one_where_that_cannot_be(place):
    expect(place, place.bot.post(place.channel, {"content": "x", "flags": 64}), "EPHEMERAL_IGNORED", NOTED)
    expect(place, place.bot.edit(place.deferred(), {"content": "x", "flags": 64}), "EPHEMERAL_IGNORED", NOTED)


def test_a_nonce(place):
    expect(place, place.bot.post(place.channel, {"content": "x", "nonce": "x" * 26}), None, REFUSED)
    expect(place, place.bot.post(place.channel, {"content": "x", "enforce_nonce": True}), "NONCE_MISSING", NOTED)


def test_a_reply_to_nothing(place):
    body = {"content": "x", "message_reference": {"message_id": "1"}}
    expect(place, place.bot.post(place.channel, body), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", REFUSED)


CALLBACKS = [
    ("command", 6, None, "INTERACTION_CALLBACK_TYPE", REFUSED),
    ("command", 8, {"choices": []}, "INTERACTION_CALLBACK_TYPE", REFUSED),
    ("autocomplete", 4, {"content": "x", **NOBODY}, "INTERACTION_CALLBACK_TYPE", REFUSED),
    ("autocomplete", 5, {}, "INTERACTION_CALLBACK_TYPE", REFUSED),
    ("modal", 9, {"custom_id": "m", "title": "t", "components": [{"type": 18, "label": "l", "component": {
        "type": 4, "custom_id": "c", "style": 1}}]}, "INTERACTION_CALLBACK_TYPE", REFUSED),
    ("command", 5, {"flags": 4}, "FLAGS", REFUSED),
    ("command", 5, {"content": "x"}, "DEFERRED_WITH_MORE", NOTED),
    ("button", 6, {"content": "x"}, "DEFERRED_WITH_MORE", NOTED),
    ("command", 4, None, "BASE_TYPE_REQUIRED", REFUSED),
    ("command", 99, {}, "BASE_TYPE_CHOICES", REFUSED),
    ("autocomplete", 8, {"choices": [{"name": str(n), "value": "v"} for n in range(26)]}, "BASE_TYPE_BAD_LENGTH",
     REFUSED),
    ("autocomplete", 8, {"choices": [{"name": "n", "value": "v" * 101}]}, None, REFUSED),
    ("autocomplete", 8, {"choices": [{"name": "", "value": "v"}]}, None, REFUSED),
    ("autocomplete", 8, {"choices": [{"name": "n" * 101, "value": "v"}]}, None, REFUSED),
    ("autocomplete", 8, {"choices": [{"name": "n", "value": 3}]}, "APPLICATION_COMMAND_OPTIONS_CHOICE_TYPE", REFUSED),
    ("autocomplete", 8, {"choices": [{"name": "n", "value": "1"}, {"name": "n", "value": "2"}]}, "CHOICE_TWICE", NOTED),
]


def asked_for(place, kind):
    if kind == "autocomplete":
        return place.fake.autocomplete(place.anna, place.channel, "generate", "model", "x")
    if kind == "command":
        return place.ask()
    if kind == "button":
        return place.fake.press(place.anna, place.said(components=ROW).message(), "Upscale")
    asked = place.ask()
    field = {"type": 18, "label": "l", "component": {"type": 4, "custom_id": "c", "style": 1, "value": "x"}}
    assert place.bot.answer(asked, 9, {"custom_id": "m", "title": "t", "components": [field]}).status == 204
    return place.fake.submit_modal(place.anna, asked)


@pytest.mark.parametrize("kind, answer, data, rule, is_refused", CALLBACKS)
def test_a_first_answer(place, kind, answer, data, rule, is_refused):
    expect(place, place.bot.answer(asked_for(place, kind), answer, data), rule, is_refused)


def labelled(**more):
    return {"type": 18, "label": "l", "component": {"type": 4, "custom_id": "c", "style": 1, **more}}


MODALS = [
    ("a title of 46", {"title": "x" * 46}, "BASE_TYPE_BAD_LENGTH"),
    ("6 components", {"components": [labelled(custom_id=str(n)) for n in range(6)]}, "BASE_TYPE_BAD_LENGTH"),
    ("none", {"components": []}, "BASE_TYPE_BAD_LENGTH"),
    ("a custom_id twice", {"components": [labelled(), labelled()]}, "COMPONENT_CUSTOM_ID_DUPLICATED"),
    ("two labels", {"components": [labelled(label="x")]}, "TEXT_INPUT_LABEL"),
    ("a label of 46", {"components": [{**labelled(), "label": "x" * 46}]}, "BASE_TYPE_BAD_LENGTH"),
    ("a row without a label", {"components": [{"type": 1, "components": [{"type": 4, "custom_id": "c", "style": 1}]}]},
     None),
    ("a value that is too long", {"components": [labelled(value="xxx", max_length=2)]}, "BASE_TYPE_BAD_LENGTH"),
    ("lengths the wrong way round", {"components": [labelled(min_length=3, max_length=2)]}, "TEXT_INPUT_LENGTH"),
    ("a placeholder of 101", {"components": [labelled(placeholder="x" * 101)]}, "BASE_TYPE_BAD_LENGTH"),
    ("a button", {"components": [{"type": 1, "components": [button()]}]}, None),
]


@pytest.mark.parametrize("more, rule", [case[1:] for case in MODALS], ids=[case[0] for case in MODALS])
def test_a_modal(place, more, rule):
    data = {"custom_id": "m", "title": "t", "components": [labelled()], **more}
    expect(place, place.bot.answer(place.ask(), 9, data), rule, REFUSED)


def chat(**more):
    return [{"name": "c", "description": "d", **more}]


def option(**more):
    return {"type": 3, "name": "o", "description": "d", **more}


COMMANDS = [
    ("upper case", chat(name="Generate"), "APPLICATION_COMMAND_INVALID_NAME"),
    ("a space", chat(name="a b"), "APPLICATION_COMMAND_INVALID_NAME"),
    ("no description", [{"name": "c"}], "BASE_TYPE_REQUIRED"),
    ("a description of 101", chat(description="x" * 101), "BASE_TYPE_BAD_LENGTH"),
    ("a menu with a description", [{"name": "Edit", "type": 3, "description": "x"}],
     "APPLICATION_COMMAND_CONTEXT_MENU"),
    ("required after optional", chat(options=[option(), option(name="p", required=True)]),
     "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"),
    ("26 options", chat(options=[option(name=f"o{n}") for n in range(26)]), "BASE_TYPE_BAD_LENGTH"),
    ("an option twice", chat(options=[option(), option()]), "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATED"),
    ("26 choices", chat(options=[option(choices=[{"name": f"n{n}", "value": f"v{n}"} for n in range(26)])]),
     "BASE_TYPE_BAD_LENGTH"),
    ("a choice twice", chat(options=[option(choices=[{"name": "n", "value": "1"}, {"name": "n", "value": "2"}])]),
     "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_EXISTS"),
    ("choices and autocomplete", chat(options=[option(choices=[{"name": "n", "value": "v"}], autocomplete=True)]),
     "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE"),
    ("least above most", chat(options=[option(type=4, min_value=3, max_value=2)]), "APPLICATION_COMMAND_OPTIONS_RANGE"),
    ("beyond 2^53", chat(options=[option(type=4, max_value=2 ** 53 + 2)]), None),
    ("a sub-command beside an option", chat(options=[option(type=1, name="s"), option()]),
     "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"),
    ("a name twice", chat() + chat(), "APPLICATION_COMMANDS_DUPLICATE_NAME"),
    ("101 of them", [{"name": f"c{n}", "description": "d"} for n in range(101)], "APPLICATION_COMMANDS_TOO_MANY"),
    ("16 menus", [{"name": f"c{n}", "type": 3} for n in range(16)], "APPLICATION_COMMANDS_TOO_MANY"),
    ("8001 characters", chat(options=[option(name=f"o{n}", description="x" * 100, choices=[
        {"name": f"{m}".rjust(90, "n"), "value": f"{m}".rjust(90, "v")} for m in range(25)]) for n in range(2)]),
     "APPLICATION_COMMAND_TOO_LARGE"),
    ("a locale that is none", chat(name_localizations={"xx": "c"}), "ENUM_TYPE_COERCE"),
]


@pytest.mark.parametrize("commands, rule", [case[1:] for case in COMMANDS], ids=[case[0] for case in COMMANDS])
def test_commands(place, commands, rule):
    expect(place, place.bot.register(*commands), rule, REFUSED)
    assert list(place.fake.commands()) == ["generate", "settings", "Edit"]


def test_commands_that_are_only_noted(place):
    expect(place, place.bot.register({**GENERATE, "default_member_permissions": 0}), "PERMISSIONS_NOT_TEXT", NOTED)
    expect(place, place.bot.register({**GENERATE, "hidden": True}), "UNKNOWN_PROPERTY", NOTED)
    path = f"/applications/{place.fake.application_id}/guilds/{place.guild}/commands"
    expect(place, place.bot.request("PUT", path, chat(contexts=[0])), "APPLICATION_COMMAND_GUILD_CONTEXTS", REFUSED)


# ---- the request itself


def noted(place, answer, status, rule):
    assert answer.status == status, answer
    kept = {breach["rule"] for breach in place.fake.call("breaches", clear=True)}
    assert kept == {rule}


def test_how_a_request_looks(place):
    bot, me = place.bot, "/users/@me"
    answer = bot.request("GET", me, agent=None)
    assert answer.code == 40333
    noted(place, answer, 403, "USER_AGENT")
    noted(place, bot.request("GET", me, agent="comfygate/1.0"), 200, "USER_AGENT")
    noted(place, bot.request("GET", me, base="/api/v9"), 200, "API_VERSION")
    noted(place, bot.request("GET", me, base="/api"), 200, "API_VERSION")
    noted(place, bot.request("GET", "/users/1/nothing"), 404, "UNKNOWN_ROUTE")
    noted(place, bot.request("PUT", me), 405, "UNKNOWN_ROUTE")
    noted(place, bot.request("GET", me + "?verbose=1"), 200, "UNKNOWN_QUERY")
    noted(place, bot.request("GET", me, {"x": 1}), 200, "BODY_UNEXPECTED")
    noted(place, bot.request("GET", "/channels/general"), 400, "NUMBER_TYPE_COERCE")
    noted(place, bot.request("GET", "/channels/007"), 400, "NUMBER_TYPE_COERCE")
    noted(place, bot.request("POST", f"/channels/{place.channel}/messages", raw=b"{", ), 400, "INVALID_BODY")
    raw = b'{"content":"x","allowed_mentions":{}}'
    noted(place, bot.request("POST", f"/channels/{place.channel}/messages", raw=raw, content_type="text/plain"), 200,
          "CONTENT_TYPE")


def test_who_may(place):
    assert place.bot.request("GET", "/users/@me", auth=None).status == 401
    assert place.bot.request("GET", "/users/@me", auth=place.fake.token).status == 401
    asked = place.said()
    answer = place.bot.request("GET", place.bot.original(asked), auth=f"Bot {place.fake.token}")
    noted(place, answer, 200, "AUTHORIZATION")


def test_going_on_after_a_401(place):
    place.fake.new_token("another")
    for _ in range(2):
        assert place.bot.request("GET", "/users/@me", auth="Bot old").status == 401
    assert place.fake.breaches() == []
    time.sleep(1.1)
    place.bot.request("GET", "/users/@me", auth="Bot old")
    place.fake.wait_breach("ON_AFTER_401")


def multipart(place, raw):
    return place.bot.request("POST", f"/channels/{place.channel}/messages", raw=raw,
                             content_type=f"multipart/form-data; boundary={BOUNDARY}")


def test_multipart(place):
    body = {"content": "x", **NOBODY}
    noted(place, multipart(place, form(body, [], "text/plain")), 200, "PART_TYPE")
    noted(place, multipart(place, form(body, [("file", "a.png", PNG)])), 200, "PART_UNKNOWN")
    noted(place, multipart(place, form(body, [("files[0]", "a.png", PNG)] * 2)), 200, "PART_TWICE")
    noted(place, multipart(place, form(body, [])[:-8]), 400, "INVALID_BODY")
    hostile = b"--" + BOUNDARY.encode()[:-1] + b"\r\n--x"
    assert multipart(place, form(body, [("files[0]", "a.bin", hostile)])).status == 200
    message = place.fake.messages(place.channel)[-1]
    assert message.files()[0].data == hostile


def test_the_agent_of_this_test_is_right():
    assert AGENT.startswith("DiscordBot (")
