"""The view before generating, /settings, and the menu of a message with a picture."""

from adapter import frozen, wait_for
from discord import File
from test_buttons import newest, polite, prefilled, said, words

LONG = "\u4e2d" * 4000  # in UTF-8 larger than a preference may be


def view(asked):
    asked.wait_answer()
    return asked.wait_message(lambda message: "Generate" in message.labels())


def selects(message):
    return {row["components"][0]["placeholder"]: row["components"][0] for row in message.components
            if row["components"][0]["type"] == 3}


def chosen(select):
    return [option["value"] for option in select["options"] if option.get("default")]


def open_view(chat, user=None, **options):
    return view(chat.fake.command(user or chat.anna, chat.channel, "generate", {"model": "sdxl", **options}))


def fill_in(chat, user, message, **values):
    asked = chat.fake.press(user, message, "Prompt and settings")
    asked.modal()
    sent = chat.fake.submit_modal(user, asked, values)
    sent.wait_answer()
    return sent


def generate(chat, user, message):
    asked = chat.fake.press(user, message, "Generate")
    asked.wait_answer()
    return asked.final()


# ---- the view ---------------------------------------------------------------------------------


def test_from_the_view_to_a_picture(chat):
    seen = open_view(chat, steps=3)
    assert seen.ephemeral and "Stable Diffusion XL" in seen.text() and "3" in seen.text()
    parts = selects(seen)
    assert chosen(parts["Model"]) == ["sdxl"] and "LoRA strength" not in parts
    chat.fake.select(chat.anna, seen, "watercolor.safetensors").wait_answer()
    wait_for(lambda: "LoRA strength" in selects(seen.refresh()))
    assert chosen(selects(seen.refresh())["LoRA strength"]) == ["1"]
    chat.fake.select(chat.anna, seen, "0.75").wait_answer()
    wait_for(lambda: chosen(selects(seen.refresh())["LoRA strength"]) == ["0.75"])
    fill_in(chat, chat.anna, seen, prompt="a *harbour*", seed="18446744073709551615")
    wait_for(lambda: "\\*harbour\\*" in seen.refresh().text())
    assert chosen(selects(seen.refresh())["LoRA (more with /generate lora:)"]) == ["watercolor.safetensors"]
    final = generate(chat, chat.anna, seen)
    assert final.files() and not final.ephemeral and "18446744073709551615" in final.text()
    given = newest(chat)["input"]
    assert (given["prompt"], given["steps"]) == ("a *harbour*", 3)
    assert given["loras"] == [{"name": "watercolor.safetensors", "strength": 0.75}]


def test_another_model(chat):
    seen = open_view(chat, steps=3)
    chat.fake.select(chat.anna, seen, "chat-picture").wait_answer()
    wait_for(lambda: chosen(selects(seen.refresh())["Model"]) == ["chat-picture"])
    assert list(selects(seen.refresh())) == ["Model"], "it takes no LoRAs"
    fill_in(chat, chat.anna, seen, prompt="a pier", width="64")
    generate(chat, chat.anna, seen)
    job = newest(chat)
    assert job["template"] == "chat-picture" and job["input"]["steps"] == 3 and job["input"]["width"] == 64


def test_no_lora_after_all(chat):
    seen = open_view(chat)
    chat.fake.select(chat.anna, seen, "watercolor.safetensors").wait_answer()
    wait_for(lambda: "LoRA strength" in selects(seen.refresh()))
    chat.fake.select(chat.anna, seen, "No LoRA").wait_answer()
    wait_for(lambda: "LoRA strength" not in selects(seen.refresh()))
    fill_in(chat, chat.anna, seen, prompt="a pier", steps="1")
    generate(chat, chat.anna, seen)
    assert not newest(chat)["input"].get("loras")


def test_generate_without_a_prompt(chat):
    seen = open_view(chat)
    assert "write a prompt" in said(chat.fake.press(chat.anna, seen, "Generate"))
    assert chat.jobs() == []


def test_what_is_wrong_in_the_dialogue_is_said_and_the_rest_is_kept(chat):
    seen = open_view(chat, steps=3)
    asked = chat.fake.press(chat.anna, seen, "Prompt and settings")
    assert prefilled(asked.modal())["steps"] == "3"
    sent = chat.fake.submit_modal(chat.anna, asked, {"prompt": "a pier", "steps": "1000000"})
    sent.wait_answer()
    wait_for(lambda: any("Steps must be" in message.text() for message in sent.messages()))
    assert "3" in seen.refresh().text() and seen.refresh().labels() == seen.labels()


def test_the_view_is_its_owners(chat):
    seen = open_view(chat)
    for custom_id in [button["custom_id"] for button in seen.buttons()] + [
            each["custom_id"] for each in selects(seen).values()]:
        asked = chat.fake.press(chat.ben, seen, custom_id, forged=True)
        polite(chat, asked)
        assert any("somebody else's" in message.text() for message in asked.messages()), asked
    assert chat.jobs() == [] and seen.refresh().text() == seen.text()


def test_the_view_after_restarts(chat):
    seen = open_view(chat)
    chat.fake.select(chat.anna, seen, "detail-tweaker.safetensors").wait_answer()
    wait_for(lambda: "LoRA strength" in selects(seen.refresh()))
    asked = chat.fake.press(chat.anna, seen, "Prompt and settings")
    asked.modal()
    chat.adapter.kill()
    chat.gateway.kill()
    chat.gateway.start()
    chat.adapter.start()
    chat.fake.submit_modal(chat.anna, asked, {"prompt": "a pier", "steps": "2"}).wait_answer()
    wait_for(lambda: "a pier" in seen.refresh().text())
    generate(chat, chat.anna, seen)
    given = newest(chat)["input"]
    assert given["loras"] == [{"name": "detail-tweaker.safetensors", "strength": 1}] and given["steps"] == 2


def test_generate_twice_from_one_view(chat):
    seen = open_view(chat, steps=1)
    fill_in(chat, chat.anna, seen, prompt="a pier")
    generate(chat, chat.anna, seen)
    generate(chat, chat.anna, seen)
    assert len(chat.jobs()) == 2


def test_a_view_that_is_forgotten(chat):
    seen = open_view(chat)
    for entry in chat.gateway.json("GET", "/v1/preferences?limit=100")["data"]:
        if ".setup." in entry["key"]:
            assert chat.gateway.request("DELETE", f"/v1/preferences/{entry['key']}").status == 204
    for label in ("Generate", "Prompt and settings"):
        assert "/generate opens a new one" in said(chat.fake.press(chat.anna, seen, label))
    polite(chat, chat.fake.select(chat.anna, seen, "chat-picture"), "/generate opens a new one")


def test_a_very_long_prompt_in_the_view(chat):
    """As long as a dialogue takes, in characters of three bytes each."""
    seen = open_view(chat, steps=1)
    sent = fill_in(chat, chat.anna, seen, prompt=LONG)
    wait_for(lambda: "\u4e2d" in seen.refresh().text() or any(
        "too long" in message.text() for message in sent.messages()), what="the prompt, or why not")
    if "\u4e2d" in seen.refresh().text():
        generate(chat, chat.anna, seen)
        assert newest(chat)["input"]["prompt"] == LONG


def test_many_loras(chat):
    names = [f"lora {n:02} **bold** `x` @everyone.safetensors" for n in range(40)] + ["x" * 150 + ".safetensors"]
    chat.sim.models(loras=names)
    chat.gateway.request("POST", "/v1/templates/reload")
    wait_for(lambda: chat.gateway.json("GET", "/v1/models/loras")["data"][0]["name"].startswith("lora"))
    seen = open_view(chat, steps=1)
    options = selects(seen)["LoRA (more with /generate lora:)"]["options"]
    assert len(options) == 25 and options[0]["label"] == "No LoRA" and options[1]["value"] == names[0]
    chat.fake.select(chat.anna, seen, names[5]).wait_answer()
    wait_for(lambda: "LoRA strength" in selects(seen.refresh()))


# ---- /settings --------------------------------------------------------------------------------


def settings(chat, user=None):
    asked = chat.fake.command(user or chat.anna, chat.channel, "settings", {})
    asked.wait_answer()
    return asked.wait_message(lambda message: "Values" in message.labels())


def set_values(chat, seen, **values):
    asked = chat.fake.press(chat.anna, seen, "Values")
    modal = asked.modal()
    sent = chat.fake.submit_modal(chat.anna, asked, values)
    sent.wait_answer()
    return modal, sent


def test_settings_and_what_they_change(chat):
    seen = settings(chat)
    assert seen.ephemeral
    chat.fake.select(chat.anna, seen, "chat-picture").wait_answer()
    wait_for(lambda: chosen(selects(seen.refresh())["Model of /generate"]) == ["chat-picture"])
    modal, _ = set_values(chat, seen, steps="2", width="64")
    assert "prompt" not in prefilled(modal)
    wait_for(lambda: "64" in seen.refresh().text())
    asked = chat.fake.command(chat.anna, chat.channel, "generate", {"prompt": "mine"})
    asked.wait_answer()
    asked.final()
    job = newest(chat)
    assert job["template"] == "chat-picture" and (job["input"]["steps"], job["input"]["width"]) == (2, 64)
    # What is given goes before; others have their own.
    chat.generate(steps=3).final()
    assert newest(chat)["input"]["steps"] == 3 and newest(chat)["input"]["width"] == 64
    chat.generate(chat.ben).final()
    assert newest(chat)["input"].get("width", 128) == 128
    assert chosen(selects(settings(chat, chat.ben))["Model of /generate"]) == []


def test_settings_survive_and_are_reset(chat):
    seen = settings(chat)
    chat.fake.select(chat.anna, seen, "chat-picture").wait_answer()
    chat.fake.select(chat.anna, seen, "test-edit").wait_answer()
    set_values(chat, seen, steps="7")
    wait_for(lambda: "7" in seen.refresh().text())
    chat.adapter.stop()
    chat.gateway.restart()
    chat.adapter.start()
    again = settings(chat)
    assert chosen(selects(again)["Model of /generate"]) == ["chat-picture"]
    assert chosen(selects(again)["Model of /edit"]) == ["test-edit"] and "7" in again.text()
    chat.fake.press(chat.anna, again, "Reset").wait_answer()
    wait_for(lambda: chosen(selects(again.refresh())["Model of /generate"]) == [])
    assert "7" not in settings(chat).text()


def test_a_value_is_taken_back(chat):
    seen = settings(chat)
    chat.fake.select(chat.anna, seen, "chat-picture").wait_answer()
    set_values(chat, seen, steps="7", width="64")
    wait_for(lambda: "64" in seen.refresh().text())
    modal, _ = set_values(chat, seen, width="")
    assert prefilled(modal)["width"] == "64"
    wait_for(lambda: "64" not in seen.refresh().text())
    assert "7" in seen.refresh().text()


def test_a_wrong_value_changes_nothing(chat):
    seen = settings(chat)
    chat.fake.select(chat.anna, seen, "chat-picture").wait_answer()
    _, sent = set_values(chat, seen, steps="many")
    wait_for(lambda: any("Steps must be" in message.text() for message in sent.messages()))
    assert "many" not in settings(chat).text()


def test_a_default_that_another_model_cannot_take(chat):
    """150 steps are fine for one, and too many for the other: that one takes its own."""
    seen = settings(chat)
    chat.fake.select(chat.anna, seen, "chat-picture").wait_answer()
    set_values(chat, seen, steps="900", width="64")
    wait_for(lambda: "900" in seen.refresh().text())
    asked = chat.fake.command(chat.anna, chat.channel, "generate", {"model": "sdxl", "prompt": "x"})
    asked.wait_answer()
    asked.final()
    assert newest(chat)["input"].get("steps", 0) < 900


def test_hostile_defaults_are_shown_as_they_are(chat):
    seen = settings(chat)
    chat.fake.select(chat.anna, seen, "sdxl").wait_answer()
    asked = chat.fake.press(chat.anna, seen, "Values")
    asked.modal()
    chat.fake.submit_modal(chat.anna, asked, {"negative": "**x** [free](https://evil.example) @everyone <@1> ```"}).wait_answer()
    wait_for(lambda: "evil" in seen.refresh().text())
    text = seen.refresh().text()
    assert "\\*\\*x" in text and "](" not in text and "@everyone" not in text and "\\<@" in text


def test_settings_are_not_lost_while_comfygate_hangs(chat):
    seen = settings(chat)
    chat.fake.select(chat.anna, seen, "chat-picture").wait_answer()
    set_values(chat, seen, steps="7")
    wait_for(lambda: "7" in seen.refresh().text())
    with frozen(chat.gateway.pid):
        asked = chat.fake.select(chat.anna, seen, "test-edit")
        asked.wait_answer()
        wait_for(lambda: any("annot be reached" in message.text() for message in asked.messages())
                 or "annot be reached" in words(asked.answers[0].get("data") or {}))
    assert "7" in settings(chat).text()
    assert chosen(selects(settings(chat))["Model of /generate"]) == ["chat-picture"]


# ---- the menu of a message --------------------------------------------------------------------


def posted(chat, *files, content="look"):
    return chat.fake.post(chat.ben, chat.channel, content, list(files))


def test_menu_upscale(chat):
    picture = chat.made().files()[0].data
    asked = chat.fake.context_menu(chat.anna, posted(chat, File("mine.png", picture)), "Upscale")
    asked.wait_answer()
    assert len(asked.final().files()) == 1
    job = newest(chat)
    assert job["template"] == "test-upscale" and job["outputs"][0]["width"] == 256


def test_menu_edit_and_animate(chat):
    target = posted(chat, File("notes.txt", b"no picture"), File("m\u00fc <@1> ne.png", chat.made().files()[0].data))
    for name, template, values in (("Edit", "test-edit", {"effect": "blur"}), ("Animate", "test-animate", {"frames": "3"})):
        asked = chat.fake.context_menu(chat.anna, target, name)
        asked.modal()
        sent = chat.fake.submit_modal(chat.anna, asked, values)
        sent.wait_answer()
        assert sent.final().files()
        job = newest(chat)
        assert job["template"] == template and job["input"]["image"].startswith("asset:")


def test_menu_of_ones_own_result(chat):
    asked = chat.fake.context_menu(chat.anna, chat.made(), "Upscale")
    asked.wait_answer()
    assert asked.final().files()


def test_menu_dialogue_after_a_restart(chat):
    target = posted(chat, File("mine.png", chat.made().files()[0].data))
    asked = chat.fake.context_menu(chat.anna, target, "Edit")
    asked.modal()
    chat.adapter.kill()
    chat.adapter.start()
    sent = chat.fake.submit_modal(chat.anna, asked)
    sent.wait_answer()
    assert sent.final().files()


def test_menu_without_a_picture(chat):
    for target in (posted(chat), posted(chat, File("a.txt", b"x", "text/plain"))):
        for name in ("Edit", "Upscale", "Animate"):
            assert "no picture in this message" in said(chat.fake.context_menu(chat.anna, target, name))
    assert chat.jobs() == []


def test_menu_of_what_is_no_picture(chat):
    target = posted(chat, File("a.png", b"<html>not one</html>", "image/png"))
    asked = chat.fake.context_menu(chat.anna, target, "Upscale")
    asked.wait_answer()
    asked.wait_message(lambda message: not message.loading and message.text())
    asked = chat.fake.context_menu(chat.anna, target, "Edit")
    asked.modal()
    sent = chat.fake.submit_modal(chat.anna, asked)
    sent.wait_answer()
    sent.wait_message(lambda message: not message.loading and message.text())
    assert chat.jobs() == []


def test_a_menu_dialogue_is_not_for_others(chat):
    target = posted(chat, File("mine.png", chat.made().files()[0].data))
    asked = chat.fake.context_menu(chat.anna, target, "Edit")
    asked.modal()
    polite(chat, chat.fake.submit_modal(chat.ben, asked, forged=True), "too old")
    assert len(chat.jobs()) == 1
