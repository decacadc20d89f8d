"""kill -9 of each part of the way from a chat to a picture and back, with jobs under way.

Whoever was answered gets exactly one final message, whatever died in between; and the buttons of old messages work afterwards.
"""
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "discord"))

from adapter import wait_for  # noqa: E402
from chat import Chat  # noqa: E402
from discord import File, ends_job  # noqa: E402

USERS, CHANNELS, OPEN_MAX = 6, 4, 12
EPHEMERAL = 64
REFUSED = "Nothing was started"  # an honest end, when comfygate dies again before it could be reached
PRESSES_AFTERWARDS = 10


class Story:
    """People who go on asking, and what each must get."""

    def __init__(self, campaign, directory):
        self.random = campaign.random
        self.chat = Chat(directory / "chat", adapter={"jobs_at_once": 0}, start=False)
        self.fake, self.asked, self.ends = self.chat.fake, [], []
        self.fake.is_final = lambda message: ends_job(message) or REFUSED in message.text()
        self.fake.setting("identify_every", 0)  # a new process each time: Discord's pause between two is not the matter here
        self.chat.adapter.start()
        self.users = [self.fake.user(f"user {n}", self.chat.guild) for n in range(USERS)]
        self.channels = [self.fake.channel(self.chat.guild, f"channel {n}") for n in range(CHANNELS)]
        self.picture = None

    def close(self):
        self.chat.close()

    def ask(self):
        user, channel = self.random.choice(self.users), self.random.choice(self.channels)
        kind = self.random.choice(["picture", "picture", "failure", "upscale", "button"])
        if kind == "upscale" and self.picture is not None:
            asked = self.fake.command(user, channel, "upscale", {"model": "test-upscale", "image": File("x.png", self.picture)})
        elif kind == "button" and self.ends:
            asked = self.fake.press(user, self.random.choice(self.ends), self.random.choice(["Run again", "Upscale"]))
        elif kind == "failure":
            asked = self.chat.generate(user, channel, model="chat-fail", prompt=f"{len(self.asked)}")
        else:
            asked = self.chat.generate(user, channel, steps=self.random.randint(1, 8), pause=self.random.randint(1, 60),
                                       prompt=f"{len(self.asked)}")
        self.asked.append(asked)

    def begin(self):
        first = self.chat.made()
        self.picture = first.files()[0].data
        self.ends.append(first)

    def live(self):
        """Some more are asked for, but never too many at once."""
        if len(self.chat.jobs("&status=queued,running")) < OPEN_MAX:
            for _ in range(self.random.randint(1, 4)):
                self.ask()
        time.sleep(self.random.choice([0.02, 0.1, 0.5]) * self.random.random())

    @staticmethod
    def is_accepted(asked):
        """Was the user told that something is being made?"""
        state = asked.state()
        return any(answer["type"] in (4, 5) and not (answer.get("data") or {}).get("flags", 0) & EPHEMERAL
                   for answer in state["answers"])

    def ends_of(self, asked):
        return [message for message in asked.messages() if not message.deleted and self.fake.is_final(message)]

    def settle(self):
        """Everybody has exactly one end; and so has every job, whether its user was answered or not."""
        accepted = [asked for asked in self.asked if self.is_accepted(asked)]
        for asked in accepted:
            final = asked.final(90)
            assert [message.id for message in self.ends_of(asked)] == [final.id], asked.describe()
        wait_for(lambda: all(job["metadata"]["discord.state"] == "delivered" for job in self.jobs()), 90, "the last delivery")
        ends, jobs = self.ends_by_job(), self.jobs()
        for job in jobs:
            assert len(ends.get(job["id"], [])) == 1, (job, ends.get(job["id"]))
        with_job = {job["metadata"]["discord.interaction"] for job in jobs}
        for asked in accepted:
            is_refused = REFUSED in asked.final(1).text()
            assert (asked.id in with_job) != is_refused, f"told otherwise: {asked.describe()}"
        return len(accepted)

    def ends_by_job(self):
        """Final messages in the channels, by the job that their buttons name. What nobody was told may come as a new message."""
        found = {}
        for channel in [self.chat.channel, *self.channels]:
            for message in self.fake.messages(channel):
                names = {button["custom_id"].split(":")[2] for button in message.buttons()}
                if names and not message.ephemeral and self.fake.is_final(message):
                    found.setdefault(names.pop(), []).append(message)
        return found

    def jobs(self):
        page = self.chat.gateway.json("GET", "/v1/jobs?limit=200")
        jobs = page["data"]
        while page["next_cursor"]:
            page = self.chat.gateway.json("GET", f"/v1/jobs?limit=200&cursor={page['next_cursor']}")
            jobs += page["data"]
        return jobs

    def press_old_buttons(self):
        old = [message for each in self.ends_by_job().values() for message in each if "Run again" in message.labels()]
        for message in self.random.sample(old, min(PRESSES_AFTERWARDS, len(old))):
            asked = self.fake.press(self.users[0], message, "Run again")
            asked.wait_answer()
            asked.final(60)


@pytest.fixture
def story(campaign, tmp_path):
    one = Story(campaign, tmp_path)
    try:
        one.begin()
        yield one
    finally:
        one.close()


# Whether the first answer got out before it died no process can know: its successor edits it, and sees.
# And it knows of no connection before its own.
RESTARTS = ("EDIT_BEFORE_ANSWER", "CONNECT_STORM")


def finish(campaign, story, kills, allowed=()):
    accepted = story.settle()
    story.press_old_buttons()
    story.fake.allow(*allowed)
    assert story.fake.breaches() == [], story.fake.breaches()[:3]
    campaign.report("kills", kills, asked=len(story.asked), accepted=accepted, **{"429": story.fake.count_429()})


def test_crash_chat_adapter(campaign, story):
    kills = campaign.count(100, least=6)
    for _ in range(kills):
        story.live()
        story.chat.adapter.kill()
        time.sleep(campaign.random.choice([0, 0.2]))
        story.chat.adapter.start()
    finish(campaign, story, kills, RESTARTS)


def test_crash_chat_comfygate(campaign, story):
    kills = campaign.count(50, least=5)
    for _ in range(kills):
        story.live()
        story.chat.gateway.kill()
        for _ in range(campaign.random.randint(0, 2)):
            story.ask()
        time.sleep(campaign.random.choice([0, 0.2, 1.5]))
        story.chat.gateway.start()
    finish(campaign, story, kills)


def test_crash_chat_comfyui(campaign, story):
    kills = campaign.count(50, least=5)
    for _ in range(kills):
        story.live()
        story.chat.sim.kill9()
        time.sleep(campaign.random.choice([0, 0.2]))
        story.chat.sim.start()
    finish(campaign, story, kills)


def test_crash_chat_discord_gateway(campaign, story):
    kills = campaign.count(50, least=5)
    for number in range(kills):
        story.live()
        story.fake.kill_gateway()
        for _ in range(campaign.random.randint(0, 2)):
            story.ask()
        time.sleep(campaign.random.choice([0, 0.3]))
        story.fake.start_gateway()
        if number % 3 == 2:
            story.fake.forget_sessions()
        story.fake.wait_ready(60)
        if number % 5 == 4:  # it has grown patient with a Gateway that dies every second; a new one has not
            story.chat.adapter.restart()
    finish(campaign, story, kills)


def test_crash_chat_everything(campaign, story):
    """Adapter and comfygate at once, while ComfyUI may be gone, too."""
    kills = campaign.count(50, least=4)
    for _ in range(kills):
        story.live()
        story.chat.adapter.kill()
        story.chat.gateway.kill()
        if campaign.random.random() < 0.5:
            story.chat.sim.kill9()
            story.chat.sim.start()
        story.chat.gateway.start()
        story.chat.adapter.start()
    finish(campaign, story, kills, RESTARTS)
