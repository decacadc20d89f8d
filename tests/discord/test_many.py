"""A crowd: buttons pressed at random by owners and strangers, and what hundreds of jobs cost the adapter.

CAMPAIGN_SCALE=1 presses 1,000; CAMPAIGN_SEED repeats a run.
"""
import os
import pathlib
import random
import time


from adapter import wait_for
from test_buttons import DIALOGUES, MAKING, words

SCALE = float(os.environ.get("CAMPAIGN_SCALE", "0.02"))
PRESSES = max(150, round(1000 * SCALE))
USERS, JOBS_UNDER_WAY = 20, 500
RSS_MAX = 30 << 20


def is_sanitized(pid):
    """Sanitizers map terabytes of shadow."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmSize:")[1].split()[0]) > 1 << 30


class Crowd:
    """Users who press what they see, and what must come of it."""

    def __init__(self, chat, seed):
        self.chat, self.fake = chat, chat.fake
        self.random = random.Random(seed)
        self.users = [chat.fake.user(f"user {n}", chat.guild, moderator=n == 0) for n in range(USERS)]
        self.channels = [chat.fake.channel(chat.guild, f"channel {n}") for n in range(5)]
        self.messages = []  # (message, owner)
        self.asked = []  # (interaction, label, user, owner)
        self.made = []  # interactions that must end in a picture
        self.gone = set()  # owners' messages that are deleted

    def begin(self, kinds):
        asked = []
        for n, options in enumerate(kinds):
            owner = self.users[n % USERS]
            asked.append((self.chat.fake.command(owner, self.channels[n % 5], "generate", options), owner))
        for each, owner in asked:
            each.wait_answer()
            if each.payload["data"]["options"][0]["value"] != "chat-picture" or "pause" not in str(each.payload["data"]):
                self.messages.append((each.final(60), owner))
            else:
                self.messages.append((each.wait_message(lambda message: "Cancel" in message.labels()), owner))

    def press(self):
        message, owner = self.random.choice(self.messages)
        user = self.random.choice([owner, self.random.choice(self.users)])
        button = self.random.choice(message.buttons())
        asked = self.fake.press(user, message, button["custom_id"], forged=True)
        self.asked.append((asked, button["label"], user, owner, message))

    def judge(self, asked, label, user, owner, message):
        """The right thing, or a polite refusal."""
        answer = asked.wait_answer(20)
        assert answer["after"] < 3
        told = words(answer.get("data") or {})
        is_gone = message.id in self.gone
        if is_gone and "not kept any more" in told:
            return
        if label.startswith(DIALOGUES):
            assert answer["type"] == 9, (label, answer)
            if self.random.random() < 0.5:
                sent = self.fake.submit_modal(user, asked)
                sent.wait_answer(20)
                if is_gone or "not kept any more" in words(sent.answers[0].get("data") or {}):
                    return
                self.made.append((sent, user))
        elif label.startswith(MAKING):
            assert answer["type"] in (4, 5), (label, answer)
            self.made.append((asked, user))
        elif label == "Show settings":
            assert answer["data"]["flags"] & 64 and "Settings" in told
        elif label in ("Delete", "Cancel"):
            self.judge_owners(asked, label, user, owner, message, told)
        else:
            raise AssertionError(f"nobody knows {label}")

    def judge_owners(self, asked, label, user, owner, message, told):
        may = user in (owner, self.users[0])
        if not may:
            assert "Only <@" in told, (label, told)
        elif label == "Cancel":
            assert "canceled" in told or "ended already" in told, told
        else:
            assert "cannot be undone" in told, told
            if self.random.random() < 0.3:
                sure = self.fake.press(user, asked.messages()[0], "Delete")
                sure.wait_answer(20)
                self.gone.add(message.id)

    def settle(self):
        for asked, _user in self.made:
            final = asked.wait_message(lambda message: self.fake.is_final(message) or "not there any more" in message.text(), 120)
            live = [message for message in asked.messages() if not message.deleted and not message.ephemeral]
            assert len(live) == 1 or not self.fake.is_final(final), live


def test_random_buttons(chats):
    seed = int(os.environ.get("CAMPAIGN_SEED", random.SystemRandom().randrange(1 << 31)))
    print(f"CAMPAIGN_SEED={seed}")
    chat = chats(adapter={"jobs_at_once": 0})
    crowd = Crowd(chat, seed)
    quick = {"model": "chat-picture", "prompt": "x", "steps": 1}
    crowd.begin([quick] * 20 + [{"model": "chat-fail", "prompt": "y"}] * 3
                + [{"model": "test-pattern", "count": 3, "size": "128x128"}] * 5)
    crowd.begin([{"model": "chat-picture", "prompt": "slow", "steps": 1000, "pause": 20}] * 2)
    judged = 0
    while len(crowd.asked) < PRESSES:
        for _ in range(crowd.random.randint(1, 12)):
            crowd.press()
        while judged < len(crowd.asked):
            crowd.judge(*crowd.asked[judged])
            judged += 1
        if crowd.random.random() < 0.05:
            chat.adapter.restart()
    for job in chat.jobs("&status=running,queued"):
        if job["input"].get("prompt") == "slow":
            chat.gateway.request("POST", f"/v1/jobs/{job['id']}/cancel")
    crowd.settle()
    assert chat.fake.unanswered() == []
    assert chat.fake.pings() == []
    wait_for(lambda: all(job["metadata"]["discord.state"] in ("delivered", "forgotten") for job in chat.jobs()), 60)




def test_memory_and_cpu_with_500_jobs(chats):
    chat = chats(adapter={"jobs_at_once": 0})
    time.sleep(1)
    before = chat.adapter.cpu_seconds()
    time.sleep(5)
    assert chat.adapter.cpu_seconds() - before <= 0.02, "idle, it does nothing"
    channels = [chat.fake.channel(chat.guild, f"channel {n}") for n in range(20)]
    asked = []
    for n in range(JOBS_UNDER_WAY):
        asked.append(chat.generate(channel=channels[n % 20], prompt="x" * 300, steps=1000, pause=60000))
        if n % 20 == 19:
            for each in asked[-20:]:
                each.wait_answer()
    wait_for(lambda: "500" in str(chat.fake.command(chat.anna, chat.channel, "status", {}).wait_answer()["data"]))
    if is_sanitized(chat.adapter.pid):
        return
    assert chat.adapter.rss_bytes() < RSS_MAX, chat.adapter.rss_bytes()
    wait_for(lambda: quiet(chat), 60, "quiet")
    before = chat.adapter.cpu_seconds()
    time.sleep(5)
    assert chat.adapter.cpu_seconds() - before <= 0.15, "jobs that wait cost nothing"
    chat.adapter.restart()
    wait_for(lambda: "500" in str(chat.fake.command(chat.anna, chat.channel, "status", {}).wait_answer()["data"]), 30)
    assert chat.adapter.rss_bytes() < RSS_MAX, chat.adapter.rss_bytes()


def quiet(chat):
    """No request for a while."""
    before = chat.fake.counts()
    time.sleep(1)
    return chat.fake.counts() == before
