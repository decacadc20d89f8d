"""The Debian package, on a machine of its own: installed, served, killed, hung, upgraded, removed, purged."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from debian_root import ROOT, copy_root, run
from machine import Machine
from service_manager import Frozen, engine_in_poll
from sim import graph_steps

SIM = ROOT / "tests" / "comfy_sim" / "comfy-sim"
UNITS = ("comfygate", "comfygate-discord")
TOKEN = "not.a.real-token"
# What every installation of any package changes.
NOT_OURS = ("var/log/", "var/cache/", "var/lib/dpkg/", "var/lib/apt/", "var/lib/systemd/", "run/", "tmp/", "proc/", "sys/", "dev/",
            "etc/ld.so.cache", "var/tmp/")


# ---- the package itself


def listed(deb):
    """{path: mode} of the package."""
    lines = run("dpkg-deb", "--contents", deb).splitlines()
    return {line.split(None, 5)[5]: (line.split()[0], line.split()[1]) for line in lines}


def test_contents(deb):
    files = listed(deb)
    assert all(owner == "root/root" for _, owner in files.values())
    for path in ("./usr/bin/comfygate", "./usr/bin/comfygate-discord", "./usr/libexec/comfygate/comfygate-imaging"):
        assert files[path][0] == "-rwxr-xr-x"
    for program in UNITS:
        for path in (f"./usr/lib/systemd/system/{program}.service", f"./usr/share/man/man1/{program}.1.gz",
                     f"./usr/share/bash-completion/completions/{program}", f"./usr/share/zsh/vendor-completions/_{program}",
                     f"./usr/share/fish/vendor_completions.d/{program}.fish", f"./etc/comfygate/{program}.conf"):
            assert files[path][0] == "-rw-r--r--", path
    for name in ("copyright", "changelog.gz", "prometheus/scrape.yml", "prometheus/alerts.yml", "grafana/comfygate.json"):
        assert f"./usr/share/doc/comfygate/{name}" in files
    assert not [path for path in files if "/tests/" in path or path.endswith((".a", ".h"))]


def test_control(deb, scratch):
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "--field", deb).splitlines() if ": " in line)
    assert fields["Package"] == "comfygate" and fields["Version"] == (ROOT / "VERSION").read_text().strip()
    for library in ("libc6", "libmicrohttpd12", "libwebsockets17", "libsqlite3-0", "libsystemd0", "libseccomp2"):
        assert library in fields["Depends"]
    run("dpkg-deb", "--control", deb, scratch / "control")
    scripts = [scratch / "control" / name for name in ("postinst", "prerm", "postrm")]
    run("shellcheck", *scripts)
    assert all(os.access(script, os.X_OK) for script in scripts)
    conffiles = (scratch / "control" / "conffiles").read_text().split()
    assert sorted(conffiles) == sorted(path[1:] for path in listed(deb) if path.startswith("./etc/") and path.endswith(".conf"))


# ---- on a machine


@pytest.fixture(scope="module")
def machine(deb, scratch):
    folder = copy_root(scratch / "machine")
    shutil.copy(deb, folder / "comfygate.deb")
    with Machine(folder) as machine:
        yield machine


@pytest.fixture(scope="module")
def files_before(machine):
    return files_of(machine)


@pytest.fixture(scope="module")
def sim(machine, files_before):
    """In the machine's network, where comfygate looks for a ComfyUI by default; of its files it sees nothing."""
    words = ["nsenter", "--target", str(machine.leader), "--net", str(SIM), "--listen", "127.0.0.1:8188", "--exit-with-parent"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert "listening on" in process.stdout.readline()
        yield process
        process.kill()


def files_of(machine):
    found = set()
    for folder, names, files in os.walk(machine.folder):
        below = os.path.relpath(folder, machine.folder)
        found.update(os.path.normpath(os.path.join(below, name)) for name in [*names, *files])
    return {path for path in found if not f"{path}/".startswith(NOT_OURS) and f"{path}/" not in NOT_OURS and path not in NOT_OURS}


def install(machine):
    machine.run("apt-get", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold",
                "--reinstall", "install", "/comfygate.deb")


def until(machine, what, is_right=bool, limit=30, every=0.1):
    end = time.monotonic() + limit
    seen = what()
    while not is_right(seen):
        assert time.monotonic() < end, f"still {seen!r}\n{machine.ask('journalctl', '--no-pager', '-n', '40')[1]}"
        time.sleep(every)
        seen = what()
    return seen


def fetch(machine, path):
    """(status, content type) of a GET from inside its network."""
    script = ("import sys, urllib.request as r\n"
              "a = r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8090' + sys.argv[1], timeout=20)\n"
              "print(a.status, a.headers['Content-Type'], len(a.read()))")
    out = run("nsenter", "--target", machine.leader, "--net", "/usr/bin/python3", "-c", script, path).split()
    return int(out[0]), out[1], int(out[2])


def submit(machine, graph, *flags):
    (machine.folder / "root" / "graph.json").write_text(json.dumps(graph))
    return machine.run("comfygate", "submit", "--workflow", "/root/graph.json", *flags)


def test_install_starts_the_gateway(machine, sim):
    install(machine)
    until(machine, lambda: machine.state("comfygate"), lambda state: state == "active", limit=10)
    assert machine.property("comfygate", "UnitFileState") == "enabled"
    assert machine.state("comfygate-discord") == "inactive", "there is no token yet, and that is no failure"
    assert machine.ask("systemctl", "is-failed", "comfygate-discord")[1].strip() != "failed"
    until(machine, lambda: machine.property("comfygate", "StatusText"),
          lambda text: text == "serving at http://127.0.0.1:8090, 1 of 1 ComfyUI up")
    assert machine.run("comfygate", "health").startswith("ready")
    assert machine.run("comfygate", "version").split()[1] == (ROOT / "VERSION").read_text().strip()


def test_it_has_few_rights(machine, sim):
    status = pathlib.Path(f"/proc/{machine.pid_outside('comfygate')}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split() and int(fields["CapEff"], 16) == 0 and int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    assert not [path for path in (machine.folder / "var/lib/private/comfygate").rglob("*") if path.stat().st_mode & 0o077
                and not path.is_dir()]


def test_a_job_from_its_submission_to_its_thumbnail(machine, sim):
    """The thumbnail comes from a process that shuts itself in, below a unit that does so already."""
    out = submit(machine, graph_steps(seed=7), "--wait", "--json")
    job = json.loads(out[out.index("{"):])
    assert job["status"] == "succeeded"
    output = job["outputs"][0]
    status, kind, size = fetch(machine, f"/v1/outputs/{output['id']}/thumbnail?size=256")
    assert (status, kind) == (200, "image/webp") and size > 20
    assert fetch(machine, f"/v1/outputs/{output['id']}/content") == (200, "image/png", output["size_bytes"])


def test_killed_it_is_started_again_and_loses_nothing(machine, sim):
    job = submit(machine, graph_steps(steps=10, ms=200, seed=8), "--quiet").strip()
    until(machine, lambda: json.loads(machine.run("comfygate", "show", job, "--json"))["status"], lambda status: status == "running")
    before = machine.property("comfygate", "MainPID")
    machine.run("systemctl", "kill", "--signal=KILL", "comfygate")
    until(machine, lambda: (machine.state("comfygate"), machine.property("comfygate", "MainPID")),
          lambda now: now[0] == "active" and now[1] not in (before, "0"))
    assert int(machine.property("comfygate", "NRestarts")) == 1
    machine.run("comfygate", "wait", job)
    assert json.loads(machine.run("comfygate", "show", job, "--json"))["status"] == "succeeded"


def test_hung_it_is_ended_and_started_again(machine, sim):
    """As the unit has it, but with less patience."""
    folder = machine.folder / "etc/systemd/system/comfygate.service.d"
    folder.mkdir()
    (folder / "patience.conf").write_text("[Service]\nWatchdogSec=2\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "comfygate")
    before = machine.property("comfygate", "MainPID")
    pid = machine.pid_outside("comfygate")
    with Frozen(until(machine, lambda: engine_in_poll(pid), every=0)):
        until(machine, lambda: machine.property("comfygate", "SubState"), lambda state: state != "running")
    until(machine, lambda: machine.property("comfygate", "MainPID"), lambda now: now not in (before, "0"))
    assert "watchdog" in machine.run("journalctl", "--no-pager", "--unit", "comfygate").lower()
    shutil.rmtree(folder)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "comfygate")
    assert machine.property("comfygate", "WatchdogUSec") == "1min"


def test_the_adapter_runs_once_there_is_a_token(machine, sim):
    token = machine.folder / "etc/comfygate/discord-token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    with open(machine.folder / "etc/comfygate/comfygate-discord.conf", "a", encoding="utf-8") as conf:
        conf.write("api_base = http://127.0.0.1:9\n")
    machine.run("systemctl", "start", "comfygate-discord")
    assert machine.state("comfygate-discord") == "active"
    until(machine, lambda: machine.property("comfygate-discord", "StatusText"), lambda text: text == "not connected to Discord")
    pid = machine.pid_outside("comfygate-discord")
    assert TOKEN.encode() not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert TOKEN.encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    assert "Uid:\t0\t" not in pathlib.Path(f"/proc/{pid}/status").read_text()


def test_settings_that_cannot_be_are_told_once(machine, sim):
    conf = machine.folder / "etc/comfygate/comfygate.conf"
    text = conf.read_text()
    conf.write_text(text + "nonsense = 1\n")
    assert machine.ask("systemctl", "restart", "comfygate")[0] != 0
    assert machine.state("comfygate") == "failed"
    assert machine.property("comfygate", "NRestarts") == "0"
    assert "nonsense" in machine.run("journalctl", "--no-pager", "--unit", "comfygate")
    conf.write_text(text)
    machine.run("systemctl", "restart", "comfygate")


def test_an_upgrade_keeps_jobs_and_settings_and_starts_the_new_one(machine, sim):
    before = machine.property("comfygate", "MainPID")
    jobs = machine.run("comfygate", "list", "--quiet")
    machine.run("systemctl", "disable", "comfygate-discord")
    install(machine)
    until(machine, lambda: machine.state("comfygate"), lambda state: state == "active")
    assert machine.property("comfygate", "MainPID") != before
    assert machine.run("comfygate", "list", "--quiet") == jobs and len(jobs.split()) == 2
    assert "127.0.0.1:9" in (machine.folder / "etc/comfygate/comfygate-discord.conf").read_text()
    assert machine.property("comfygate-discord", "UnitFileState") == "disabled", "as the administrator has left it"


def test_removed_it_leaves_settings_and_data_and_purged_only_data(machine, sim, files_before):
    machine.run("apt-get", "-q", "-y", "remove", "comfygate")
    assert machine.state("comfygate") != "active" and machine.state("comfygate-discord") != "active"
    assert machine.ask("sh", "-c", "ls /proc/[0-9]*/exe | xargs -n1 readlink | grep comfygate")[1] == ""
    assert (machine.folder / "etc/comfygate/comfygate.conf").exists()
    assert (machine.folder / "etc/comfygate/discord-token").exists()
    machine.run("apt-get", "-q", "-y", "purge", "comfygate")
    machine.run("apt-get", "-q", "-y", "--purge", "autoremove")
    (machine.folder / "root" / "graph.json").unlink()
    now = files_of(machine)
    left = {path for path in now - files_before if not path.startswith(("var/lib/private/comfygate", "var/lib/comfygate"))}
    assert left == set()
    assert files_before - now == set()
    assert (machine.folder / "var/lib/private/comfygate/comfygate.db").exists()
    assert machine.ask("systemctl", "list-unit-files", "comfygate*", "--no-legend")[1] == ""
