"""Runs each fuzz program for FUZZ_SECONDS, beginning with its corpus. What it finds new is kept below FUZZ_KEPT."""
import os
import pathlib
import subprocess

import pytest

BIN = pathlib.Path(os.environ["COMFYGATE_BIN"]).parent
SECONDS = int(os.environ.get("FUZZ_SECONDS", "10"))
KEPT = pathlib.Path(os.environ.get("FUZZ_KEPT", "build/check/fuzz"))
CORPORA = pathlib.Path(__file__).parent / "corpus"
TOLD = 6000  # characters of what a program wrote before it failed


def test_there_are_programs():
    assert list(BIN.glob("fuzz_*"))


@pytest.mark.parametrize("program", sorted(BIN.glob("fuzz_*")), ids=lambda program: program.name)
def test_fuzz(program):
    found = KEPT / program.name
    found.mkdir(parents=True, exist_ok=True)
    corpus = CORPORA / program.name.removeprefix("fuzz_")
    words = [program, f"-max_total_time={SECONDS}", "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1",
             f"-artifact_prefix={found}-", found, *([corpus] if corpus.is_dir() else [])]
    # The sanitizers write what they find to their output, where it is told here.
    env = {**os.environ, "ASAN_OPTIONS": "", "UBSAN_OPTIONS": "print_stacktrace=1"}
    ended = subprocess.run(words, env=env, capture_output=True, text=True, errors="replace", timeout=SECONDS + 300, check=False)
    assert ended.returncode == 0, ended.stderr[-TOLD:]
