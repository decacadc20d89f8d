"""The image: built by buildah from the Dockerfile, on a Debian of debootstrap's instead of a registry's, and run as it would be
in production: not as root, with nothing that can be written but its data."""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from debian_root import ROOT, copy_root, run
from sim import Sim, graph_steps
from stage import free_port

BASE = "debian:12-slim"
BUILD_LIMIT = 900
RUN_LIMIT = 60
STOP_LIMIT = 8  # seconds; docker has 10
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


# Of what buildah would note for the whole machine, nothing stays: that folder is its own.
SCRIPT = 'mount -t tmpfs tmpfs /var/lib/containers && exec buildah "$@"'
NOTES = [pathlib.Path(path) for path in ("/var/lib/containers", "/run/containers/networks", "/run/containers")]


class Store:
    """buildah with images and containers of its own. Its driver, vfs, mounts nothing."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {**os.environ, "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(folder)}
        self.made = [path for path in NOTES if not path.exists()]
        NOTES[0].mkdir(exist_ok=True)

    def __call__(self, *words, limit=300):
        return run("unshare", "--mount", "sh", "-c", SCRIPT, "sh", "--storage-driver", "vfs", "--root", self.folder / "storage",
                   "--runroot", self.folder / "run", *words, limit=limit, env=self.env).strip()

    def close(self):
        shutil.rmtree(self.folder)
        for path in self.made:
            with contextlib.suppress(OSError):  # somebody else has put something there meanwhile
                path.rmdir()


@pytest.fixture(scope="module")
def store(scratch):
    folder = scratch / "store"
    folder.mkdir()
    store = Store(folder)
    yield store
    store.close()


@pytest.fixture(scope="module")
def image(store, scratch):
    root = copy_root(scratch / "base")
    base = store("from", "scratch")
    store("copy", "--quiet", base, root, "/")
    store("commit", "--quiet", "--rm", base, f"docker.io/library/{BASE}")
    shutil.rmtree(root)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert {line.split()[1] for line in dockerfile.splitlines() if line.startswith("FROM ")} == {BASE}
    store("build", "--pull-never", "--quiet", "--tag", "localhost/comfygate", ROOT, limit=BUILD_LIMIT)
    return "localhost/comfygate"


@pytest.fixture(scope="module")
def config(store, image):
    return json.loads(store("inspect", "--type", "image", image))["OCIv1"]["config"]


@pytest.fixture(scope="module")
def root(store, image):
    """The image's files, as a container would see them."""
    container = store("from", "--pull-never", image)
    yield pathlib.Path(store("mount", container))
    store("umount", container)


def test_what_the_image_says_of_itself(config):
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["comfygate"] and config["Cmd"] == ["serve"]
    assert list(config["ExposedPorts"]) == ["8090/tcp"] and list(config["Volumes"]) == ["/data"]
    env = dict(pair.split("=", 1) for pair in config["Env"])
    assert env["COMFYGATE_DATA_DIR"] == "/data" and env["COMFYGATE_SERVER_LISTEN"] == "0.0.0.0:8090"


def test_what_is_in_it(root):
    """No compiler, no sources, no lists of packages."""
    for name in ("comfygate", "comfygate-imaging", "comfygate-discord"):
        assert os.access(root / "usr/local/bin" / name, os.X_OK)
    for path in ("usr/bin/gcc", "usr/bin/cmake", "src", "tmp/debian-packages.sh"):
        assert not (root / path).exists(), path
    assert not list((root / "var/lib/apt/lists").glob("*"))
    data = (root / "data").stat()
    assert (data.st_uid, data.st_gid) == (10001, 10001)


# Runs in namespaces of its own, so its mounts are gone with it. The root is read-only, as --read-only makes it.
INSIDE = r"""
set -e
root=$1; data=$2; shift 2
mount --bind "$root" "$root"
mount --bind "$data" "$root/data"
mount -t proc proc "$root/proc"
mount -t tmpfs -o size=16m tmpfs "$root/tmp"
mount -o remount,bind,ro "$root"
exec chroot --userspec=10001:10001 --groups= "$root" "$@"
"""


class Container:
    def __init__(self, root, data, config, port, **settings):
        self.url = f"http://127.0.0.1:{port}"
        env = dict(pair.split("=", 1) for pair in config["Env"])
        env.update({"COMFYGATE_SERVER_LISTEN": f"127.0.0.1:{port}", **settings})
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", INSIDE, "sh", str(root), str(data),
                 *config["Entrypoint"], *config["Cmd"]]
        self.log = open(data.parent / "container.log", "ab")  # noqa: SIM115  (closed with the process)
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=env,
                                        preexec_fn=_die_with_parent)

    def stop(self):
        """As `docker stop` does. unshare itself passes no signal on."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        assert self.process.wait(STOP_LIMIT) == 0

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": "application/json"})
        with NO_PROXY.open(request, timeout=20) as answer:
            kind, content = answer.headers["Content-Type"], answer.read()
        return json.loads(content) if "json" in kind else (kind, content)

    def until(self, path, is_right):
        end = time.monotonic() + RUN_LIMIT
        seen = None
        while time.monotonic() < end:
            assert self.process.poll() is None, pathlib.Path(self.log.name).read_text()[-2000:]
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                seen = self.ask("GET", path)
                if is_right(seen):
                    return seen
            time.sleep(0.05)
        raise AssertionError(f"still {seen}")


def test_a_job_in_a_container_that_may_write_nothing_but_its_data(root, config, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 10001, 10001)
    with Sim(step_ms=5) as sim:
        container = Container(root, data, config, free_port(), COMFYGATE_BACKENDS=f"gpu0={sim.url}")
        try:
            assert container.until("/livez", lambda _: True)
            job = container.ask("POST", "/v1/jobs", {"workflow": graph_steps(seed=3)})
            job = container.until(f"/v1/jobs/{job['id']}", lambda job: job["status"] not in ("queued", "running"))
            assert job["status"] == "succeeded", job
            kind, thumbnail = container.ask("GET", f"/v1/outputs/{job['outputs'][0]['id']}/thumbnail?size=256")
            assert kind == "image/webp" and thumbnail[:4] == b"RIFF"
            container.stop()
        finally:
            container.close()
    assert {path.stat().st_uid for path in data.rglob("*")} == {10001}
    assert not [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if str(data) in line]
