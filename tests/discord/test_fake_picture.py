"""How a message looks, as HTML. (The PNG of it is for the documentation, and needs a chromium.)"""
import re

from place import PNG, ROW, SELECT, fakes, place  # noqa: F401  (two are fixtures)


def test_what_a_reader_sees(place):
    asked = place.deferred()
    assert "is thinking" in place.fake.html(asked.message())
    embed = {"title": "A lighthouse", "description": f"**12** of `20` for <@{place.anna}>", "color": 0x12AB34,
             "fields": [{"name": "Seed", "value": "42", "inline": True}], "footer": {"text": "in 5 s"},
             "image": {"url": "attachment://a.png"}}
    place.bot.edit(asked, {"content": "<script>alert(1)</script>", "embeds": [embed], "components": ROW,
                           "attachments": [{"id": "0", "filename": "a.png"}, {"id": "1", "filename": "b.mp4"}]},
                   files=[("a.png", PNG), ("b.mp4", b"x" * 2048)])
    page = place.fake.html(asked.message())
    assert "<script" not in page and "&lt;script&gt;" in page
    for words in ("A lighthouse", "<b>12</b> of <code>20</code>", '<span class="mention">@Anna</span>', "Seed", "42",
                  "in 5 s", "border-color: #12ab34", "Upscale", "used <b>/generate</b>", "2.0 KiB"):
        assert words in page, words
    assert len(re.findall(r"data:image/png;base64,", page)) == 1
    assert re.search(r'class="button s2 off">Vary', page)


def test_who_sees_it_and_what_is_chosen(place):
    asked = place.said(components=SELECT, flags=64)
    page = place.fake.html(asked.message())
    assert "Only you can see this" in page and 'class="select"' in page


def test_a_spoiler_and_words_that_are_escaped(place):
    told = place.bot.post(place.channel, {"content": "\\*not bold\\* *bold* ```\nx < y\n```",
                                          "attachments": [{"id": "0", "filename": "a.png", "is_spoiler": True}]},
                          files=[("a.png", PNG)]).json()
    page = place.fake.html(place.fake.message(told["id"]))
    assert "*not bold* <i>bold</i>" in page and "<pre><code>x &lt; y</code></pre>" in page and "shown spoiler" in page


def test_a_quotation(place):
    told = place.bot.post(place.channel, {"content": "> one\n> two\nthree"}).json()
    assert '<div class="quote">one<br>two</div>three' in place.fake.html(place.fake.message(told["id"]))
