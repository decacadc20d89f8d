"""The stage of the adapter's stories. tests/api must be on the path: the stage of comfygate is there."""
import pathlib

from adapter import Adapter
from discord import FakeDiscord
from stage import Stage

TEMPLATES = pathlib.Path(__file__).resolve().parent / "templates"


class Chat:
    """A server with a channel and two people, and everything behind it."""

    def __init__(self, directory, fake_options=None, adapter=None, start=True, **stage):
        self.fake = FakeDiscord(**(fake_options or {}))
        self.fake.setting("identify_every", 0)  # a test restarts sooner than anybody else
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
