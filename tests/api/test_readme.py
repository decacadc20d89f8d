"""Every block of commands in the README and in docs/ is run as it stands, but for those of which it is said here why not."""
import json
import os
import pathlib
import re
import subprocess

import pytest

import files
import gateway as gateway_module
from gateway import free_port
from sim import Sim

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

# Blocks by their first line, and who runs them, or why nobody can here.
ELSEWHERE = {
    "comfygate migrate --from sqlite:/var/lib/comfygate/comfygate.db --to postgresql://comfygate@db.example.net/comfygate":
        "test_migrate.py, with a server",
    "./demo     # installs, builds, runs a job, shows where the picture is, and keeps serving": "test_demo.py; ./check is what runs this",
    "COMFYUI_URL=http://127.0.0.1:8188 ./demo": "test_demo.py",
    "COMFYGATE_DISCORD_TOKEN_FILE=discord-token comfygate-discord check": "tests/discord/, with a Discord of its own",
    "COMFYGATE_DISCORD_TOKEN_FILE=discord-token comfygate-discord run": "tests/discord/",
    "install -m 600 /dev/null discord-token": "somebody pastes a token",
    "cmake --preset dev && cmake --build --preset dev && ctest --preset dev": "./check",
    "./check --quick                       # nothing that needs a sanitizer build": "./check",
    "COMFYGATE_BIN=build/dev/bin/comfygate /usr/bin/python3 -m pytest tests/api/test_cli.py -k seed": "./check",
    "cmake --build --preset release && COMFYGATE_BIN=build/release/bin/comfygate /usr/bin/python3 -m pytest tests/pages -k first_visit":
        "./check",
    "cmake --preset fuzz && cmake --build --preset fuzz": "./check",
    "cmake --build --preset release && /usr/bin/python3 -m pytest -p no:cacheprovider tests/packaging    # as root": "./check",
    "cmake --preset release -DCOMFYGATE_TESTS=OFF && cmake --build --preset release": "tests/packaging/test_deb.py",
    "sudo sh -c 'umask 077; cat > /etc/comfygate/discord-token'     # paste the token, Enter, Ctrl-D": "systemd: tests/packaging/test_deb.py",
    "docker build -t comfygate .": "Docker: tests/packaging/test_image.py builds it with buildah",
    "COMFYUI_IMAGE=registry.example/comfyui:1 docker compose up -d --build": "Docker; no such image exists",
    "cmake --preset release -DCMAKE_INSTALL_PREFIX=/usr/local -DCOMFYGATE_TESTS=OFF": "installs into the machine",
    "curl http://127.0.0.1:8090/v1/jobs -H 'Content-Type: application/json' -d '{":
        "test_webhooks.py, with receivers of this machine; this one is somewhere else",
    "comfygate keys create root --role admin --data-dir /var/lib/comfygate    # prints the key, once": "a folder of the machine: test_keys.py",
    "comfygate doctor": "its exit code tells of the machine: test_doctor.py",
    "sudo comfygate doctor --config /etc/comfygate/comfygate.conf --data-dir /var/lib/comfygate": "the same",
    "prometheus --config.file=packaging/prometheus/scrape.yml": "a server that stays; test_metrics.py has promtool read the files",
}


def blocks(path):
    """[(line, text)] of its blocks for a shell."""
    text = path.read_text()
    found = re.finditer(r"^(?P<by> *)```sh\n(?P<text>.*?)^ *```", text, flags=re.M | re.S)
    return [(text[:block.start()].count("\n") + 1, re.sub(f"^{block['by']}", "", block["text"], flags=re.M)) for block in found]


ALL = {(path.relative_to(ROOT).as_posix(), line): text for path in DOCUMENTS for line, text in blocks(path)}
TO_RUN = {place: text for place, text in ALL.items() if text.splitlines()[0] not in ELSEWHERE}


def test_every_exception_is_still_there():
    first_lines = {text.splitlines()[0] for text in ALL.values()}
    assert set(ELSEWHERE) <= first_lines


class Reader:
    """Somebody who types what stands there, in one shell for each document, with the program in the path."""

    def __init__(self, folder, port, sim):
        self.port, self.sim = port, sim
        self.folder = folder
        for name in ("docs", "templates"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "build" / "release").mkdir(parents=True)
        (folder / "build" / "release" / "bin").symlink_to(gateway_module.BIN.parent)
        (folder / "photo.png").write_bytes(files.picture(size=(640, 480)))
        (folder / "graph.json").symlink_to(ROOT / "docs" / "examples" / "text-to-image.json")
        (folder / "templates-of-mine").mkdir()
        self.env = {"PATH": f"{gateway_module.BIN.parent}:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8",
                    "COMFYGATE_SERVER_LISTEN": f"127.0.0.1:{port}", "COMFYGATE_URL": f"http://127.0.0.1:{port}"}

    def type(self, text):
        """Only addresses are others than in the text."""
        text = text.replace("127.0.0.1:8090", f"127.0.0.1:{self.port}").replace("http://127.0.0.1:8188", self.sim.url)
        text = text.replace("/path/to/templates/", str(self.folder / "templates-of-mine"))
        ran = subprocess.run(["/bin/bash", "-e"], input=text, cwd=self.folder, env=self.env, capture_output=True, text=True,
                             timeout=90, check=False)
        assert ran.returncode == 0, (text, ran.stdout[-2000:], ran.stderr[-2000:])
        assert '"type":"/problems/' not in ran.stdout, ran.stdout
        return ran.stdout


@pytest.fixture
def reader(tmp_path):
    with Sim(port=free_port(), step_ms=0) as sim:
        yield Reader(tmp_path, free_port(), sim)


def of(name):
    return [(place, text) for place, text in TO_RUN.items() if place[0] == name]


def served(reader, **settings):
    """For documents that begin when comfygate runs already."""
    gateway = gateway_module.Gateway(reader.folder / "data", backends=f"gpu0={reader.sim.url}", settings=settings)
    gateway.port = reader.port
    gateway.start()
    return gateway


SERVE = "comfygate serve --backends gpu0=http://127.0.0.1:8188 &\n"


def test_readme(reader):
    """Its `serve` would end with the shell that began it, so the test begins it; ids are those that the reader has seen."""
    gateway = served(reader)
    try:
        ids = {}
        texts = [text for _, text in of("README.md")]
        assert any(SERVE in text for text in texts)
        for text in texts:
            for command in commands(text.replace(SERVE, "")):
                for name, value in ids.items():
                    command = command.replace(f"${name}", value)
                out = reader.type(command)
                if "my-first-job" in command:
                    job = json.loads(out)
                    ids = {"ID": job["id"]}
                elif "wait=60" in command:
                    ids["OUTPUT_ID"] = json.loads(out)["outputs"][0]["id"]
        assert len(list((reader.folder / "pictures").iterdir())) == 2 and (reader.folder / "picture.png").stat().st_size > 0
        assert (reader.folder / "my-own" / "manifest.json").exists()
    finally:
        gateway.stop()


def commands(text):
    """One by one; a line that ends with a backslash goes on in the next."""
    return [command for command in re.split(r"(?<!\\)\n", text) if command.strip()]


@pytest.mark.parametrize("name", sorted({place[0] for place in TO_RUN} - {"README.md"}))
def test_document(reader, name):
    """What cannot be run here belongs into ELSEWHERE, with the reason."""
    gateway = served(reader, templates_dir=str(reader.folder / "templates-of-mine"))
    try:
        for _, text in of(name):
            reader.type(text)
    finally:
        gateway.stop()
