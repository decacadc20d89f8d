"""What the tests of the fake itself begin with: a fake, a guild with a channel, Anna in it, and a small bot."""
import io

import pytest
from PIL import Image

from discord import FakeDiscord
from small_bot import Bot

GENERATE = {"name": "generate", "description": "Makes a picture", "options": [
    {"type": 3, "name": "prompt", "description": "What to see", "required": True, "max_length": 20},
    {"type": 3, "name": "model", "description": "Which", "autocomplete": True},
    {"type": 4, "name": "steps", "description": "How many", "min_value": 1, "max_value": 50},
    {"type": 3, "name": "size", "description": "How large", "choices": [{"name": "Small", "value": "s"}]},
    {"type": 11, "name": "picture", "description": "From this"}]}
SETTINGS = {"name": "settings", "description": "Yours", "options": [
    {"type": 1, "name": "show", "description": "Show them"},
    {"type": 1, "name": "steps", "description": "Set steps", "options": [
        {"type": 4, "name": "value", "description": "How many", "required": True}]}]}
EDIT_MENU = {"name": "Edit", "type": 3}
PNG = io.BytesIO()
Image.new("RGB", (40, 30), (200, 30, 40)).save(PNG, "PNG")
PNG = PNG.getvalue()
ROW = [{"type": 1, "components": [
    {"type": 2, "style": 1, "label": "Upscale", "custom_id": "v1:up"},
    {"type": 2, "style": 2, "label": "Vary", "custom_id": "v1:vary", "disabled": True},
    {"type": 2, "style": 5, "label": "Gallery", "url": "https://example.org"},
    {"type": 2, "style": 2, "emoji": {"name": "\U0001f3b2"}, "custom_id": "v1:again"}]}]
SELECT = [{"type": 1, "components": [{"type": 3, "custom_id": "model", "options": [
    {"label": "One", "value": "1"}, {"label": "Two", "value": "2"}]}]}]


class Place:
    """A guild with a channel, Anna in it, and a bot with commands."""

    def __init__(self, fake):
        self.fake = fake
        self.bot = Bot(fake)
        self.guild = fake.guild("Home")
        self.channel = fake.channel(self.guild)
        self.anna = fake.user("Anna", self.guild, roles=["artist"])
        answer = self.bot.register(GENERATE, SETTINGS, EDIT_MENU)
        assert answer.status == 200, answer

    def ask(self, **options):
        return self.fake.command(self.anna, self.channel, "generate", {"prompt": "a lighthouse", **options})

    def said(self, **more):
        """An interaction that was answered with a message."""
        asked = self.ask()
        answer = self.bot.say(asked, "here", **more)
        assert answer.status == 204, answer
        return asked

    def deferred(self, **data):
        asked = self.ask()
        assert self.bot.answer(asked, 5, data).status == 204
        return asked


@pytest.fixture
def fakes():
    """A factory: fakes(**options) starts a fake Discord. All are gone after the test, which fails for a breach."""
    built = []

    def build(**options):
        built.append(FakeDiscord(**options))
        return built[-1]

    yield build
    breaches = [breach for fake in built if fake.alive for breach in fake.breaches()]
    for fake in built:
        fake.stop()
    assert not breaches, "\n".join(f"{breach['rule']}: {breach['text']}" for breach in breaches[:20])


@pytest.fixture
def place(fakes):
    return Place(fakes(check_answers=True))
