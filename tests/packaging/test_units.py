"""The units and the example settings, without starting anything."""
import re
import subprocess

import pytest

from conftest import BIN
from debian_root import ROOT

UNITS = ("comfygate", "comfygate-discord")
EXPOSURE_MAX = 2.0
EXAMPLE = re.compile(r"^; ([a-z_]+ = .+)$", re.MULTILINE)


def unit(name):
    return BIN.parent.parent / "packaging" / f"{name}.service"


@pytest.mark.parametrize("name", UNITS)
def test_little_is_exposed(name):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit(name)], capture_output=True,
                          text=True, timeout=30, check=True)
    level = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout).group(1))
    assert level <= EXPOSURE_MAX, done.stdout


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_as_systemd_wants_it(name, tmp_path):
    """But for the programs, which are not installed here."""
    text = unit(name).read_text()
    assert "@" not in re.sub(r"=~?@[a-z].*", "", text), "everything is filled in"
    copy = tmp_path / f"{name}.service"
    copy.write_text(text.replace(f"ExecStart=/usr/bin/{name} ", f"ExecStart={BIN.parent / name} "))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy], capture_output=True,
                          text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", UNITS)
def test_what_a_unit_relies_on(name):
    lines = unit(name).read_text().splitlines()
    for line in ("Type=notify", "DynamicUser=yes", "Restart=on-failure", "WatchdogSec=60", "NoNewPrivileges=yes",
                 "MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX"):
        assert line in lines, line


def conf_of(name, tmp_path, more=""):
    """The example with each of its lines in force."""
    text, count = EXAMPLE.subn(r"\1", (ROOT / "packaging/etc" / f"{name}.conf").read_text())
    assert count >= 4
    conf = tmp_path / "all.conf"
    conf.write_text(text + more)
    return conf


def call(program, *words):
    done = subprocess.run([BIN.parent / program, *map(str, words)], capture_output=True, text=True, timeout=30, check=False,
                          env={"PATH": "/usr/bin:/bin"})
    return done.returncode, done.stdout + done.stderr


def test_every_example_of_the_gateway_is_taken(tmp_path):
    words = ["--data-dir", tmp_path / "data"]
    assert call("comfygate", "migrate", "--config", conf_of("comfygate", tmp_path), *words)[0] == 0
    code, said = call("comfygate", "migrate", "--config", conf_of("comfygate", tmp_path, "nonsense = 1\n"), *words)
    assert code == 2 and "nonsense" in said
    assert call("comfygate", "migrate", "--config", ROOT / "packaging/etc/comfygate.conf", *words)[0] == 0


def test_every_example_of_the_adapter_is_taken(tmp_path):
    """Files are read before settings are held against each other: who gets as far as the shard has taken them."""
    words = ["--token", "a.b.c", "--shard", "none"]
    for conf in (conf_of("comfygate-discord", tmp_path), ROOT / "packaging/etc/comfygate-discord.conf"):
        code, said = call("comfygate-discord", "check", "--config", conf, *words)
        assert code == 2 and "shard" in said
    code, said = call("comfygate-discord", "check", "--config", conf_of("comfygate-discord", tmp_path, "nonsense = 1\n"), *words)
    assert code == 2 and "nonsense" in said
