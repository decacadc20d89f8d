"""Fixtures of the adapter's tests: `fake` alone, and `chats` for stories with comfy-sim, comfygate, and comfygate-discord."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "api"))

from chat import Chat  # noqa: E402
from discord import FakeDiscord  # noqa: E402
from marks import pytest_collection_modifyitems, pytest_configure  # noqa: E402, F401  (hooks)
from stage import time_limit  # noqa: E402

TEST_LIMIT = 180  # seconds


@pytest.fixture
def fake():
    with FakeDiscord() as discord:
        yield discord
        assert discord.breaches() == []


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
