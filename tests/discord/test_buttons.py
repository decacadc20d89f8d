"""Every button under a result: what it does, for whom, and that it works for ever."""
import io
import json
import shutil
import uuid

import pytest
from PIL import Image

from adapter import frozen, wait_for
from chat import TEMPLATES

UNKNOWN = "01900000-0000-7000-8000-000000000000"
MAKING = ("Upscale", "Edit", "Animate", "Vary", "Run again", "Change and run")
DIALOGUES = ("Edit", "Animate", "Change and run")


def said(asked):
    """The words of a whisper, which must be one."""
    answer = asked.wait_answer()
    assert answer["type"] == 4 and answer["data"]["flags"] & 64, answer
    return words(answer["data"])


def words(data):
    return " ".join([data.get("content") or ""] + [part for embed in data.get("embeds") or [] for part in (
        embed.get("title") or "", embed.get("description") or "",
        *(f"{field['name']} {field['value']}" for field in embed.get("fields") or []))]).strip()


def prefilled(modal):
    return {row["component"]["custom_id"]: row["component"].get("value", "") for row in modal["components"]}


def make(chat, user, message, label, **values):
    """Presses, fills in a dialogue if there is one, and gives the final message of what is made."""
    asked = chat.fake.press(user, message, label)
    if label.startswith(DIALOGUES):
        asked.modal()
        asked = chat.fake.submit_modal(user, asked, values)
    asked.wait_answer()
    return asked.final()


def pixels(message):
    return Image.open(io.BytesIO(message.files()[0].data)).tobytes()


def newest(chat):
    return chat.jobs()[0]


def press_all(chat, user, message):
    """Each button that makes something, once: the final messages by label."""
    before = len(chat.jobs())
    made = {label: make(chat, user, message, label) for label in MAKING}
    assert len(chat.jobs()) == before + len(MAKING)
    return made


# ---- what each does ---------------------------------------------------------------------------


def test_upscale(chat):
    source = chat.made()
    first = newest(chat)
    final = make(chat, chat.anna, source, "Upscale")
    job = newest(chat)
    assert job["template"] == "test-upscale" and job["input"]["image"] == f"output:{first['outputs'][0]['id']}"
    assert job["parent_id"] == first["id"]
    assert (job["outputs"][0]["width"], job["outputs"][0]["height"]) == (256, 256)
    assert "256×256" in final.text() and len(final.files()) == 1
    assert not source.refresh().deleted and source.refresh().labels() == source.labels()


def test_edit(chat):
    source = chat.made()
    first = newest(chat)
    asked = chat.fake.press(chat.anna, source, "Edit")
    modal = asked.modal()
    assert modal["title"] == "Test edit" and prefilled(modal) == {"strength": "1", "effect": "invert"}
    asked = chat.fake.submit_modal(chat.anna, asked, {"effect": "BLUR", "strength": " 0.5"})
    asked.wait_answer()
    assert len(asked.final().files()) == 1
    job = newest(chat)
    assert job["template"] == "test-edit" and job["parent_id"] == first["id"]
    assert job["input"] == {"image": f"output:{first['outputs'][0]['id']}", "effect": "blur", "strength": 0.5}


@pytest.mark.parametrize("values, reason", [
    ({"strength": "much"}, "Strength must be a number from 0 to 1"), ({"strength": "7"}, "from 0 to 1"),
    ({"strength": "nan"}, "Strength"), ({"strength": "0x1"}, "Strength"), ({"strength": "1e-1000000"}, None),
    ({"effect": "explode"}, "Effect must be one of invert, blur"), ({"strength": "1,5"}, "Strength")])
def test_what_is_wrong_in_a_dialogue_is_said(chat, values, reason):
    source = chat.made()
    asked = chat.fake.press(chat.anna, source, "Edit")
    asked.modal()
    sent = chat.fake.submit_modal(chat.anna, asked, values)
    if reason is None:
        sent.wait_answer()
        sent.final()
        return
    assert reason in said(sent)
    assert len(chat.jobs()) == 1


def with_prompted_animation(tmp_path):
    """Templates for chats, and an animation that reads a prompt and comes before the others."""
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    shutil.copytree(TEMPLATES / "chat-picture", folder / "chat-animate")
    manifest = json.loads((folder / "chat-animate" / "manifest.json").read_text())
    manifest.update(name="chat-animate", title="Chat animation", category="image-to-video")
    manifest["input"]["required"] = ["image", "prompt"]
    manifest["input"]["properties"]["image"] = {
        "type": "string", "title": "Picture", "description": "What moves.", "x-ui": {"order": 1, "role": "image"},
        "x-comfy": {"op": "asset", "title": "Picture", "input": "image"}}
    (folder / "chat-animate" / "manifest.json").write_text(json.dumps(manifest))
    graph = json.loads((folder / "chat-animate" / "workflow.json").read_text())
    graph["9"] = {"class_type": "LoadImage", "inputs": {"image": "x.png"}, "_meta": {"title": "Picture"}}
    graph["1"]["inputs"]["image"] = ["9", 0]
    (folder / "chat-animate" / "workflow.json").write_text(json.dumps(graph))
    return str(folder)


def test_animate_is_prefilled_with_the_prompt_and_defaults(chats, tmp_path):
    chat = chats(templates_dir=with_prompted_animation(tmp_path))
    source = chat.made(prompt="a lighthouse, `at` *night*")
    first = newest(chat)
    asked = chat.fake.press(chat.anna, source, "Animate")
    form = prefilled(asked.modal())
    assert form["prompt"] == "a lighthouse, `at` *night*" and form["steps"] == "5" and form["seed"] == ""
    sent = chat.fake.submit_modal(chat.anna, asked, {"prompt": "waves", "steps": "3"})
    sent.wait_answer()
    sent.final()
    job = newest(chat)
    assert (job["template"], job["input"]["prompt"], job["input"]["steps"]) == ("chat-animate", "waves", 3)
    assert job["input"]["image"] == f"output:{first['outputs'][0]['id']}" and job["parent_id"] == first["id"]


def test_animate(chat):
    source = chat.made()
    final = make(chat, chat.anna, source, "Animate", frames="4", fps="2.5")
    job = newest(chat)
    assert job["template"] == "test-animate" and job["input"]["frames"] == 4 and job["input"]["fps"] == 2.5
    assert final.files()[0].filename.endswith(".webp")


def test_vary(chat):
    source = chat.made(seed="18446744073709551615", steps=3)
    make(chat, chat.anna, source, "Vary")
    new, first = chat.jobs()
    assert new["parent_id"] == first["id"] and new["seed"] != first["seed"]
    assert {**new["input"], "seed": 0} == {**first["input"], "seed": 0}


def test_run_again(chat):
    source = chat.made(seed="18446744073709551615", steps=3)
    final = make(chat, chat.anna, source, "Run again")
    new, first = chat.jobs()
    assert new["input"] == first["input"] and new["id"] != first["id"] and new["parent_id"] == first["id"]
    assert "18446744073709551615" in final.text()
    assert pixels(final) == pixels(source)


def test_run_again_with_a_seed_that_was_drawn(chat):
    source = chat.made()
    final = make(chat, chat.anna, source, "Run again")
    assert pixels(final) == pixels(source)


def test_change_and_run(chat):
    source = chat.made(seed="18446744073709551615", prompt="before", pause=3)
    asked = chat.fake.press(chat.anna, source, "Change and run")
    form = prefilled(asked.modal())
    assert form == {"prompt": "before", "seed": "18446744073709551615", "steps": "5", "width": "128", "height": "128"}
    sent = chat.fake.submit_modal(chat.anna, asked, {"prompt": "after\nit", "seed": "", "width": "64"})
    sent.wait_answer()
    assert "after it" in sent.final().text()
    new, first = chat.jobs()
    assert (new["input"]["prompt"], new["input"]["width"], new["input"]["pause"]) == ("after\nit", 64, 3)
    assert new["seed"] != first["seed"] and new["parent_id"] == first["id"]


def test_change_and_run_after_a_failure(chat):
    source = chat.made(model="chat-fail")
    assert "Upscale" not in source.labels()
    asked = chat.fake.press(chat.anna, source, "Change and run")
    asked.modal()
    sent = chat.fake.submit_modal(chat.anna, asked, {"prompt": "again"})
    sent.wait_answer()
    assert "again" in sent.final().text() and newest(chat)["status"] == "failed"


def test_show_settings(chat):
    source = chat.made(seed="18446744073709551615", prompt="a ``` fence", steps=7)
    text = said(chat.fake.press(chat.ben, source, "Show settings"))
    assert "18446744073709551615" in text and "7" in text and newest(chat)["id"] in str(
        chat.fake.press(chat.ben, source, "Show settings").wait_answer())
    assert "a `\u200b`\u200b`\u200b fence" in text
    assert len(chat.jobs()) == 1


def test_several_pictures_have_buttons_each(chat):
    asked = chat.fake.command(chat.anna, chat.channel, "generate", {"model": "test-pattern", "count": 3, "size": "128x128"})
    asked.wait_answer()
    source = asked.final()
    assert len(source.files()) == 3
    assert source.labels()[:9] == [f"{word} {n}" for word in ("Upscale", "Edit", "Animate") for n in (1, 2, 3)]
    make(chat, chat.anna, source, "Upscale 3")
    new, first = chat.jobs()
    assert new["input"]["image"] == f"output:{first['outputs'][2]['id']}"


def test_pressed_twice_is_made_twice(chat):
    """A double click is two presses; each press is one job, also when Discord repeats it."""
    source = chat.made()
    chat.fake.fault("duplicate_interaction", count=None)
    asked = [chat.fake.press(chat.anna, source, "Vary") for _ in range(2)]
    for each in asked:
        each.wait_answer()
        each.final()
    assert len(chat.jobs()) == 3


# ---- delete and cancel ------------------------------------------------------------------------


def delete(chat, user, message):
    asked = chat.fake.press(user, message, "Delete")
    assert "cannot be undone" in said(asked)
    confirmed = chat.fake.press(user, asked.wait_message(lambda seen: "Delete" in seen.labels()), "Delete")
    confirmed.wait_answer()
    return confirmed


@pytest.mark.parametrize("who", ["owner", "moderator"])
def test_delete(chat, who):
    source = chat.made()
    job = newest(chat)
    user = chat.anna if who == "owner" else chat.fake.user("Mod", chat.guild, moderator=True)
    confirmed = delete(chat, user, source)
    wait_for(lambda: source.refresh().deleted)
    assert chat.gateway.request("GET", f"/v1/jobs/{job['id']}").status == 404
    assert "Deleted." in confirmed.wait_message(lambda seen: "Deleted." in seen.text()).text()


def test_delete_is_not_for_strangers(chat):
    source = chat.made()
    assert f"Only <@{chat.anna}> can do that, or a moderator" in said(chat.fake.press(chat.ben, source, "Delete"))
    forged = chat.fake.press(chat.ben, source, f"v1:dey:{newest(chat)['id']}:0", forged=True)
    assert "Only <@" in said(forged)
    assert len(chat.jobs()) == 1 and not source.refresh().deleted


def test_deleted_already(chat):
    source = chat.made()
    asked = chat.fake.press(chat.anna, source, "Delete")
    asked.wait_answer()
    delete(chat, chat.anna, source)
    again = chat.fake.press(chat.anna, asked.messages()[0], "Delete")
    again.wait_answer()
    assert "not kept any more" in " ".join(seen.text() for seen in again.messages()) + words(again.answers[0].get("data") or {})
    assert "not kept any more" in said(chat.fake.press(chat.anna, source, f"v1:va:{UNKNOWN}:0", forged=True))


def test_delete_where_the_message_is_gone(chat):
    source = chat.made()
    asked = chat.fake.press(chat.anna, source, "Delete")
    asked.wait_answer()
    chat.fake.delete(source)
    chat.fake.press(chat.anna, asked.messages()[0], "Delete").wait_answer()
    wait_for(lambda: chat.jobs() == [])


def running(chat, user, **options):
    asked = chat.generate(user, steps=200, pause=100, **options)
    asked.wait_answer()
    return asked, asked.wait_message(lambda message: "Cancel" in message.labels())


@pytest.mark.parametrize("who", ["owner", "moderator"])
def test_cancel(chat, who):
    asked, message = running(chat, chat.anna)
    user = chat.anna if who == "owner" else chat.fake.user("Mod", chat.guild, moderator=True)
    assert "Only <@" in said(chat.fake.press(chat.ben, message, "Cancel"))
    assert "canceled" in said(chat.fake.press(user, message, "Cancel"))
    assert "anceled" in asked.final().text()
    forged = chat.fake.press(user, message, f"v1:cn:{newest(chat)['id']}:0", forged=True)
    assert "ended already" in said(forged)


def test_cancel_while_it_waits(chat):
    running(chat, chat.ben)
    asked, message = running(chat, chat.anna)
    chat.fake.press(chat.anna, message, "Cancel").wait_answer()
    assert "anceled" in asked.final().text()
    assert newest(chat)["status"] == "canceled"


# ---- for ever ---------------------------------------------------------------------------------


def test_all_buttons_after_restarts_of_everything(chat):
    source = chat.made(seed="12345678901234567890")
    chat.adapter.stop()
    chat.gateway.restart()
    chat.adapter.start()
    made = press_all(chat, chat.anna, source)
    assert "12345678901234567890" in made["Run again"].text()
    said(chat.fake.press(chat.ben, source, "Show settings"))
    delete(chat, chat.anna, source)


def test_all_buttons_after_kills(chat):
    source = chat.made()
    chat.adapter.kill()
    chat.gateway.kill()
    chat.gateway.start()
    chat.adapter.start()
    press_all(chat, chat.ben, source)


def test_all_buttons_of_what_ended_while_the_adapter_was_away(chat):
    """Delivered right after a start, when the templates, from which the buttons come, are perhaps not read yet."""
    asked = chat.generate(steps=1, pause=500)
    asked.wait_answer()
    chat.adapter.kill()
    wait_for(lambda: newest(chat)["status"] == "succeeded")
    chat.adapter.start()
    press_all(chat, chat.ben, asked.final())


def test_a_dialogue_that_is_sent_after_a_restart(chat):
    source = chat.made()
    opened = {label: chat.fake.press(chat.anna, source, label) for label in DIALOGUES}
    for asked in opened.values():
        asked.modal()
    chat.adapter.restart()
    for asked in opened.values():
        sent = chat.fake.submit_modal(chat.anna, asked)
        sent.wait_answer()
        sent.final()
    assert len(chat.jobs()) == 4


def test_old_messages(chat):
    """A day later the interaction's token is dead, and Discord's addresses of the files, too."""
    source = chat.made()
    chat.fake.advance(86400 * 30)
    press_all(chat, chat.anna, source)
    delete(chat, chat.anna, source)
    wait_for(lambda: source.refresh().deleted)


def test_an_output_that_is_not_kept_any_more(chat):
    source = chat.made()
    asked = chat.fake.press(chat.anna, source, "Edit")
    asked.modal()
    job = newest(chat)
    assert chat.gateway.request("DELETE", f"/v1/jobs/{job['id']}").status == 204
    for label in MAKING:
        assert "not kept any more" in said(chat.fake.press(chat.anna, source, label))
    assert "not kept any more" in said(chat.fake.submit_modal(chat.anna, asked))


# ---- forged -----------------------------------------------------------------------------------

ACTIONS = ("cn", "up", "ed", "eds", "an", "ans", "va", "ra", "ch", "chs", "ss", "de", "dey", "sh", "sm", "sl", "st", "se",
           "ses", "sg", "mes", "pf", "pfs")
ODD = ["x", "v1", "v1:", "v1::", "v1:::", "v1:up", "v1:up:", f"v1:zz:{UNKNOWN}:0", f"v1:up:{UNKNOWN}", "v1:up:me:0",
       f"v1:up:{UNKNOWN}:-1", f"v1:up:{UNKNOWN}:99999999999999999999", f"v1:up:{UNKNOWN}:0:{'x' * 47}",
       f"v1:up:{UNKNOWN}:0:../../etc/passwd", f"v1:up:{UNKNOWN.upper()}:0", f"V1:up:{UNKNOWN}:0", "\U0001f600" * 50,
       "v1:up:' OR 1=1 --:0", "%s%s%s%n", "v1:up:%00:0", "null", "v01:up:x:0", f" v1:up:{UNKNOWN}:0", "v1:up:\u202e:0"]
OTHER_VERSIONS = ["v2:up:1:2", "v2", f"v10:up:{UNKNOWN}:0", "v2:\U0001f600", "v999999999999:x"]


def polite(chat, asked, sentence=None):
    """Answered within 3 s by one message for the presser alone, or a dialogue."""
    answer = asked.wait_answer()
    if answer["type"] == 9:
        return
    if answer["type"] in (5, 6):
        seen = asked.wait_message(lambda message: not message.loading and message.text())
        text = seen.text()
    else:
        assert answer["data"].get("flags", 0) & 64 or answer["type"] == 7, answer
        text = words(answer["data"])
    assert text and "\u202e" not in text
    assert sentence is None or sentence in text, text


def test_forged_custom_ids(chat):
    source = chat.made()
    for custom_id in ODD:
        polite(chat, chat.fake.press(chat.ben, source, custom_id, forged=True))
    for custom_id in OTHER_VERSIONS:
        polite(chat, chat.fake.press(chat.ben, source, custom_id, forged=True), "another version")
    for action in ACTIONS:
        for job in ("-", UNKNOWN):
            for extra in ("", ":123", ":no-such"):
                polite(chat, chat.fake.press(chat.ben, source, f"v1:{action}:{job}:0{extra}", forged=True))
    assert len(chat.jobs()) == 1 and chat.adapter.alive


def test_forged_values(chat):
    """A select that chose nothing, too much, or what was not offered."""
    source = chat.made()
    for action in ("sm", "sl", "st", "pf", "up", "de"):
        for values in ([], ["x"] * 25, ["\u202e" * 100], ["9" * 100], ["v1:up"]):
            for extra in ("", ":123", ":t2i", ":values"):
                asked = chat.fake.select(chat.ben, source, values, f"v1:{action}:-:0{extra}", forged=True)
                polite(chat, asked)
    assert chat.adapter.alive


def test_jobs_of_elsewhere_are_out_of_reach(chat):
    """Neither a job that no chat asked for, nor one of another server, is shown, canceled or deleted by its id."""
    own = chat.stage.submit({"1": {"class_type": "SimSteps", "inputs": {"steps": 1, "ms": 1, "previews": False, "seed": 1}},
                             "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}})
    chat.stage.finish(own)
    chat.made()
    theirs = newest(chat)
    other = chat.fake.guild("other")
    channel = chat.fake.channel(other)
    eve = chat.fake.user("Eve", other, moderator=True)
    asked = chat.generate(eve, channel)
    asked.wait_answer()
    source = asked.final()
    before = len(chat.jobs())
    for job in (own["id"], theirs["id"]):
        for action in ACTIONS[:14]:
            forged = chat.fake.press(eve, source, f"v1:{action}:{job}:0", forged=True)
            polite(chat, forged, "not kept any more")
        for name in ("show", "cancel"):
            polite(chat, chat.fake.command(eve, channel, name, {"job": job}), "not kept any more")
    assert len(chat.jobs()) == before
    assert all(job["status"] == "succeeded" for job in chat.jobs())
    # One's own are in reach everywhere.
    chat.fake.command(chat.anna, chat.fake.dm(chat.anna), "show", {"job": theirs["id"]}).final()


def test_a_button_without_the_job_of_a_model(chat, tmp_path):
    """The template went away meanwhile."""
    source = chat.made(model="chat-picture")
    bare = tmp_path / "bare"
    shutil.copytree(TEMPLATES / "chat-fail", bare / "chat-fail")
    chat.adapter.stop()
    chat.gateway.restart(templates_dir=str(bare))
    chat.adapter.start()
    wait_for(lambda: "not here any more" in said(chat.fake.press(chat.anna, source, "Vary")))
    for label in ("Run again", "Change and run"):
        assert "not here any more" in said(chat.fake.press(chat.anna, source, label))
    make(chat, chat.anna, source, "Upscale")


# ---- while comfygate is away ------------------------------------------------------------------


def buttons_without_comfygate(chat, source):
    for label in source.labels():
        asked = chat.fake.press(chat.anna, source, label)
        answer = asked.wait_answer()
        assert answer["after"] < 2.9
        if answer["type"] == 4:
            assert "cannot be reached" in words(answer["data"]), answer
    for action in ("sm", "sl", "st", "se", "sg", "pf", "mes"):
        polite(chat, chat.fake.press(chat.anna, source, f"v1:{action}:-:0:values", forged=True))
    for name in ("Edit", "Animate"):
        polite(chat, chat.fake.context_menu(chat.anna, source, name))


@pytest.mark.patient
def test_buttons_while_comfygate_is_dead(chat):
    source = chat.made()
    chat.gateway.kill()
    buttons_without_comfygate(chat, source)
    chat.gateway.start()
    make(chat, chat.anna, source, "Run again")


@pytest.mark.patient
def test_buttons_while_comfygate_hangs(chat):
    source = chat.made()
    with frozen(chat.gateway.pid):
        buttons_without_comfygate(chat, source)
    make(chat, chat.anna, source, "Run again")


def test_a_name_of_a_job_says_nothing(chat):
    """Ids that were never given out."""
    source = chat.made()
    for _ in range(20):
        polite(chat, chat.fake.press(chat.ben, source, f"v1:va:{uuid.uuid4()}:0", forged=True))


def test_buttons_pressed_while_it_starts(chat):
    """Before it has read the templates it waits for them, rather than to say that a model is gone."""
    source = chat.made()
    chat.adapter.stop()
    with frozen(chat.gateway.pid):
        chat.adapter.start()
        polite(chat, chat.fake.press(chat.anna, source, "Vary"), "cannot be reached")
    chat.adapter.stop()
    with frozen(chat.gateway.pid):
        chat.adapter.start(wait=False)
        wait_for(lambda: len(chat.adapter.events("bot_ready")) == 3, 30)
        asked = chat.fake.press(chat.anna, source, "Vary")
    asked.wait_answer()
    asked.final()
