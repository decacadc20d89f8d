"""The fake Discord as a test fixture: people act, the adapter answers, the test looks at what people see.

    def test_picture(fake):
        guild = fake.guild()
        channel, anna = fake.channel(guild), fake.user("Anna", guild)
        ... start the adapter with fake.rest_url and fake.token, then fake.wait_ready() ...
        asked = fake.command(anna, channel, "generate", prompt="a lighthouse")
        asked.wait_answer()
        final = asked.final()
        assert final.files()[0].data.startswith(b"\\x89PNG")
        fake.press(anna, final, "Upscale").wait_answer()

Everything that the adapter does wrong is a breach; the fixture fails the test for it. A test that wants one names
its rules: `fake.allow("LATE_ANSWER")`. No process is left behind: the fake ends when its standard input does.

FakeDiscord
  process    start() stop() pause() resume() kill_gateway() start_gateway() kill_rest() start_rest() forget_sessions()
             rest_url (".../api/v10") token application_id bot_id public_key gateway_url resume_url
  people     guild(name, has_bot=True, attachment_limit=) channel(guild, name, nsfw=, permissions=, thread=, archived=)
             user(name, guild or guilds, roles=[names], permissions=, moderator=, dms=, installed=) role(guild, name)
             dm(user) group(users) change_channel(...) change_user(...) delete_channel(...)
             permissions: a number, or a list of names (people.PERMISSIONS); of a channel: the bot's there
  actions    command(user, channel, "generate", **options) - options: str, int, float, bool, File, User
             autocomplete(user, channel, "generate", "model", "fl", **others)  -> Interaction.choices()
             context_menu(user, message, "Edit")  press(user, message, "Upscale" or custom_id or emoji)
             select(user, message, [values or labels])  submit_modal(user, interaction, {custom_id: value})
             post(user, channel, text, [File]) -> Message    delete(message)
             all of them: what a real client would not do raises NotPossible, unless forged=True
  asking     messages(channel, user=None) commands(guild=None) requests(route="") breaches() count_429() limited()
             counts() pings() connections() wait_until(condition) wait_ready() wait_breach(rule) allow(*rules)
  time       advance(seconds): ages of tokens, messages and CDN addresses; nothing real waits
  faults     fault(name, count=1, after=0, **params), clear_faults(), faults_seen(); names: fake_discord/faults.py
  limits     limit("PATCH /channels/{channel_id}/messages/{message_id}", 5, 5.0) limits(on=, per_second=, invalid_max=)
  settings   setting("interval_ms", 500) answer_limit token_life identify_every session_life remaining
             max_concurrency shards_required old_edits require_allowed_mentions; new_token(text)
  HTTP       interactions_endpoint(url or None): from then on interactions are posted there, signed
  pictures   screenshot(message or messages, path, width=640), html(message or messages)

Interaction  id token payload  wait_answer(timeout=3) -> {"type","data",...}  answers  choices()  modal()  message()
             messages() (all that belong to it: answers, follow-ups, messages that refer to them)  edits (history)
             deferred expired unanswered sent  wait(condition on the interaction, timeout)
             wait_message(condition on a Message, timeout)  final(timeout=30)
Message      id json content embeds components buttons() attachments flags ephemeral deleted loading kind text()
             files() (bytes of all, those in embeds too)  history()  refresh()
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Union

from fake_discord.picture import Painter, photograph

FOLDER = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # Debian's: the packages are for that one
EPHEMERAL, LOADING = 1 << 6, 1 << 7
BUTTON = 2


class NotPossible(Exception):
    """A user of Discord's own client could not do this."""


class File(NamedTuple):
    """A file of a user, or of a message."""

    filename: str
    data: bytes
    type: Optional[str] = None
    is_spoiler: bool = False


class User(str):
    """A user's id."""


def _sent(value: Any) -> Any:
    if isinstance(value, File):
        return {"$file": value.filename, "data": base64.b64encode(value.data).decode(), "type": value.type}
    if isinstance(value, User):
        return {"$user": str(value)}
    if isinstance(value, dict):
        return {name: _sent(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sent(item) for item in value]
    return value


class Message:
    """A message as it was when it was asked for; refresh() gives it as it is now."""

    def __init__(self, fake: "FakeDiscord", state: Dict[str, Any]) -> None:
        self._fake = fake
        self.id: str = state["id"]
        self.json: Dict[str, Any] = state["json"]
        #: "callback", "followup", "channel" (by the bot's token) or "user"
        self.kind: str = state["kind"]
        self.deleted: bool = state["deleted"]
        self.only_for: Optional[str] = state["only_for"]
        self.author: str = state["author"]
        self.changes: int = state["changes"]

    @property
    def content(self) -> str:
        return self.json["content"]

    @property
    def embeds(self) -> List[Dict[str, Any]]:
        return self.json["embeds"]

    @property
    def components(self) -> List[Dict[str, Any]]:
        return self.json["components"]

    @property
    def attachments(self) -> List[Dict[str, Any]]:
        """As Discord shows them: without those that an embed shows."""
        return self.json["attachments"]

    @property
    def flags(self) -> int:
        return self.json["flags"]

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        return bool(self.flags & LOADING)

    def buttons(self) -> List[Dict[str, Any]]:
        return [item for row in self.components for item in row.get("components", []) if item["type"] == BUTTON]

    def labels(self, enabled: bool = False) -> List[str]:
        return [item.get("label") or (item.get("emoji") or {}).get("name") or "" for item in self.buttons()
                if not (enabled and item.get("disabled"))]

    def text(self) -> str:
        """All words that a reader sees."""
        words = [self.content]
        for embed in self.embeds:
            words += [embed.get("title"), embed.get("description"), (embed.get("author") or {}).get("name")]
            words += [item[part] for item in embed.get("fields") or [] for part in ("name", "value")]
            words.append((embed.get("footer") or {}).get("text"))
        return "\n".join(word for word in words if word)

    def files(self) -> List[File]:
        """Of attachments, then of the embeds' pictures."""
        urls = [item["url"] for item in self.attachments]
        urls += [embed[place]["url"] for embed in self.embeds for place in ("image", "thumbnail") if embed.get(place)]
        ids = [urllib.parse.urlsplit(url).path.split("/")[3] for url in urls if url.startswith(self._fake.origin)]
        return [self._fake.file(key) for key in ids]

    def history(self) -> List[Dict[str, Any]]:
        """Each state that it had: {"at", "virtual", "via", "deleted", "message"}."""
        return self._fake.call("history", message=self.id)

    def refresh(self) -> "Message":
        return self._fake.message(self.id)

    def __repr__(self) -> str:
        return f"<Message {self.id} {self.kind}{' deleted' if self.deleted else ''} {self.text()[:200]!r} " \
               f"{self.labels()} {len(self.attachments)} files>"


class Interaction:
    """What a user did, and what came of it."""

    def __init__(self, fake: "FakeDiscord", interaction_id: str) -> None:
        self._fake = fake
        self.id = interaction_id

    def state(self) -> Dict[str, Any]:
        return self._fake.call("interaction", interaction=self.id)

    @property
    def payload(self) -> Dict[str, Any]:
        return self._fake.call("payload", interaction=self.id)

    @property
    def token(self) -> str:
        return self.state()["token"]

    @property
    def answers(self) -> List[Dict[str, Any]]:
        """First answers, as they were sent: {"type", "data", "at", "after", "via"}. More than one is impossible."""
        return self.state()["answers"]

    @property
    def deferred(self) -> bool:
        """Does the user see "is thinking ..."?"""
        return self.state()["deferred"]

    @property
    def expired(self) -> bool:
        return self.state()["expired"]

    @property
    def unanswered(self) -> bool:
        """Has the user seen "did not respond"?"""
        return self.state()["unanswered"]

    @property
    def sent(self) -> int:
        """How often it went out."""
        return self.state()["sent"]

    def wait(self, condition: Callable[[Dict[str, Any]], Any], timeout: float = 10.0, what: str = "it") -> Any:
        """The first true value of the condition on state()."""
        until, state = time.monotonic() + timeout, self.state()
        while True:
            value = condition(state)
            if value:
                return value
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what}: not within {timeout} s; {self.describe(state)}")
            state = self._fake.call("wait", interaction=self.id, since=state["version"], timeout=min(left, 20))

    def wait_answer(self, timeout: float = 3.5) -> Dict[str, Any]:
        """The first answer. Fails at once when the 3 seconds are over."""
        state = self.wait(lambda state: (state["answers"] or state["unanswered"]) and state, timeout, "an answer")
        if not state["answers"]:
            raise TimeoutError(f"nobody has answered within 3 s; {self.describe(state)}")
        return state["answers"][0]

    def choices(self, timeout: float = 3.5) -> List[Dict[str, Any]]:
        """What an autocomplete was answered with."""
        answer = self.wait_answer(timeout)
        assert answer["type"] == 8, answer
        return answer["data"]["choices"]

    def modal(self, timeout: float = 3.5) -> Dict[str, Any]:
        answer = self.wait_answer(timeout)
        assert answer["type"] == 9, answer
        return answer["data"]

    def message(self) -> Optional[Message]:
        """@original as it is now."""
        original = self.state()["original"]
        return None if original is None else Message(self._fake, original)

    def messages(self) -> List[Message]:
        """All that belong to it, deleted ones too."""
        return [Message(self._fake, state) for state in self.state()["messages"]]

    @property
    def edits(self) -> List[Dict[str, Any]]:
        """The history of @original."""
        message = self.message()
        return [] if message is None else message.history()

    def wait_message(self, condition: Callable[[Message], Any], timeout: float = 10.0) -> Message:
        """The first message of it for which the condition is true; also @original of a component."""
        def look(state: Dict[str, Any]) -> Optional[Message]:
            states = state["messages"] + ([state["original"]] if state["original"] else [])
            found = (Message(self._fake, item) for item in states)
            return next((message for message in found if not message.deleted and condition(message)), None)
        return self.wait(look, timeout, "a message")

    def final(self, timeout: float = 30.0) -> Message:
        """The message that ends it: no longer "thinking", nothing to cancel, and files or an end in words."""
        return self.wait_message(self._fake.is_final, timeout)

    def describe(self, state: Optional[Dict[str, Any]] = None) -> str:
        state = state or self.state()
        shown = [Message(self._fake, item) for item in state["messages"]]
        kinds = [answer["type"] for answer in state["answers"]]
        return f"interaction {self.id}: sent {state['sent']} times, answers {kinds}, messages {shown}"

    def __repr__(self) -> str:
        return f"<Interaction {self.id}>"


def ends_job(message: Message) -> bool:
    """The rule of final(): a message that no longer offers Cancel, and has something to show."""
    if message.loading or any("cancel" in label.lower() for label in message.labels(enabled=True)):
        return False
    return bool(message.files() or message.buttons())


class FakeDiscord:
    """One fake, a process of its own. See the head of this file."""

    def __init__(self, *, start: bool = True, **options: Any) -> None:
        self._options = options
        self._process: Optional[subprocess.Popen] = None
        self._local = threading.local()
        self._allowed: set = set()
        self.is_final: Callable[[Message], Any] = ends_job
        self.rest_url = self.origin = self.token = self.application_id = self.bot_id = self.public_key = ""
        self.gateway_url = self.resume_url = self._control = ""
        if start:
            self.start()

    # -- process --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        command = [PYTHON, "-m", "fake_discord", "--exit-with-parent"]
        for name, value in self._options.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"fake_discord did not start, exit {self._process.wait(5)}")
        told = json.loads(line)
        self.rest_url, self.gateway_url, self.resume_url = told["rest"], told["gateway"], told["resume"]
        self.origin = self.rest_url.split("/api/")[0]
        self.token, self.application_id = told["token"], told["application_id"]
        self.bot_id, self.public_key = told["bot_id"], told["public_key"]
        self._control = urllib.parse.urlsplit(told["control"]).netloc

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)  # a paused process acts on no signal
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()

    def __enter__(self) -> "FakeDiscord":
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def call(self, do: str, /, **what: Any) -> Any:
        """One request to the control port."""
        body = json.dumps({"do": do, "with": _sent(what)})
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = http.client.HTTPConnection(self._control, timeout=90)
            try:
                connection.request("POST", "/", body, {"Content-Type": "application/json"})
                answer = json.loads(connection.getresponse().read())
                break
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                self._local.connection = None
                if attempt == 2:
                    raise
        if "not_possible" in answer:
            raise NotPossible(answer["not_possible"])
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def pause(self) -> None:
        """It freezes: connections stay, nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill_gateway(self) -> None:
        """All its connections end without a farewell, and the ports refuse."""
        self.call("gateway", on=False)

    def start_gateway(self) -> None:
        self.call("gateway", on=True)

    def kill_rest(self) -> None:
        self.call("rest", on=False)

    def start_rest(self) -> None:
        self.call("rest", on=True)

    def forget_sessions(self) -> None:
        """No RESUME works any more."""
        self.call("forget_sessions")

    # -- people ---------------------------------------------------------------------------------------------------

    def guild(self, name: str = "guild", **more: Any) -> str:
        """has_bot=True, attachment_limit=bytes, locale"""
        return self.call("guild", name=name, **more)

    def channel(self, guild: str, name: str = "general", **more: Any) -> str:
        """nsfw=False, permissions=those of the bot, thread=False, archived=False"""
        return self.call("channel", guild=guild, name=name, **more)

    def change_channel(self, channel: str, **more: Any) -> None:
        """permissions, archived, nsfw"""
        self.call("change_channel", channel=channel, **more)

    def delete_channel(self, channel: str) -> None:
        self.call("delete_channel", channel=channel)

    def user(self, name: str = "user", guilds: Union[str, Iterable[str]] = (), **more: Any) -> User:
        """roles=[names], permissions=of the user, moderator=False (Manage Messages besides), dms=True,
        installed=False (the application, for themselves), locale, attachment_limit, nick"""
        guilds = [guilds] if isinstance(guilds, str) else list(guilds)
        return User(self.call("user", name=name, guilds=guilds, **more))

    def change_user(self, user: User, **more: Any) -> None:
        """dms"""
        self.call("change_user", user=str(user), **more)

    def role(self, guild: str, name: str) -> str:
        """The id of a role; made when there is none."""
        return self.call("role", guild=guild, name=name)

    def dm(self, user: User) -> str:
        """The channel of direct messages with the bot."""
        return self.call("dm", user=str(user))

    def group(self, users: Iterable[User]) -> str:
        """A group without the bot."""
        return self.call("group", users=[str(user) for user in users])

    # -- what people do -------------------------------------------------------------------------------------------

    def _act(self, do: str, /, **what: Any) -> Interaction:
        return Interaction(self, self.call(do, **what))

    def command(self, user: User, channel: str, name: str, options: Optional[Dict[str, Any]] = None, *,
                forged: bool = False, attachments: Optional[Dict[str, File]] = None, **more: Any) -> Interaction:
        """`name` may have sub-commands: "settings show". `attachments` are options like all others."""
        values = {**(options or {}), **(attachments or {}), **more}
        return self._act("command", user=str(user), channel=channel, name=name, options=values, forged=forged)

    def autocomplete(self, user: User, channel: str, name: str, option: str, typed: str = "",
                     **others: Any) -> Interaction:
        return self._act("command", user=str(user), channel=channel, name=name, options={**others, option: typed},
                         focused=option)

    def context_menu(self, user: User, target: Union[Message, User], name: str,
                     channel: Optional[str] = None) -> Interaction:
        """Of a message, or of a user in a channel."""
        wanted = target.id if isinstance(target, Message) else str(target)
        return self._act("context_menu", user=str(user), target=wanted, name=name, channel=channel)

    def press(self, user: User, message: Union[Message, str], button: str, forged: bool = False) -> Interaction:
        """By custom_id, label, emoji, or a part of the label. Forged: any custom_id."""
        return self._act("press", user=str(user), message=_id(message), what=button, forged=forged)

    def select(self, user: User, message: Union[Message, str], values: Union[str, List[str]],
               custom_id: Optional[str] = None, forged: bool = False) -> Interaction:
        values = [values] if isinstance(values, str) else values
        return self._act("select", user=str(user), message=_id(message), values=values, custom_id=custom_id,
                         forged=forged)

    def submit_modal(self, user: User, interaction: Interaction, values: Optional[Dict[str, Any]] = None,
                     forged: bool = False) -> Interaction:
        """Files of an upload field are lists of File. What is not named keeps what is prefilled."""
        return self._act("submit_modal", user=str(user), interaction=interaction.id, values=values or {},
                         forged=forged)

    def post(self, user: User, channel: str, content: str = "", files: Iterable[File] = ()) -> Message:
        return self.message(self.call("post", user=str(user), channel=channel, content=content, files=list(files)))

    def delete(self, message: Union[Message, str]) -> None:
        """By a user."""
        self.call("delete_message", message=_id(message))

    # -- what there is --------------------------------------------------------------------------------------------

    def message(self, message_id: str) -> Message:
        return Message(self, self.call("message", message=message_id))

    def messages(self, channel: str, user: Optional[User] = None) -> List[Message]:
        """Those that are there, oldest first; `user`: what that one sees."""
        states = self.call("messages", channel=channel, user=None if user is None else str(user))
        return [Message(self, state) for state in states]

    def file(self, attachment_id: str) -> File:
        told = self.call("file", attachment=attachment_id)
        return File(told["filename"], base64.b64decode(told["data"]), told["type"], told["spoiler"])

    def commands(self, guild: str = "") -> Dict[str, Dict[str, Any]]:
        """What is registered, by name."""
        return {command["name"]: command for command in self.call("commands", guild=guild)}

    def requests(self, route: str = "") -> List[Dict[str, Any]]:
        """Every request so far whose "METHOD /template" has that text."""
        return self.call("requests", route=route)

    def breaches(self, clear: bool = False) -> List[Dict[str, Any]]:
        """What was done wrong and not allowed: {"rule", "text", "at", ...}."""
        return [breach for breach in self.call("breaches", clear=clear) if breach["rule"] not in self._allowed]

    def allow(self, *rules: str) -> None:
        """These breaches are what the test is about."""
        self._allowed.update(rules)

    def wait_breach(self, rule: str, timeout: float = 10.0) -> Dict[str, Any]:
        """That one must come; it is allowed then."""
        self._allowed.add(rule)
        return self.wait_until(lambda: next((item for item in self.call("breaches") if item["rule"] == rule), None),
                               timeout, f"a breach of {rule}")

    def counts(self) -> Dict[str, Any]:
        return self.call("counts")

    def count_429(self) -> int:
        return self.counts()["429"]

    def limited(self) -> List[Dict[str, Any]]:
        """Every 429."""
        return self.call("429s")

    def unanswered(self) -> List[str]:
        """Ids of the interactions whose users saw "did not respond"."""
        return self.counts()["unanswered"]

    def pings(self) -> List[Dict[str, Any]]:
        return self.call("pings")

    def connections(self) -> List[Dict[str, Any]]:
        """Every connection to the Gateway so far (fake_discord/connection.py: record)."""
        return self.call("connections")

    def wait_until(self, condition: Callable[[], Any], timeout: float = 10.0, what: str = "the condition") -> Any:
        """The first true value; looked at whenever something has changed."""
        until, version = time.monotonic() + timeout, self.call("version")
        while True:
            value = condition()
            if value:
                return value
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what}: not within {timeout} s; breaches: {self.breaches()[:5]}")
            version = self.call("wait", since=version, timeout=min(left, 0.5))["version"]

    def wait_ready(self, timeout: float = 20.0, commands: bool = True) -> None:
        """Until a client is connected (and has registered its commands)."""
        def is_ready() -> bool:
            there = [item for item in self.connections() if item["ended"] is None
                     and (item["identify"] or item["resume"])]
            return bool(there) and (not commands or bool(self.commands()) or bool(self.requests("PUT ")))
        self.wait_until(is_ready, timeout, "a client that is ready")

    # -- time, faults, limits -------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        self.call("advance", seconds=seconds)

    def fault(self, name: str, count: Optional[int] = 1, after: int = 0, **params: Any) -> int:
        """count=None lasts. How many connections it has struck at once (Gateway faults with at="now")."""
        return self.call("fault", name=name, count=count, after=after, params=params)

    def clear_faults(self, name: Optional[str] = None) -> None:
        self.call("clear_faults", name=name)

    def faults_seen(self) -> List[Dict[str, Any]]:
        return self.call("faults_seen")

    def limit(self, route: str, limit: int, seconds: float) -> None:
        self.call("limit", route=route, limit=limit, seconds=seconds)

    def limits(self, **more: Any) -> None:
        """on, per_second, invalid_max"""
        self.call("limits", **more)

    def setting(self, name: str, value: Any) -> None:
        self.call("setting", name=name, value=value)

    def new_token(self, token: str) -> None:
        """The bot's token is another one from now on."""
        self.call("new_token", token=token)

    # -- interactions over HTTP -----------------------------------------------------------------------------------

    def interactions_endpoint(self, url: Optional[str]) -> None:
        """As in the portal: raises NotPossible when PING or a bad signature is answered wrongly."""
        self.call("endpoint", url=url)

    def sign(self, body: str, timestamp: Optional[str] = None) -> Dict[str, str]:
        """The headers of a request to the endpoint."""
        return self.call("sign", body=body, timestamp=timestamp)

    # -- pictures for the documentation ---------------------------------------------------------------------------

    def html(self, messages: Union[Message, Iterable[Message]]) -> str:
        """As a reader sees them, in plain HTML of our own."""
        messages = [messages] if isinstance(messages, Message) else list(messages)
        painter = Painter(lambda key: self.file(key).data, lambda key: self.call("name", user=key))
        return painter.page([message.json for message in messages])

    def screenshot(self, messages: Union[Message, Iterable[Message]], path: Union[str, Path], width: int = 640) -> None:
        """The same as a PNG. Needs chromium."""
        photograph(self.html(messages), Path(path), width)


def _id(message: Union[Message, str]) -> str:
    return message.id if isinstance(message, Message) else message


if __name__ == "__main__":
    sys.exit("this is a module for tests; the fake itself: PYTHONPATH=tests/discord python3 -m fake_discord")
