"""Each example of /docs runs as it stands there, and each of its links leads somewhere."""
import html
import html.parser
import os
import pathlib
import re
import subprocess
import sys
import uuid

import pytest
import yaml

import files
import graphs

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "cmake"))

import api_samples  # noqa: E402

PROGRAMS = {"sh": ["/bin/sh", "-e"], "py": ["/usr/bin/python3", "-B"], "js": ["/usr/bin/node"]}
SUFFIXES = {"sh": "sh", "py": "py", "js": "mjs"}
DOCUMENT = yaml.safe_load((ROOT / "schema" / "openapi.yaml").read_text())
SAMPLES = yaml.safe_load((ROOT / "schema" / "samples.yaml").read_text())
OPERATIONS = {operation["operationId"]: (method, path)
              for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
              if method in ("get", "post", "put", "patch", "delete")}
SHOWN = [name for name, sample in SAMPLES.items() if not sample.get("page")]

# Nobody listens there.
WEBHOOK = {"url": "http://127.0.0.1:9/", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
# What must be there before: a job of one's own to delete, to stop or to watch.
FRESH = {"deleteJob": "ended", "cancelJob": "running", "getJobPreview": "running", "deleteAsset": "asset", "updateJob": "ended",
         "revokeKey": "key"}
# A word of what comes back, beside that it is an answer at all.
SAYS = {"getLiveness": "ok", "getMetrics": "comfygate_jobs", "submitJob": "succeeded", "retryJob": "succeeded", "getJob": "succeeded",
        "getJobEvents": "event: end", "getEvents": "next_after", "updateJob": "The one I like", "createAsset": "sha256",
        "listModels": "sd_xl", "getTemplate": "input_schema", "listPreferences": "chat.42", "getPreference": "ink",
        "drainBackend": "draining", "linkOutput": "signature", "listJobDeliveries": "job.succeeded", "redeliver": "pending", "deleteJob": "204", "deleteAsset": "204", "deletePreference": "204"}


def test_each_operation_has_one():
    assert set(SAMPLES) == set(OPERATIONS)


class Place:
    """A gateway with what the examples speak of, and a folder in which they run."""

    def __init__(self, stage, folder):
        self.stage = stage
        self.folder = folder
        folder.mkdir()
        (folder / "picture.png").write_bytes(files.picture())
        gateway = stage.gateway
        answer = gateway.request("POST", "/v1/jobs", json={"template": "test-pattern", "input": {}, "webhook": WEBHOOK}, headers={"Prefer": "wait=30"})
        job = answer.json()
        asset = gateway.request("POST", "/v1/assets", body=files.picture(), headers={"Content-Type": "image/png"}).json()
        gateway.request("PUT", "/v1/preferences/chat.42", json={"size": 1024, "style": "ink"})
        self.env = {"PATH": os.environ["PATH"], "COMFYGATE_URL": gateway.url, "JOB": job["id"], "OUTPUT": job["outputs"][0]["id"],
                    "ASSET": asset["id"], "DELIVERY": gateway.json("GET", f"/v1/jobs/{job['id']}/deliveries")["data"][0]["id"]}

    def fresh(self, what):
        if what == "asset":
            answer = self.stage.gateway.request("POST", "/v1/assets", body=files.picture(color=(1, 2, 3)), headers={"Content-Type": "image/png"})
            return {"ASSET": answer.json()["id"]}
        if what == "key":
            answer = self.stage.gateway.request("POST", "/v1/keys", json={"name": f"key-{uuid.uuid4().hex[:12]}", "role": "viewer"})
            return {"KEY": answer.json()["id"]}
        if what == "ended":
            return {"JOB": self.stage.finish(self.stage.submit(graphs.picture()))["id"]}
        job = self.stage.submit(graphs.steps(100, 50, previews=True))
        self.stage.until(job, lambda seen: seen["progress"] and seen["progress"]["preview_seq"])
        return {"JOB": job["id"]}

    def run(self, operation, language):
        text = api_samples.write(*OPERATIONS[operation], SAMPLES[operation])[language]
        program = self.folder / f"{operation}.{SUFFIXES[language]}"
        program.write_text(text)
        env = self.env | (self.fresh(FRESH[operation]) if operation in FRESH else {})
        ran = subprocess.run([*PROGRAMS[language], program.name], cwd=self.folder, env=env, capture_output=True, text=True,
                             timeout=60, check=False)
        if FRESH.get(operation) == "running":
            self.stage.gateway.request("POST", f"/v1/jobs/{env['JOB']}/cancel")
        return ran


@pytest.mark.once
@pytest.mark.parametrize("language", api_samples.LANGUAGES)
def test_examples(stages, tmp_path, language):
    place = Place(stages(webhook_allow="127.0.0.1"), tmp_path / "here")
    wrong = []
    for operation in SHOWN:
        saved = place.folder / SAMPLES[operation].get("save", "none")
        if saved.name != "picture.png":
            saved.unlink(missing_ok=True)
        ran = place.run(operation, language)
        is_problem = re.search(r'"code": ?"\w+", ?"request_id"|"type": ?"/problems/', ran.stdout)
        is_there = not SAMPLES[operation].get("save") or saved.stat().st_size > 0
        if ran.returncode != 0 or is_problem or not is_there or SAYS.get(operation, "") not in ran.stdout:
            wrong.append((operation, ran.returncode, ran.stdout[:500], ran.stderr[-500:]))
    assert not wrong, "\n".join(map(str, wrong))


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links = [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if "href" in attrs and tag == "a":
            self.links.append(attrs["href"])


def test_links_lead_somewhere(gateway):
    reader = Reader()
    reader.feed(gateway.request("GET", "/docs").body.decode())
    assert len(reader.ids) == len(set(reader.ids)), "an id is there twice"
    assert set(OPERATIONS) <= set(reader.ids)
    for link in reader.links:
        if link.startswith("#"):
            assert link[1:] in reader.ids, link
        else:
            assert gateway.request("GET", link).status == 200, link


def test_the_examples_are_on_the_page(gateway):
    page = gateway.request("GET", "/docs").body.decode()
    texts = {html.unescape(re.sub(r"<[^>]+>", "", block)) for block in re.findall(r"<code>(.*?)</code>", page, flags=re.S)}
    for operation in SHOWN:
        for text in api_samples.write(*OPERATIONS[operation], SAMPLES[operation]).values():
            assert text.rstrip() in texts, operation


@pytest.mark.once
def test_the_guide_runs(stages, tmp_path):
    """Its blocks for a shell, one after the other in one shell, as a reader would."""
    text = (ROOT / "docs" / "page" / "guide.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S)
    assert len(blocks) >= 3
    stage = stages()
    script = "\n".join(blocks).replace("http://127.0.0.1:8090", stage.gateway.url)
    ran = subprocess.run(["/bin/sh", "-e"], input=script, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert '"code"' not in ran.stdout and (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
