"""./bench measures, and writes down what it has measured. How fast anything is, no test asks."""
import json
import os
import pathlib
import subprocess
import xml.etree.ElementTree

import pytest

import gateway

pytestmark = [pytest.mark.once, pytest.mark.patient]

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = {"reads": 3, "submissions": 1, "jobs": 2}  # rows of each; the others take more room than a test should


def bench(*words):
    env = {**os.environ, "COMFYGATE_BIN": str(gateway.BIN)}
    return subprocess.run(["/usr/bin/python3", "-B", "-m", "tests.bench", *map(str, words)], cwd=ROOT, env=env,
                          capture_output=True, text=True, timeout=100, check=False)


def test_it_measures(tmp_path):
    ran = bench("--seconds", 1, "--rounds", 1, "--only", ",".join(PARTS), "--json", tmp_path / "a.json", "--picture", tmp_path / "a.svg")
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert len(rows) == sum(PARTS.values()) and all(row["value"] > 0 for row in rows)
    compared = [row for row in rows if row["floor"]]
    assert len(compared) == 6 and all(row["judged"] == row["value"] / row["floor"] for row in compared)
    for row in rows:
        assert row["name"] in ran.stdout
        assert row["is_met"] == (row["judged"] <= row["limit"] if row["at_most"] else row["judged"] >= row["limit"])
    picture = xml.etree.ElementTree.parse(tmp_path / "a.svg").getroot()
    bars = [each for each in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(bars) == len(compared)


def test_a_part_that_is_none():
    ran = bench("--only", "speed")
    assert ran.returncode == 2 and "there is no part speed" in ran.stderr


def test_help():
    ran = subprocess.run([ROOT / "bench", "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0 and "--only" in ran.stdout and "floors" in ran.stdout
