"""The fake Discord itself: people, interactions, messages, tokens, files, and what REST refuses."""
import time

import pytest

from discord import File, NotPossible
from place import GENERATE, PNG, ROW, SELECT, fakes, place  # noqa: F401  (two are fixtures)
from small_bot import NOBODY


# ---- people and what they send


def test_an_interaction_of_a_guild(place):
    payload = place.ask(steps=5).payload
    assert payload["type"] == 2 and payload["context"] == 0 and payload["application_id"] == place.fake.application_id
    assert payload["guild_id"] == place.guild and payload["channel_id"] == place.channel == payload["channel"]["id"]
    assert payload["member"]["user"]["id"] == place.anna and "user" not in payload
    assert payload["member"]["roles"] == [place.fake.role(place.guild, "artist")]
    assert int(payload["app_permissions"]) == 274878024704 and payload["attachment_size_limit"] == 10 << 20
    assert payload["authorizing_integration_owners"] == {"0": place.guild}
    assert payload["data"]["options"] == [{"type": 3, "name": "prompt", "value": "a lighthouse"},
                                          {"type": 4, "name": "steps", "value": 5}]


def test_an_interaction_of_a_direct_message(place):
    payload = place.fake.command(place.anna, place.fake.dm(place.anna), "generate", prompt="x").payload
    assert payload["user"]["id"] == place.anna and "member" not in payload and "guild_id" not in payload
    assert payload["context"] == 1 and payload["channel"]["type"] == 1
    assert payload["authorizing_integration_owners"] == {"0": "0"}


def test_an_interaction_of_a_user_install(place):
    elsewhere = place.fake.guild("Elsewhere", has_bot=False)
    channel, otto = place.fake.channel(elsewhere), place.fake.user("Otto", elsewhere, installed=True)
    asked = place.fake.command(otto, channel, "generate", prompt="x")
    assert asked.payload["authorizing_integration_owners"] == {"1": otto} and asked.payload["context"] == 0
    assert place.bot.say(asked, "here").status == 204
    assert place.bot.edit_in(channel, asked.message().id, {"content": "x"}).code == 50001
    for _ in range(5):
        assert place.bot.follow_up(asked, {"content": "more"}).status == 200
    place.fake.limit("POST /webhooks/{webhook_id}/{webhook_token}", 50, 1)
    assert place.bot.follow_up(asked, {"content": "more"}).code == 40094


def test_a_user_install_where_members_may_not_use_external_apps(place):
    elsewhere = place.fake.guild("Elsewhere", has_bot=False)
    otto = place.fake.user("Otto", elsewhere, installed=True, permissions=["VIEW_CHANNEL"])
    asked = place.fake.command(otto, place.fake.channel(elsewhere), "generate", prompt="x")
    assert place.bot.say(asked, "here").status == 204
    assert asked.message().ephemeral


def test_a_group_without_the_bot(place):
    otto = place.fake.user("Otto", installed=True)
    group = place.fake.group([otto, place.anna])
    payload = place.fake.command(otto, group, "generate", prompt="x").payload
    assert payload["context"] == 2 and payload["user"]["id"] == otto


def test_sub_commands_nest(place):
    data = place.fake.command(place.anna, place.channel, "settings steps", value=7).payload["data"]
    assert data["options"] == [{"type": 1, "name": "steps", "options": [{"type": 4, "name": "value", "value": 7}]}]


def test_a_file_of_a_command_can_be_fetched_until_its_address_expires(place):
    data = place.ask(picture=File("a.png", PNG)).payload["data"]
    file = data["resolved"]["attachments"][data["options"][1]["value"]]
    assert (file["width"], file["height"], file["content_type"], file["size"]) == (40, 30, "image/png", len(PNG))
    assert place.bot.fetch(file["url"]).body == PNG
    assert place.bot.fetch(file["url"].replace("hm=", "hm=0")).status == 404
    place.fake.advance(25 * 3600)
    assert place.bot.fetch(file["url"]).status == 404


def test_what_discords_client_would_not_send(place):
    fake, anna, channel = place.fake, place.anna, place.channel
    for options in ({"prompt": "x" * 21}, {"prompt": "x", "steps": 51}, {"prompt": "x", "steps": "5"}, {"steps": 5},
                    {"prompt": "x", "size": "m"}, {"prompt": "x", "colour": "red"}):
        with pytest.raises(NotPossible):
            fake.command(anna, channel, "generate", options)
    with pytest.raises(NotPossible):
        fake.command(anna, channel, "nothing")
    with pytest.raises(NotPossible):
        fake.command(fake.user("Stranger"), channel, "generate", prompt="x")
    message = place.said(components=ROW).message()
    for what in ("Vary", "Gallery", "No such button"):
        with pytest.raises(NotPossible):
            fake.press(anna, message, what)
    hidden = place.said(components=ROW, flags=64).message()
    with pytest.raises(NotPossible):
        fake.press(fake.user("Otto", place.guild), hidden, "Upscale")
    fake.press(anna, hidden, "Upscale")


def test_a_press_by_label_id_emoji_and_a_part_of_the_label(place):
    message = place.said(components=ROW).message()
    pressed = [place.fake.press(place.anna, message, what).payload["data"]["custom_id"]
               for what in ("Upscale", "v1:up", "\U0001f3b2", "upsc")]
    assert pressed == ["v1:up", "v1:up", "v1:again", "v1:up"]
    payload = place.fake.press(place.anna, message, "v0:whatever", forged=True).payload
    assert payload["data"] == {"id": 1, "component_type": 2, "custom_id": "v0:whatever"}
    assert payload["message"]["id"] == message.id and payload["message"]["components"] == message.components


def test_a_select_takes_values_and_labels(place):
    message = place.said(components=SELECT).message()
    for what in ("2", "Two"):
        data = place.fake.select(place.anna, message, what).payload["data"]
        assert data["values"] == ["2"] and data["component_type"] == 3
    with pytest.raises(NotPossible):
        place.fake.select(place.anna, message, "Three")


def test_a_context_menu_shows_the_message(place):
    message = place.fake.post(place.anna, place.channel, "look", [File("a.png", PNG)])
    data = place.fake.context_menu(place.anna, message, "Edit").payload["data"]
    assert data["target_id"] == message.id and data["type"] == 3
    shown = data["resolved"]["messages"][message.id]
    assert shown["content"] == "look" and place.bot.fetch(shown["attachments"][0]["url"]).body == PNG


def test_autocomplete(place):
    typing = place.fake.autocomplete(place.anna, place.channel, "generate", "model", "fl", prompt="x")
    assert typing.payload["type"] == 4
    assert typing.payload["data"]["options"][1] == {"type": 3, "name": "model", "value": "fl", "focused": True}
    assert place.bot.answer(typing, 8, {"choices": [{"name": "Flux", "value": "flux"}]}).status == 204
    assert typing.choices() == [{"name": "Flux", "value": "flux"}]


# ---- modals


def modal(*components):
    return {"custom_id": "form", "title": "A form", "components": list(components)}


LABELLED = {"type": 18, "label": "Prompt", "component": {"type": 4, "custom_id": "prompt", "style": 2,
                                                        "value": "old", "max_length": 10}}
CHOSEN = {"type": 18, "label": "Model", "component": {"type": 3, "custom_id": "model", "options": [
    {"label": "One", "value": "1", "default": True}, {"label": "Two", "value": "2"}]}}
UPLOADED = {"type": 18, "label": "Picture", "component": {"type": 19, "custom_id": "picture", "required": False}}


def test_a_modal_of_today(place):
    asked = place.ask()
    assert place.bot.answer(asked, 9, modal(LABELLED, CHOSEN, UPLOADED)).status == 204
    sent = place.fake.submit_modal(place.anna, asked, {"prompt": "new", "picture": [File("a.png", PNG)]}).payload
    assert sent["type"] == 5 and sent["data"]["custom_id"] == "form" and "message" not in sent
    prompt, model, picture = [item["component"] for item in sent["data"]["components"]]
    assert prompt["value"] == "new" and model["values"] == ["1"]
    assert list(sent["data"]["resolved"]["attachments"]) == picture["values"]
    for values in ({"prompt": ""}, {"prompt": "x" * 11}, {"nothing": "x"}, {"model": "3"}):
        with pytest.raises(NotPossible):
            place.fake.submit_modal(place.anna, asked, values)


def test_a_modal_with_rows_and_prefilled_values_of_a_button(place):
    message = place.said(components=ROW).message()
    pressed = place.fake.press(place.anna, message, "Upscale")
    row = {"type": 1, "components": [{"type": 4, "custom_id": "p", "style": 1, "label": "P", "value": "kept"}]}
    assert place.bot.answer(pressed, 9, modal(row)).status == 204
    sent = place.fake.submit_modal(place.anna, pressed)
    assert sent.payload["data"]["components"][0]["components"][0]["value"] == "kept"
    assert sent.payload["message"]["id"] == message.id
    assert place.bot.answer(sent, 7, {"content": "changed", **NOBODY}).status == 204
    assert message.refresh().content == "changed"


# ---- answers


def test_an_answer_with_its_message(place):
    asked = place.ask()
    answer = place.bot.request("POST", f"/interactions/{asked.id}/{asked.token}/callback?with_response=true",
                               {"type": 4, "data": {"content": "here", **NOBODY}})
    assert answer.status == 200
    told = answer.json()
    assert told["resource"]["message"]["id"] == told["interaction"]["response_message_id"] == asked.message().id
    assert told["interaction"]["response_message_loading"] is False
    assert asked.wait_answer()["type"] == 4 and asked.answers[0]["after"] < 3
    assert [message.id for message in place.fake.messages(place.channel)] == [asked.message().id]


def test_a_deferred_answer_is_loading_until_it_is_edited(place):
    asked = place.deferred()
    assert asked.deferred and asked.message().loading
    told = place.bot.edit(asked, {"content": "done"}).json()
    assert not asked.deferred and told["flags"] == 0 and told["edited_timestamp"] is None
    assert place.bot.edit(asked, {"content": "more"}).json()["edited_timestamp"] is not None
    assert [edit["message"]["content"] for edit in asked.edits] == ["", "done", "more"]
    assert place.bot.request("GET", place.bot.original(asked)).json()["content"] == "more"


def test_a_deferral_decides_who_sees_it(place):
    asked = place.deferred(flags=64)
    assert place.bot.edit(asked, {"content": "for you"}).status == 200
    assert asked.message().ephemeral and asked.message().only_for == place.anna
    assert place.bot.edit_in(place.channel, asked.message().id, {"content": "x"}).code == 10008
    assert place.fake.messages(place.channel, place.fake.user("Otto", place.guild)) == []
    assert len(place.fake.messages(place.channel, place.anna)) == 1


def test_the_answers_of_a_component(place):
    message = place.said(components=ROW).message()
    silent = place.fake.press(place.anna, message, "Upscale")
    assert place.bot.answer(silent, 6).status == 204
    assert place.bot.edit(silent, {"content": "silently"}).status == 200
    assert message.refresh().content == "silently" and message.refresh().labels() == message.labels()
    at_once = place.fake.press(place.anna, message, "Upscale")
    assert place.bot.answer(at_once, 7, {"content": "at once", "components": [], **NOBODY}).status == 204
    assert message.refresh().content == "at once" and message.refresh().components == []


def test_once_and_in_time(place):
    asked = place.said()
    assert place.bot.say(asked, "again").code == 40060
    place.fake.wait_breach("ANSWERED_TWICE")
    place.fake.setting("answer_limit", 0.2)
    late = place.ask()
    with pytest.raises(TimeoutError):
        late.wait_answer()
    answer = place.bot.say(late, "late")
    assert (answer.status, answer.code) == (404, 10062)
    assert late.unanswered and place.fake.unanswered() == [late.id]


def test_a_token_lives_fifteen_minutes(place):
    asked = place.said()
    place.fake.advance(14 * 60)
    assert place.bot.edit(asked, {"content": "still"}).status == 200 and not asked.expired
    place.fake.advance(61)
    answer = place.bot.edit(asked, {"content": "no more"})
    assert (answer.status, answer.code) == (401, 50027) and asked.expired
    assert place.bot.edit_in(place.channel, asked.message().id, {"content": "by the bot"}).status == 200
    assert asked.message().content == "by the bot"


def test_a_dead_token_is_not_to_be_tried_again_and_again(place):
    asked = place.said()
    place.fake.advance(16 * 60)
    assert place.bot.edit(asked, {"content": "x"}).status == 401
    assert place.bot.edit(asked, {"content": "x"}).status == 401  # was on its way
    assert place.fake.breaches() == []
    time.sleep(1.1)
    place.bot.edit(asked, {"content": "x"})
    place.fake.wait_breach("DEAD_WEBHOOK")


def test_a_token_that_was_not_used_yet_or_does_not_exist(place):
    asked = place.ask()
    assert place.bot.edit(asked, {"content": "x"}).code == 10015
    place.fake.allow("UNKNOWN_WEBHOOK")
    assert place.bot.request("PATCH", f"/webhooks/{place.fake.application_id}/nothing/messages/@original",
                             {"content": "x", **NOBODY}).code == 10015
    assert place.bot.request("POST", f"/interactions/{asked.id}/wrong/callback",
                             {"type": 5, "data": {}}).code == 10062
    place.fake.wait_breach("UNKNOWN_INTERACTION")


def test_follow_ups(place):
    asked = place.said()
    told = place.bot.follow_up(asked, {"content": "for you", "flags": 64}).json()
    path = f"/webhooks/{place.fake.application_id}/{asked.token}/messages/{told['id']}"
    assert place.bot.request("PATCH", path, {"content": "changed", **NOBODY}).status == 200
    assert [message.content for message in asked.messages()] == ["here", "changed"]
    assert asked.messages()[1].ephemeral
    assert place.bot.request("DELETE", path).status == 204
    assert place.bot.request("GET", path).code == 10008


def test_a_follow_up_before_the_first_edit(place):
    asked = place.deferred()
    assert place.bot.follow_up(asked, {"content": "too early"}).json()["id"] == asked.message().id
    place.fake.wait_breach("FOLLOW_UP_BEFORE_EDIT")


def test_the_original_is_deleted(place):
    asked = place.said()
    assert place.bot.request("DELETE", place.bot.original(asked)).status == 204
    assert place.bot.edit(asked, {"content": "x"}).code == 10008
    assert place.fake.messages(place.channel) == [] and asked.message().deleted


# ---- files


def test_files_go_up_and_stay(place):
    asked = place.deferred()
    told = place.bot.edit(asked, {"attachments": [{"id": "0", "filename": "a.png", "description": "red"}]},
                          files=[("a.png", PNG)]).json()
    assert told["attachments"][0]["description"] == "red" and told["attachments"][0]["width"] == 40
    assert place.bot.fetch(told["attachments"][0]["url"]).body == PNG
    old = told["attachments"][0]["id"]
    told = place.bot.edit(asked, {"attachments": [{"id": old}, {"id": "0", "filename": "b.png"}]},
                          files=[("b.png", PNG)]).json()
    assert [item["filename"] for item in told["attachments"]] == ["a.png", "b.png"]
    assert [item["filename"] for item in place.bot.edit(asked, {"content": "x"}).json()["attachments"]] == \
        ["a.png", "b.png"]
    told = place.bot.edit(asked, {}, files=[("c.png", PNG)]).json()
    assert [item["filename"] for item in told["attachments"]] == ["a.png", "b.png", "c.png"]
    assert place.bot.edit(asked, {"attachments": [], "content": "none"}).json()["attachments"] == []


def test_a_file_in_an_embed_is_no_attachment(place):
    asked = place.deferred()
    told = place.bot.edit(asked, {"embeds": [{"title": "t", "image": {"url": "attachment://a.png"}}],
                                  "attachments": [{"id": "0", "filename": "a.png"}]}, files=[("a.png", PNG)]).json()
    assert told["attachments"] == [] and told["embeds"][0]["image"]["width"] == 40
    assert place.bot.fetch(told["embeds"][0]["image"]["url"]).body == PNG
    assert asked.message().files()[0].data == PNG
    url = told["embeds"][0]["image"]["url"]
    again = place.bot.edit(asked, {"embeds": [{"title": "t", "image": {"url": url}}]}).json()
    assert again["embeds"][0]["image"]["width"] == 40 and again["attachments"] == []


def test_sizes(place):
    small = place.fake.guild("Small", attachment_limit=1000)
    channel = place.fake.channel(small)
    anna = place.fake.user("Anna2", small, attachment_limit=2000)
    asked = place.fake.command(anna, channel, "generate", prompt="x")
    assert asked.payload["attachment_size_limit"] == 2000
    assert place.bot.answer(asked, 5, {}).status == 204
    assert place.bot.edit(asked, {}, files=[("a.bin", bytes(2000))]).status == 200
    answer = place.bot.edit(asked, {}, files=[("a.bin", bytes(2001))])
    assert (answer.status, answer.code) == (413, 40005)
    place.fake.wait_breach("FILE_TOO_LARGE")
    assert place.bot.post(channel, {}, files=[("a.bin", bytes(1001))]).code == 40005
    assert place.bot.post(channel, {}, files=[("a.bin", bytes(26 << 20))]).code == 40005
    place.fake.wait_breach("REQUEST_TOO_LARGE")


# ---- channels


def test_messages_by_the_bots_token(place):
    told = place.bot.post(place.channel, {"content": "hello"}).json()
    path = f"/channels/{place.channel}/messages/{told['id']}"
    assert place.bot.request("GET", path).json()["content"] == "hello"
    assert place.bot.edit_in(place.channel, told["id"], {"content": "changed"}).json()["edited_timestamp"]
    assert place.bot.request("DELETE", path).status == 204
    assert place.bot.request("GET", path).code == 10008
    assert place.bot.request("GET", f"/channels/{place.channel}").json()["name"] == "general"
    assert place.bot.request("GET", "/channels/1").code == 10003


def test_a_nonce_is_taken_once(place):
    body = {"content": "once", "nonce": "job-1", "enforce_nonce": True}
    assert place.bot.post(place.channel, body).json()["id"] == place.bot.post(place.channel, body).json()["id"]
    assert len(place.fake.messages(place.channel)) == 1


def test_a_reply_belongs_to_its_interaction(place):
    asked = place.said()
    reference = {"message_id": asked.message().id, "fail_if_not_exists": False}
    assert place.bot.post(place.channel, {"content": "one", "message_reference": reference}).json()["type"] == 19
    place.fake.delete(asked.message())
    assert place.bot.post(place.channel, {"content": "two", "message_reference": reference}).json()["type"] == 0
    assert [message.content for message in asked.messages()] == ["here", "one", "two"]


def test_only_who_is_allowed_is_pinged(place):
    otto = place.fake.user("Otto", place.guild)
    text = f"<@{place.anna}> <@{otto}>"
    told = place.bot.post(place.channel, {"content": text, "allowed_mentions": {"users": [place.anna]}}).json()
    assert [user["id"] for user in told["mentions"]] == [place.anna]
    assert [ping["user"] for ping in place.fake.pings()] == [place.anna]
    place.bot.post(place.channel, {"content": text + " @everyone"})
    assert len(place.fake.pings()) == 1


@pytest.mark.parametrize("missing, body, files, code", [
    ("VIEW_CHANNEL", {"content": "x"}, [], 50001),
    ("SEND_MESSAGES", {"content": "x"}, [], 50013),
    ("EMBED_LINKS", {"embeds": [{"title": "x"}]}, [], 50013),
    ("ATTACH_FILES", {"content": "x"}, [("a.png", PNG)], 50013),
    ("READ_MESSAGE_HISTORY", {"content": "x", "message_reference": {"message_id": "1", "fail_if_not_exists": False}},
     [], 160002)])
def test_a_permission_that_is_missing(place, missing, body, files, code):
    names = {"VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS", "ATTACH_FILES", "READ_MESSAGE_HISTORY"}
    channel = place.fake.channel(place.guild, permissions=sorted(names - {missing}))
    assert place.bot.post(channel, body, files=files).code == code
    place.fake.change_channel(channel, permissions=sorted(names))
    assert place.bot.post(channel, body, files=files).status == 200


def test_threads(place):
    thread = place.fake.channel(place.guild, thread=True, permissions=["VIEW_CHANNEL", "SEND_MESSAGES"])
    assert place.bot.post(thread, {"content": "x"}).code == 50013
    place.fake.change_channel(thread, permissions=["VIEW_CHANNEL", "SEND_MESSAGES_IN_THREADS"])
    told = place.bot.post(thread, {"content": "x"}).json()
    place.fake.change_channel(thread, archived=True)
    assert place.bot.edit_in(thread, told["id"], {"content": "y"}).code == 50083


def test_direct_messages(place):
    def open_dm(user):
        return place.bot.request("POST", "/users/@me/channels", {"recipient_id": user}).json()["id"]

    channel = open_dm(place.anna)
    assert channel == open_dm(place.anna) == place.fake.dm(place.anna)
    assert place.bot.post(channel, {"content": "hello"}).status == 200
    place.fake.change_user(place.anna, dms=False)
    assert place.bot.post(channel, {"content": "hello"}).code == 50007
    assert place.bot.post(open_dm(place.fake.user("Stranger")), {"content": "hello"}).code == 50278


def test_a_message_of_somebody_else_and_one_that_was_deleted(place):
    hers = place.fake.post(place.anna, place.channel, "mine")
    assert place.bot.edit_in(place.channel, hers.id, {"content": "x"}).code == 50005
    asked = place.said()
    place.fake.delete(asked.message())
    assert place.bot.edit(asked, {"content": "x"}).code == 10008
    assert place.bot.edit_in(place.channel, asked.messages()[0].id, {"content": "x"}).code == 10008


def test_edits_of_messages_older_than_an_hour(place):
    told = place.bot.post(place.channel, {"content": "old"}).json()
    place.fake.advance(3601)
    for _ in range(3):
        assert place.bot.edit_in(place.channel, told["id"], {"content": "x"}).status == 200
    answer = place.bot.edit_in(place.channel, told["id"], {"content": "x"})
    assert (answer.status, answer.code) == (429, 30046) and answer.json()["retry_after"] > 15


# ---- commands and the application


def test_commands_are_replaced_and_keep_their_ids(place):
    before = place.fake.commands()
    assert place.bot.register(GENERATE).status == 200
    after = place.fake.commands()
    assert list(after) == ["generate"] and after["generate"]["id"] == before["generate"]["id"]
    path = f"/applications/{place.fake.application_id}/commands"
    assert place.bot.register({**GENERATE, "name_localizations": {"de": "erzeugen"},
                               "default_member_permissions": "0"}).status == 200
    assert "name_localizations" not in place.bot.request("GET", path).json()[0]
    shown = place.bot.request("GET", path + "?with_localizations=true").json()[0]
    assert shown["name_localizations"] == {"de": "erzeugen"} and shown["default_member_permissions"] == "0"


def test_commands_of_a_guild(place):
    path = f"/applications/{place.fake.application_id}/guilds/{place.guild}/commands"
    assert place.bot.request("PUT", path, [{"name": "here", "description": "Only here"}]).status == 200
    assert place.bot.request("GET", path).json()[0]["guild_id"] == place.guild
    assert place.fake.command(place.anna, place.channel, "here").payload["data"]["guild_id"] == place.guild
    with pytest.raises(NotPossible):
        place.fake.command(place.anna, place.fake.dm(place.anna), "here")
    assert place.bot.request("PUT", path.replace(place.guild, "1"), []).code == 50001


def test_two_hundred_new_commands_a_day(place):
    for number in range(2):
        names = [{"name": f"c{number}-{index}", "description": "d"} for index in range(98)]
        assert place.bot.register(*names).status == 200
    assert place.bot.register({"name": "one", "description": "d"}, {"name": "more", "description": "d"}).code == 30034
    place.fake.wait_breach("COMMAND_CREATES")


def test_the_application(place):
    told = place.bot.request("GET", "/applications/@me").json()
    assert told["id"] == place.fake.application_id and told["verify_key"] == place.fake.public_key
    assert place.bot.request("GET", "/users/@me").json()["id"] == place.fake.bot_id
    assert place.bot.request("GET", "/gateway/bot").json()["url"] == place.fake.gateway_url


# ---- many


def test_many_users_jobs_and_presses_are_no_trouble(place):
    place.fake.limits(on=False)
    began = time.monotonic()
    message = place.said(components=ROW).message()
    for _ in range(300):
        pressed = place.fake.press(place.anna, message, "v1:up")
        assert place.bot.answer(pressed, 4, {"content": "x", "flags": 64, **NOBODY}).status == 204
    assert time.monotonic() - began < 20


def test_a_moderator(place):
    bits = []
    for is_moderator in (False, True):
        user = place.fake.user("Mod", place.guild, moderator=is_moderator)
        payload = place.fake.command(user, place.channel, "generate", prompt="x").payload
        bits.append(int(payload["member"]["permissions"]))
    assert bits[1] == bits[0] | 1 << 13 and not bits[0] & 1 << 13


def test_it_ends_with_its_parent(fakes):
    fake = fakes()
    process = fake._process
    process.stdin.close()
    assert process.wait(10) == 0
    fake._process = None
