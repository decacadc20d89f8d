"""Campaigns: the same story very often, at random moments.

CAMPAIGN_SCALE=1.0 is the size that issue 2 asks for; the default is what ./check runs every time.
CAMPAIGN_SEED repeats a run; every campaign prints the seed that it used.
"""
import contextlib
import os
import pathlib
import random
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "api"))

from stage import Stage, time_limit  # noqa: E402  (the path must be set first)

DEFAULT_SCALE = 0.02


class Campaign:
    """How large, from which seed, and what came of it."""

    def __init__(self, name, directory, say):
        self.name = name
        self.scale = float(os.environ.get("CAMPAIGN_SCALE", DEFAULT_SCALE))
        self.seed = int(os.environ.get("CAMPAIGN_SEED", random.SystemRandom().randrange(1 << 31)))
        self.random = random.Random(self.seed)
        self._directory = directory
        self._say = say
        self._began = time.monotonic()
        self._stages = []
        say(f"campaign {name}: scale {self.scale:g}, CAMPAIGN_SEED={self.seed}")

    def count(self, full, least=1):
        return max(least, round(full * self.scale))

    def stage(self, **what):
        stage = Stage(self._directory / f"stage{len(self._stages)}", **what)
        self._stages.append(stage)
        return stage

    def report(self, unit, count, **numbers):
        took = time.monotonic() - self._began
        details = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items())
        self._say(f"campaign {self.name}: {count} {unit} in {took:.1f} s ({count / took:.1f}/s); {details}")

    def close(self):
        with contextlib.ExitStack() as stack:
            for stage in self._stages:
                stack.callback(stage.close)


@pytest.fixture
def campaign(request, tmp_path, capsys):
    def say(line):
        with capsys.disabled():
            print(f"\n{line}", flush=True)

    scale = float(os.environ.get("CAMPAIGN_SCALE", DEFAULT_SCALE))
    one = Campaign(request.node.name.removeprefix("test_"), tmp_path, say)
    try:
        with time_limit(int(180 + 3600 * scale)):
            yield one
    finally:
        one.close()
