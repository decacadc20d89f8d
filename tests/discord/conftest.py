"""Fixtures of the Discord tests."""
import sys
from pathlib import Path

import pytest

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "api"))  # gateway.py, sim.py, stage.py

from discord import FakeDiscord  # noqa: E402  (ours: tests/discord/discord.py)


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
def fake(fakes):
    """One of them."""
    return fakes()
