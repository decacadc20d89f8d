"""What people type is shown as they typed it: nothing pings, nothing breaks out, nothing falls over."""
import re

import pytest

from adapter import wait_for
from discord import File
from test_buttons import newest, said
from test_lists import asks, under_way, with_loras

TEXTS = [
    "@everyone", "@here", "<@1>", "<@!1>", "<@&1>", "<#1>", "</generate:1>", "<:smile:1>", "<t:1:R>", "<https://evil.example>",
    "**bold**", "*it*", "__under__", "~~gone~~", "||spoiler||", "`code`", "```\nblock\n```", "```", "``", "`",
    "# heading", "## heading", "-# small", "- item", "* item", "1. item", "> quote", ">>> quote", "line\nline\n# heading", "a\r\nb",
    "[free](https://evil.example)", "[a](<https://evil.example>)", "![x](https://evil.example/x.png)", "](https://evil.example)[",
    "\\", "\\\\", "\\*", "\\`\\`\\`", "\\@everyone", "\u202eevil", "\u2066x\u2069\u200f", "\ufeff\u200b\u200b", "@\u200beveryone", "\uff20everyone",
    "\x00x", "\x01\x02\x1b[31m", "\x7f\x80\x9f", "\u2028\u2029", "e" + "\u0301" * 200, "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50,
    "\U0001f1e9\U0001f1ea", "%s%n%x", "{{7*7}} ${x}", "'; DROP TABLE jobs; --", "\"}],\"x\":{", "../../etc/passwd",
    "attachment://1.png", "<script>alert(1)</script>", "x" * 4000, "*" * 4000, "\u4e2d" * 4000, "\U0001f600" * 2000, "@everyone " * 400, " lead and trail ",
]

BARE = re.compile(r"\\.|@\u200b", re.S)


def bare(text):
    """What is left for Discord to format, once what is escaped is taken away."""
    return BARE.sub("", text)


def harmless(line):
    """A line of a quotation or list, without our own marks."""
    rest = bare(line)
    assert not re.search(r"[*_~|`<>\[\]]", rest), (line, rest)
    assert "@everyone" not in line and "@here" not in line
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08]", line), line
    assert not re.match(r"#|-|\+", line), line


def quotation(message):
    """The line of what was asked for; the only one that begins so."""
    quoted = [line for line in message.embeds[0].get("description", "").split("\n") if line.startswith("> ")]
    assert len(quoted) <= 1, quoted
    return quoted[0][2:] if quoted else ""


def code_is_closed(text):
    """Each block of code that we open is ended by us alone."""
    assert text.count("```") % 2 == 0
    for block in text.split("```")[1::2]:
        assert block.startswith("\n") and block.endswith("\n"), block


def plain(text):
    """As it can be in JSON's strings and arrives at comfygate."""
    return text.replace("\x00", "")


def test_there_are_enough():
    assert len(set(TEXTS)) >= 60


@pytest.mark.parametrize("part", range(8))
def test_prompts(chats, part):
    chat = chats(adapter={"jobs_at_once": 0})
    for text in TEXTS[part::8]:
        asked = chat.generate(prompt=plain(text), steps=1, pause=0)
        asked.wait_answer()
        final = asked.final()
        assert newest(chat)["input"]["prompt"] == plain(text)
        for state in final.history():
            for embed in state["message"]["embeds"]:
                for line in embed.get("description", "").split("\n"):
                    if line.startswith("> "):
                        harmless(line[2:])
        harmless(quotation(final))
        shown = said(chat.fake.press(chat.ben, final, "Show settings"))
        code_is_closed(shown)
        chat.fake.press(chat.anna, final, "Change and run").modal()
    for line in said(asks(chat, "jobs")).split("\n"):
        harmless(re.sub(r"\*\*\d+\*\* |<t:\d+:R>", "", line))
    assert chat.fake.pings() == []


@pytest.mark.parametrize("part", range(4))
def test_failures(chats, part):
    """ComfyUI repeats what it was given in its message."""
    chat = chats()
    for text in TEXTS[part::4]:
        final = chat.made(model="chat-fail", prompt=plain(text))
        harmless(quotation(final))
        code_is_closed(final.embeds[0]["description"])
    assert chat.fake.pings() == []


def test_in_the_queue(chats):
    chat = chats(adapter={"jobs_at_once": 0})
    for text in TEXTS[:12]:
        under_way(chat, chat.anna, prompt=text)
    wait_for(lambda: len(chat.jobs()) == 12)
    text = said(asks(chat, "queue"))
    for line in text.split("\n"):
        harmless(re.sub(r"place \*\*\d+\*\*|<t:\d+:R>", "", line))
    assert chat.fake.pings() == []


def test_names_of_users_and_guilds(chat):
    for text in TEXTS[:40:3]:
        user = chat.fake.user(text[:32], chat.guild, nick=text[:32])
        chat.generate(user, steps=1, pause=0).final()
    assert chat.fake.pings() == []


def test_names_of_files(chat):
    picture = chat.made().files()[0].data
    for text in TEXTS[::3]:
        asked = chat.fake.command(chat.anna, chat.channel, "upscale", {
            "model": "test-upscale", "image": File(plain(text)[:200] + ".png", picture)})
        asked.wait_answer()
        seen = asked.wait_message(lambda message: message.files() or (message.embeds and not message.loading and not message.labels()))
        assert seen.files(), seen
    assert chat.fake.pings() == []


def test_names_of_loras(chat):
    names = sorted({re.sub("[\x00-\x1f]", "", text)[:60].strip() + ".safetensors" for text in TEXTS})
    chat.sim.models(loras=names)
    chat.gateway.request("POST", "/v1/templates/reload")
    wait_for(lambda: len(chat.gateway.json("GET", "/v1/models/loras?limit=1000")["data"]) > 30)
    known = [each["name"] for each in chat.gateway.json("GET", "/v1/models/loras?limit=1000")["data"]]
    code_is_closed(said(asks(chat, "loras")))
    for name in known[::4]:
        asked = asks(chat, "generate", model="sdxl", prompt="x", steps=1, size="256x256", lora=name)
        asked.wait_answer()
        final = asked.final()
        code_is_closed(said(chat.fake.press(chat.anna, final, "Show settings")))
    assert chat.fake.pings() == []


def test_options_that_repeat_what_was_given(chat):
    for text in TEXTS[:40]:
        for options in ({"seed": text}, {"size": text}, {"model": text}):
            asked = chat.fake.command(chat.anna, chat.channel, "generate", {
                "model": "chat-picture", "prompt": "x", **options}, forged=True)
            answer = asked.wait_answer()
            for embed in answer["data"]["embeds"]:
                harmless(embed["description"].replace("\n", " "))
    assert chat.jobs() == [] and chat.fake.pings() == []


def test_members_of_a_command_that_are_not_what_they_should_be(chats):
    """Types that Discord's own client would not send."""
    chat = chats(adapter={"jobs_at_once": 0})
    for options in ({"prompt": 7}, {"steps": "many"}, {"steps": 1.5}, {"prompt": True}, {"lora_strength": "x"}, {"image": "123"},
                    {"seed": 5}, {"size": 7}, {"model": 7}, {"model": False}, {"no_such": "x"}, {"pause": -1}):
        asked = chat.fake.command(chat.anna, chat.channel, "generate", {
            "model": "chat-picture", "prompt": "x", **options}, forged=True)
        asked.wait_answer()
        asked.wait_message(lambda message: not message.loading)
    assert chat.adapter.alive
    chat.made()


def test_loras_of_a_hostile_gallery(chat):
    with_loras(chat, ["```", "**x** <@1>"])
    code_is_closed(said(asks(chat, "loras")))
