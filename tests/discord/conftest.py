"""Fixtures of the adapter's tests: `fake` alone, and `chats` for stories with comfy-sim, comfygate, and comfygate-discord."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "api"))

from adapter import Adapter  # noqa: E402
from discord import FakeDiscord  # noqa: E402
from stage import Stage, time_limit  # noqa: E402

TEST_LIMIT = 180  # seconds
TEMPLATES = pathlib.Path(__file__).resolve().parent / "templates"


@pytest.fixture
def fake():
    with FakeDiscord() as discord:
        yield discord
        assert discord.breaches() == []


class Chat:
    """A server with a channel and two people, and everything behind it."""

    def __init__(self, directory, fake_options=None, adapter=None, start=True, **stage):
        self.fake = FakeDiscord(**(fake_options or {}))
        self.stage = Stage(directory / "stage", **{"templates_dir": str(TEMPLATES), **stage})
        self.gateway, self.sim = self.stage.gateway, self.stage.sim
        self.guild = self.fake.guild()
        self.channel = self.fake.channel(self.guild)
        self.anna = self.fake.user("Anna", self.guild)
        self.ben = self.fake.user("Ben", self.guild)
        self.adapter = Adapter(directory / "adapter.log", self.gateway.url, self.fake, adapter)
        if start:
            self.adapter.start()

    def generate(self, user=None, channel=None, **options):
        options = {"model": "chat-picture", "prompt": "a lighthouse", **options}
        return self.fake.command(user or self.anna, channel or self.channel, "generate", options)

    def made(self, user=None, **options):
        """The final message of a picture that was made."""
        asked = self.generate(user, **options)
        asked.wait_answer()
        return asked.final()

    def jobs(self, query=""):
        return self.gateway.json("GET", f"/v1/jobs?limit=200{query}")["data"]

    def close(self):
        try:
            self.adapter.stop()
        finally:
            self.stage.close()
            self.fake.stop()


@pytest.fixture
def chats(tmp_path):
    built = []

    def build(**options):
        chat = Chat(tmp_path / f"chat{len(built)}", **options)
        built.append(chat)
        return chat

    with time_limit(TEST_LIMIT):
        yield build
        try:
            for chat in built:
                breaches = chat.fake.breaches()
                assert breaches == [], breaches[:3]
        finally:
            for chat in built:
                chat.close()


@pytest.fixture
def chat(chats):
    return chats()
