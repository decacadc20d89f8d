"""What can be asked for: autocomplete, /queue, /cancel, /jobs, /show, /status, /loras, /help. Also while comfygate is away."""

import json
import shutil

import pytest

from adapter import frozen, wait_for
from chat import TEMPLATES
from test_buttons import UNKNOWN, newest, polite, said

IN_TIME = 2.5  # seconds for an autocomplete


def offered(chat, option, typed="", command="generate", user=None, **others):
    asked = chat.fake.autocomplete(user or chat.anna, chat.channel, command, option, typed, **others)
    choices = asked.choices()
    assert asked.answers[0]["after"] < IN_TIME
    return [(choice["name"], choice["value"]) for choice in choices]


def values(*what, **others):
    return [value for _, value in offered(*what, **others)]


def asks(chat, name, user=None, **options):
    return chat.fake.command(user or chat.anna, chat.channel, name, options)


def under_way(chat, user, **options):
    asked = chat.generate(user, steps=300, pause=100, **options)
    asked.wait_answer()
    return asked


def with_loras(chat, names):
    chat.sim.models(loras=names)
    chat.gateway.request("POST", "/v1/templates/reload")
    wait_for(lambda: [each["name"] for each in chat.gateway.json("GET", "/v1/models/loras?limit=1000")["data"]] == sorted(names))


# ---- autocomplete -----------------------------------------------------------------------------


def test_models_are_offered_those_that_can_run_first(chat):
    found = offered(chat, "model")
    able = [value for name, value in found if "(not now)" not in name]
    assert {"chat-picture", "sdxl"} <= set(able) and "flux" not in able
    assert [value for _, value in found][:len(able)] == able
    assert values(chat, "model", "DIFFUSION xl") == ["sdxl"] and values(chat, "model", "chat-p") == ["chat-picture"]
    assert values(chat, "model", "nothing like it") == []
    assert values(chat, "model", command="upscale") == ["test-upscale", "upscale"]
    assert "test-edit" in values(chat, "model", command="edit") and "sdxl" not in values(chat, "model", command="edit")


def test_a_new_model_is_offered_with_its_options(chats, tmp_path):
    """Without new code: it is a command's choice, and what it alone takes is an option."""
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    chat = chats(templates_dir=str(folder))
    assert values(chat, "model", "chat-new") == []
    assert "sparkle" not in str(chat.fake.commands()["generate"])
    shutil.copytree(folder / "chat-picture", folder / "chat-new")
    manifest = json.loads((folder / "chat-new" / "manifest.json").read_text())
    manifest.update(name="chat-new", title="Chat novelty")
    manifest["input"]["properties"]["sparkle"] = manifest["input"]["properties"].pop("pause")
    (folder / "chat-new" / "manifest.json").write_text(json.dumps(manifest))
    chat.gateway.request("POST", "/v1/templates/reload")
    wait_for(lambda: chat.gateway.request("GET", "/v1/templates/chat-new").status == 200)
    chat.adapter.restart()  # rather than to wait a minute for the catalog's next reading
    wait_for(lambda: "sparkle" in str(chat.fake.commands()["generate"]))
    assert values(chat, "model", "novel") == ["chat-new"]
    chat.generate(model="chat-new", sparkle=1).final()
    assert newest(chat)["template"] == "chat-new" and newest(chat)["input"]["sparkle"] == 1


def test_loras_are_searched_over_all(chat):
    names = [f"folder/lora {n:03}.safetensors" for n in range(300)] + ["\u00dcnder \u202e.pt", "y" * 120]
    with_loras(chat, names)
    assert len(offered(chat, "lora")) == 25
    assert values(chat, "lora", "LORA 299") == ["folder/lora 299.safetensors"]
    assert values(chat, "lora", "\u00dcNDER") == ["\u00dcnder \u202e.pt"]
    assert values(chat, "lora", "yyy") == [], "too long to be chosen"
    assert values(chat, "lora", "?&q=#%\x00"[:-1]) == [] and values(chat, "lora", "x" * 6000) == []


def test_a_lora_is_used(chat):
    asked = asks(chat, "generate", model="sdxl", prompt="x", steps=1, lora="watercolor.safetensors", lora_strength=0.5)
    asked.wait_answer()
    asked.final()
    assert newest(chat)["input"]["loras"] == [{"name": "watercolor.safetensors", "strength": 0.5}]
    refused = asks(chat, "generate", model="chat-picture", prompt="x", lora="watercolor.safetensors")
    assert 'has no setting "lora"' in said(refused)
    asked = asks(chat, "generate", model="sdxl", prompt="x", lora="no **such** [lora](https://evil.example)")
    asked.wait_answer()
    text = asked.wait_message(lambda message: not message.loading and message.text()).text()
    assert "](" not in text


def test_jobs_are_offered_to_their_owner(chat):
    chat.made(prompt="a small *boat*")
    chat.made(chat.ben, prompt="a castle")
    assert [name for name, _ in offered(chat, "job", command="show")] == ["succeeded: a small *boat*"]
    assert values(chat, "job", "CASTLE", command="show", user=chat.ben) == [newest(chat)["id"]]
    assert offered(chat, "job", "nothing", command="show") == [] and offered(chat, "job", command="cancel") == []
    under_way(chat, chat.anna, prompt="a slow boat")
    wait_for(lambda: [name.split(": ")[1] for name, _ in offered(chat, "job", command="cancel")] == ["a slow boat"])


def test_sizes(chat):
    assert values(chat, "size", "640x480")[0] == "640x480"
    assert {"1024x1024", "1216x832"} <= set(values(chat, "size"))
    assert values(chat, "size", "1216") [-1] == "1216x832"
    assert len(values(chat, "size", "1024x1024")) == 1


@pytest.mark.parametrize("typed", ["\u202e", "x" * 6000, "\U0001f600" * 100, "'\"\\", "%", "a\nb", " "])
def test_odd_typing(chat, typed):
    for option in ("model", "lora", "size"):
        offered(chat, option, typed)
    offered(chat, "job", typed, command="show")
    offered(chat, "search", typed, command="loras") if "autocomplete" in str(chat.fake.commands()["loras"]) else None


def test_autocomplete_while_comfygate_is_dead(chat):
    chat.made()
    chat.gateway.kill()
    assert "chat-picture" in values(chat, "model"), "models are known"
    assert values(chat, "size")
    assert values(chat, "lora") == [] and values(chat, "job", command="show") == []


@pytest.mark.patient
def test_autocomplete_while_comfygate_hangs(chat):
    chat.made()
    with frozen(chat.gateway.pid):
        assert "chat-picture" in values(chat, "model")
        assert values(chat, "lora") == [] and values(chat, "job", command="show") == []
        asked = [chat.fake.autocomplete(chat.anna, chat.channel, "generate", "lora", "a" * n) for n in range(30)]
        for each in asked:
            each.choices()
            assert each.answers[0]["after"] < IN_TIME
    wait_for(lambda: len(values(chat, "lora")) == 2)


def test_autocomplete_before_comfygate_was_ever_there(chats):
    chat = chats(start=False)
    chat.gateway.stop()
    chat.adapter.start(wait=False)
    chat.fake.wait_ready(commands=False)
    asked = chat.fake.command(chat.anna, chat.channel, "generate", {"prompt": "x"}, forged=True)
    answer = asked.wait_answer()
    assert answer["after"] < 2.9
    asked.wait_message(lambda message: "cannot be reached" in message.text())
    polite(chat, chat.fake.command(chat.anna, chat.channel, "help", {}, forged=True))
    chat.gateway.start()
    chat.fake.wait_ready()
    wait_for(lambda: "chat-picture" in values(chat, "model"))


# ---- lists ------------------------------------------------------------------------------------


def test_queue(chat):
    assert "nothing under way" in said(asks(chat, "queue"))
    asked = under_way(chat, chat.ben, prompt="first")
    wait_for(lambda: newest(chat)["status"] == "running")
    under_way(chat, chat.anna, prompt="*second*")
    text = said(asks(chat, "queue"))
    assert "\\*second\\*: place **1**" in text and "first" not in text and "1 running, 1 waiting" in text
    assert "first: running" in said(asks(chat, "queue", chat.ben))
    assert asked.final is not None


def test_queue_of_many(chats):
    chat = chats(adapter={"jobs_at_once": 0})
    for n in range(15):
        under_way(chat, chat.anna, prompt=f"number {n} " + "\u4e2d" * 60)
    wait_for(lambda: len(chat.jobs()) == 15)
    text = said(asks(chat, "queue"))
    assert "number 0" in text and "and 5 more" in text and "1 running, 14 waiting" in text


def test_cancel_by_command(chat):
    asked = under_way(chat, chat.anna)
    job = newest(chat)["id"]
    assert "Only <@" in said(asks(chat, "cancel", chat.ben, job=job))
    assert "canceled" in said(asks(chat, "cancel", job=job))
    assert "anceled" in asked.final().text()
    assert "ended already" in said(asks(chat, "cancel", job=job))
    for odd in ("me", "", "..", UNKNOWN.upper() + "x", "' OR 1=1"):
        assert "no job's id" in said(chat.fake.command(chat.anna, chat.channel, "cancel", {"job": odd}, forged=True))
    assert "not kept any more" in said(asks(chat, "cancel", job=UNKNOWN))


def test_jobs_and_show(chat):
    assert "none yet" in said(asks(chat, "jobs"))
    first = chat.made(prompt="a *first* @everyone")
    chat.made(prompt="a second")
    chat.made(chat.ben, prompt="of another")
    asked = asks(chat, "jobs")
    text = said(asked)
    assert "a \\*first\\* @\u200beveryone" in text and "of another" not in text
    seen = asked.messages()[0]
    assert seen.labels() == ["Show 1", "Show 2"]
    shown = chat.fake.press(chat.anna, seen, "Show 2")
    shown.wait_answer()
    again = shown.final()
    assert again.files()[0].data == first.files()[0].data and again.labels() == first.labels()
    assert len(chat.jobs()) == 3


def test_show_by_id(chat):
    first = chat.made()
    job = newest(chat)["id"]
    asked = asks(chat, "show", job=job)
    asked.wait_answer()
    assert asked.final().files()[0].data == first.files()[0].data
    assert "Only <@" in said(asks(chat, "show", chat.ben, job=job))
    assert "not kept any more" in said(asks(chat, "show", job=UNKNOWN))
    assert "no job's id" in said(chat.fake.command(chat.anna, chat.channel, "show", {"job": "x"}, forged=True))
    under_way(chat, chat.anna)
    assert "still being made" in said(asks(chat, "show", job=newest(chat)["id"]))


def test_show_a_failure(chat):
    chat.made(model="chat-fail", prompt="it broke")
    asked = asks(chat, "show", job=newest(chat)["id"])
    asked.wait_answer()
    assert "it broke" in asked.final().text()


def test_jobs_after_a_restart_of_all(chat):
    chat.made(prompt="kept")
    chat.adapter.stop()
    chat.gateway.restart()
    chat.adapter.start()
    assert "kept" in said(asks(chat, "jobs"))


def test_status(chat):
    text = said(asks(chat, "status"))
    assert "gpu0: up" in text and "0" in text
    chat.sim.kill9()
    wait_for(lambda: "\U0001f534 gpu0" in said(asks(chat, "status")))


def test_status_tells_the_queue(chat):
    under_way(chat, chat.anna)
    under_way(chat, chat.ben)
    wait_for(lambda: "2" in said(asks(chat, "status")).split("gpu0: up")[1])


def test_loras(chat):
    with_loras(chat, [f"l{n:03} `x` ``` @everyone.safetensors" for n in range(120)] + ["B\u00e4r.safetensors"])
    asked = asks(chat, "loras")
    text = said(asked)
    assert text.count("l0") == 49 and "```" not in text.strip().removeprefix("LoRAs").strip()[3:-3]
    assert "There are more" in str(asked.answers[0])
    assert "B\u00e4r" in said(asks(chat, "loras", search="b\u00e4R"))
    assert "none of this name" in said(asks(chat, "loras", search="nothing & more?"))
    with_loras(chat, ["\u4e2d" * 90 + f"{n}.safetensors" for n in range(60)])
    assert len(said(asks(chat, "loras"))) < 4096


def test_help(chat):
    text = said(asks(chat, "help"))
    for name in ("/generate", "/edit", "/upscale", "/animate", "/queue", "/cancel", "/jobs", "/show", "/settings", "/loras", "/status"):
        assert name in text
    assert "Chat picture" in text and "(not now)" in text


LISTS = (("queue", {}), ("jobs", {}), ("show", {"job": UNKNOWN}), ("cancel", {"job": UNKNOWN}), ("status", {}), ("loras", {}),
         ("help", {}), ("settings", {}))


def lists_without_comfygate(chat):
    asked = [asks(chat, name, **options) for name, options in LISTS]
    for each in asked:
        answer = each.wait_answer()
        assert answer["after"] < 2.9 and answer["data"]["flags"] & 64, answer
    for each, (name, _) in zip(asked, LISTS):
        seen = each.wait_message(lambda message: not message.loading, 25)
        assert name in ("help", "settings") or "cannot be reached" in seen.text(), (name, seen)


@pytest.mark.patient
def test_lists_while_comfygate_is_dead(chat):
    chat.gateway.kill()
    lists_without_comfygate(chat)


@pytest.mark.patient
def test_lists_while_comfygate_hangs(chat):
    with frozen(chat.gateway.pid):
        lists_without_comfygate(chat)


def test_a_command_that_is_not_known_any_more(chat):
    for name in ("imagine", "draw", "GENERATE", "x" * 32):
        polite(chat, chat.fake.command(chat.anna, chat.channel, name, {"prompt": "x"}, forged=True), "do not know this command")
