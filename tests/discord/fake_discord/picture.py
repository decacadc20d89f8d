"""A message as a reader would see it, as HTML of our own, and that as a PNG by Debian's chromium.

For the documentation. It is plain: dark, one column, what matters in a message, and nothing of Discord's own.
"""

from __future__ import annotations

import base64
import html
import re
import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

from PIL import Image, ImageChops

EPHEMERAL, LOADING = 1 << 6, 1 << 7
SCALE, HEIGHT = 2, 4000
BACKGROUND = "#2b2d31"

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { background: %s; color: #dcdee2; font: 15px/1.4 "DejaVu Sans", sans-serif; padding: 16px 18px }
.message { display: flex; gap: 14px; padding: 8px 0 }
.face { flex: none; width: 40px; height: 40px; border-radius: 50%%; background: #4a78c8; color: #fff;
        display: flex; align-items: center; justify-content: center; font-weight: bold; font-size: 18px }
.body { min-width: 0; flex: 1 }
.origin { color: #a3a6ad; font-size: 13px; margin-bottom: 4px }
.origin b { color: #b9c8ea; font-weight: normal }
.name { color: #f4f5f6; font-weight: bold }
.tag { background: #4a62c0; color: #fff; border-radius: 3px; font-size: 10px; padding: 1px 4px; margin: 0 6px }
.time, .note { color: #9699a0; font-size: 12px }
.thinking { color: #b3b6bd; font-style: italic }
.mention { background: #3b4270; color: #c8d0fa; border-radius: 3px; padding: 0 2px }
code { background: #1f2024; border-radius: 3px; padding: 1px 4px; font: 13px "DejaVu Sans Mono", monospace }
pre { background: #1f2024; border-radius: 5px; padding: 8px 10px; margin: 4px 0; white-space: pre-wrap }
pre code { padding: 0 }
a { color: #58a9f0; text-decoration: none }
.embed { background: #232428; border-left: 4px solid #4f545c; border-radius: 5px; padding: 12px 14px; margin-top: 6px;
         max-width: 520px }
.embed .title { color: #f4f5f6; font-weight: bold; margin-bottom: 6px }
.embed .text { font-size: 14px; overflow-wrap: anywhere }
.fields { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px 12px; margin-top: 8px; font-size: 13px }
.field { grid-column: 1 / -1; overflow-wrap: anywhere }
.field.inline { grid-column: auto }
.field b { display: block; color: #f4f5f6 }
.footer { color: #a3a6ad; font-size: 12px; margin-top: 10px }
.shown { display: block; max-width: 100%%; max-height: 420px; border-radius: 5px; margin-top: 8px }
.pictures { display: flex; flex-wrap: wrap; gap: 6px; max-width: 520px }
.pictures .shown { max-width: 257px; margin-top: 2px }
.quote { border-left: 3px solid #55585f; padding-left: 9px }
.pictures.one .shown { max-width: 100%% }
.spoiler { filter: blur(22px) }
.file { background: #232428; border: 1px solid #3a3c42; border-radius: 6px; padding: 10px 12px; margin-top: 8px;
        max-width: 420px; color: #58a9f0 }
.file span { display: block; color: #9699a0; font-size: 12px }
.row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px }
.button { border-radius: 5px; padding: 6px 14px; font-size: 14px; color: #fff; background: #4a4d55 }
.button.s1 { background: #4a62d8 } .button.s3 { background: #2a7a45 } .button.s4 { background: #c03a40 }
.button.off { opacity: .45 }
.select { background: #1f2024; border: 1px solid #3a3c42; border-radius: 5px; padding: 7px 12px; width: 400px;
          color: #b3b6bd; font-size: 14px }
.select i { float: right; font-style: normal }
""" % BACKGROUND

_INLINE: List[Tuple[str, str]] = [
    (r"\*\*(.+?)\*\*", r"<b>\1</b>"), (r"__(.+?)__", r"<u>\1</u>"),
    (r"(?<![\w*])[*_](?!\s)(.+?)[*_](?!\w)", r"<i>\1</i>"),
    (r"~~(.+?)~~", r"<s>\1</s>"), (r"\[([^\]]+)\]\((https?://[^)\s]+)\)", r'<a href="\2">\1</a>'),
]


class Painter:
    """`file` gives the bytes of an attachment by its id; `name` what a user is called."""

    def __init__(self, file: Callable[[str], bytes], name: Callable[[str], str]) -> None:
        self._file = file
        self._name = name

    def page(self, messages: List[Dict[str, Any]]) -> str:
        shown = "".join(self._message(message) for message in messages)
        return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><body>{shown}'

    def _message(self, message: Dict[str, Any]) -> str:
        author = message["author"]
        name = author.get("global_name") or author["username"]
        tag = '<span class="tag">APP</span>' if author.get("bot") else " "
        parts = [self._origin(message),
                 f'<div><span class="name">{html.escape(name)}</span>{tag}'
                 f'<span class="time">{message["timestamp"][11:16]}</span></div>']
        if message["flags"] & LOADING:
            parts.append('<div class="thinking">is thinking &hellip;</div>')
        parts.append(f'<div class="text">{self.text(message["content"])}</div>')
        parts.append(self._attachments(message["attachments"]))
        parts += [self._embed(embed) for embed in message["embeds"]]
        parts += [self._row(row) for row in message["components"]]
        if message["flags"] & EPHEMERAL:
            parts.append('<div class="note">Only you can see this</div>')
        face = html.escape(name[:1].upper())
        return f'<div class="message"><div class="face">{face}</div><div class="body">{"".join(parts)}</div></div>'

    @staticmethod
    def _origin(message: Dict[str, Any]) -> str:
        told = message.get("interaction_metadata")
        if not told or "name" not in told:
            return ""
        user = told["user"].get("global_name") or told["user"]["username"]
        slash = "/" if told.get("command_type", 1) == 1 else ""
        return f'<div class="origin"><b>{html.escape(user)}</b> used <b>{slash}{html.escape(told["name"])}</b></div>'

    # -- words ----------------------------------------------------------------------------------------------------

    def text(self, words: str) -> str:
        """As much of Discord's Markdown as our messages use."""
        kept: List[str] = []

        def keep(piece: str) -> str:
            kept.append(piece)
            return f"\0{len(kept) - 1}\0"

        shown = html.escape(words, quote=False)
        shown = re.sub(r"```(?:\w+\n)?\n?(.+?)\n?```", lambda m: keep(f"<pre><code>{m[1]}</code></pre>"), shown,
                       flags=re.S)
        shown = re.sub(r"(`+)(.+?)\1", lambda m: keep(f"<code>{m[2].strip()}</code>"), shown)
        shown = re.sub(r"\\([*_~`|\\\[\]()<>#-])", lambda m: keep(m[1]), shown)
        shown = re.sub(r"&lt;@!?(\d+)&gt;", lambda m: keep(f'<span class="mention">@{self._named(m[1])}</span>'), shown)
        shown = re.sub(r"&lt;t:(\d+)(?::\w)?&gt;", lambda m: keep('<span class="mention">in a moment</span>'), shown)
        for pattern, meaning in _INLINE:
            shown = re.sub(pattern, meaning, shown)
        shown = re.sub(r"^-# (.+)$", r'<span class="note">\1</span>', shown, flags=re.M)
        shown = re.sub(r"^#{1,3} (.+)$", r"<b>\1</b>", shown, flags=re.M)
        shown = re.sub(r"(?:^&gt; .*(?:\n|$))+", _quotation, shown, flags=re.M)
        shown = shown.replace("\n", "<br>")
        while "\0" in shown:
            shown = re.sub("\0(\\d+)\0", lambda m: kept[int(m[1])], shown)
        return shown

    def _named(self, user_id: str) -> str:
        return html.escape(self._name(user_id))

    # -- pictures and files ---------------------------------------------------------------------------------------

    def _source(self, url: str) -> str:
        """An address of the fake's own CDN becomes the bytes themselves."""
        parts = url.split("?")[0].split("/")
        data = base64.b64encode(self._file(parts[-2])).decode()
        kind = parts[-1].rsplit(".", 1)[-1].replace("jpg", "jpeg")
        return f"data:image/{kind};base64,{data}"

    def _attachments(self, attachments: List[Dict[str, Any]]) -> str:
        pictures = [item for item in attachments if "width" in item]
        shown = ""
        for item in pictures:
            is_spoiler = item["filename"].startswith("SPOILER_") or item.get("flags", 0) & 1 << 3
            shown += f'<img class="shown{" spoiler" if is_spoiler else ""}" src="{self._source(item["url"])}">'
        if shown:
            shown = f'<div class="pictures{" one" if len(pictures) == 1 else ""}">{shown}</div>'
        for item in attachments:
            if item not in pictures:
                shown += (f'<div class="file">{html.escape(item["filename"])}'
                          f'<span>{item["size"] / 1024:.1f} KiB</span></div>')
        return shown

    def _embed(self, embed: Dict[str, Any]) -> str:
        parts = []
        if embed.get("title"):
            parts.append(f'<div class="title">{self.text(embed["title"])}</div>')
        if embed.get("description"):
            parts.append(f'<div class="text">{self.text(embed["description"])}</div>')
        if embed.get("fields"):
            cells = "".join(f'<div class="field{" inline" if item.get("inline") else ""}">'
                            f'<b>{self.text(item["name"])}</b>{self.text(item["value"])}</div>'
                            for item in embed["fields"])
            parts.append(f'<div class="fields">{cells}</div>')
        for place in ("image", "thumbnail"):
            if embed.get(place):
                parts.append(f'<img class="shown" src="{self._source(embed[place]["url"])}">')
        if embed.get("footer"):
            parts.append(f'<div class="footer">{html.escape(embed["footer"]["text"])}</div>')
        colour = f' style="border-color: #{embed["color"]:06x}"' if embed.get("color") is not None else ""
        return f'<div class="embed"{colour}>{"".join(parts)}</div>'

    # -- components -----------------------------------------------------------------------------------------------

    @staticmethod
    def _row(row: Dict[str, Any]) -> str:
        parts = []
        for item in row.get("components", []):
            emoji = html.escape((item.get("emoji") or {}).get("name") or "")
            off = " off" if item.get("disabled") else ""
            if item["type"] == 2:
                words = " ".join(word for word in (emoji, html.escape(item.get("label") or "")) if word)
                arrow = " &#8599;" if item["style"] == 5 else ""
                parts.append(f'<span class="button s{item["style"]}{off}">{words}{arrow}</span>')
            else:
                chosen = [option["label"] for option in item.get("options") or [] if option.get("default")]
                words = html.escape(", ".join(chosen) or item.get("placeholder") or "Choose")
                parts.append(f'<span class="select{off}">{words}<i>&#9662;</i></span>')
        return f'<div class="row">{"".join(parts)}</div>'


def _quotation(lines: "re.Match[str]") -> str:
    return f'<div class="quote">{lines[0].strip().replace("&gt; ", "")}</div>'


def photograph(page: str, path: Path, width: int) -> None:
    """Writes the page as a PNG that is as high as what is on it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("pictures of messages need chromium (apt-get install chromium fonts-noto-color-emoji)")
    with tempfile.TemporaryDirectory() as folder:
        source, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        source.write_text(page, encoding="utf-8")
        subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                        f"--user-data-dir={folder}/profile", f"--force-device-scale-factor={SCALE}",
                        f"--window-size={width},{HEIGHT}", f"--screenshot={shot}", source.as_uri()],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        _cropped(Image.open(BytesIO(shot.read_bytes())).convert("RGB")).save(path, optimize=True)


def _cropped(picture: Image.Image) -> Image.Image:
    empty = Image.new("RGB", picture.size, BACKGROUND)
    box = ImageChops.difference(picture, empty).getbbox() or (0, 0, picture.width, 100)
    return picture.crop((0, 0, picture.width, min(picture.height, box[3] + 24 * SCALE)))
