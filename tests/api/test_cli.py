"""The command line, as a script and as a person meet it: the real program against the real gateway and comfy-sim."""
import contextlib
import ctypes
import fcntl
import hashlib
import http.server
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
import uuid

import pytest

import gateway as gateway_module
import graphs
from stage import eventually, free_port, stages  # noqa: F401  (stages is a fixture)

BIN = str(gateway_module.BIN)
LIMIT = 60  # seconds that no call may take
UNKNOWN = "01935870-0000-7000-8000-000000000000"


def die_with_parent():
    """Runs in the child: however the tests end, the kernel ends what they started."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Ran:
    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self):
        return f"<exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}>"


def environment(url, **more):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("COMFYGATE_") and name not in ("NO_COLOR", "COLUMNS", "TERM")}
    return {**env, "COMFYGATE_URL": url, "TERM": "xterm", "LC_ALL": "C.UTF-8", **more}


def cli(url, *words, stdin=None, cwd=None, **env):
    """Runs comfygate to its end. `url` may be a Gateway, a Stage, or an address."""
    url = getattr(url, "url", None) or (url if isinstance(url, str) else url.gateway.url)
    done = subprocess.run([BIN, *map(str, words)], input=stdin, capture_output=True, timeout=LIMIT, cwd=cwd,
                          env=environment(url, **env), preexec_fn=die_with_parent, check=False)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


class Terminal:
    """A comfygate that believes to stand before a person."""

    def __init__(self, url, *words, columns=100, **env):
        self.text = ""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            die_with_parent()
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(BIN, [BIN, *words], environment(url, **env))

    def read(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if select.select([self._fd], [], [], 0.05)[0]:
                try:
                    piece = os.read(self._fd, 65536)
                except OSError:
                    return False
                if not piece:
                    return False
                self.text += piece.decode(errors="replace")
        return True

    def until(self, words, limit=LIMIT):
        until = time.monotonic() + limit
        while words not in self.text and self.read(0.1):
            assert time.monotonic() < until, f"{words!r} did not come: {self.text[-2000:]!r}"
        assert words in self.text, f"{words!r} never came: {self.text[-2000:]!r}"

    def press_ctrl_c(self):
        os.write(self._fd, b"\x03")

    def end(self, limit=LIMIT):
        until = time.monotonic() + limit
        while self.read(0.1):
            assert time.monotonic() < until, f"it does not end: {self.text[-2000:]!r}"
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


@pytest.fixture
def write(tmp_path):
    """write(graph) puts a graph (or text as it is) into a file."""

    def put(graph, name="graph.json"):
        path = tmp_path / name
        path.write_bytes(graph if isinstance(graph, bytes) else json.dumps(graph).encode())
        return path

    return put


# ---- exit codes ----------------------------------------------------------------------------


def test_success_is_0(stages, write, tmp_path):
    stage = stages()
    ran = cli(stage, "submit", "--workflow", write(graphs.steps(3, ms=10)), "--wait", "--download", tmp_path / "got")
    assert ran.code == 0, ran
    assert ran.out.startswith("succeeded "), ran
    files = list((tmp_path / "got").iterdir())
    assert len(files) == 1 and str(files[0]) in ran.out.splitlines()


def test_failure_is_3_and_names_the_node(stages, write):
    stage = stages()
    ran = cli(stage, "submit", "--workflow", write(graphs.failing(message="no such colour")), "--wait")
    assert ran.code == 3, ran
    assert ran.out.startswith("failed ")
    assert "node_execution_error" in ran.out and "no such colour" in ran.out and "The bad one" in ran.out


def test_cancel_is_4(stages, write):
    stage = stages()
    job = stage.submit(graphs.steps(500, ms=20))
    stage.until(job, lambda seen: seen["status"] == "running")
    ran = cli(stage, "cancel", job["id"])
    assert ran.code == 0 and job["id"] in ran.out, ran
    assert cli(stage, "wait", job["id"]).code == 4
    assert cli(stage, "cancel", job["id"]).out.split() == [job["id"], "canceled"]


def test_expired_is_4(gateway, write):
    ran = cli(gateway, "submit", "--workflow", write(graphs.picture()), "--deadline", "1", "--wait")
    assert ran.code == 4, ran
    assert ran.out.startswith("expired ")


def test_wait_that_runs_out_is_5(gateway, write):
    ran = cli(gateway, "submit", "--workflow", write(graphs.picture()), "--for", "1")
    assert ran.code == 5, ran
    assert "comfygate wait" in ran.err
    job = gateway.json("GET", "/v1/jobs")["data"][0]
    assert job["status"] == "queued"
    assert cli(gateway, "wait", "--for", "0", job["id"]).code == 5


def test_worst_of_several_counts(stages):
    stage = stages()
    good = stage.submit(graphs.picture())
    bad = stage.submit(graphs.failing())
    last = stage.submit(graphs.picture())
    assert cli(stage, "wait", good["id"], last["id"]).code == 0
    ran = cli(stage, "wait", good["id"], bad["id"], last["id"])
    assert ran.code == 3, ran
    assert len([line for line in ran.out.splitlines() if line.startswith(("succeeded", "failed"))]) == 3


@pytest.mark.parametrize("words", [
    (), ("frobnicate",), ("submit",), ("submit", "--workflow"), ("submit", "--workflow", "x", "more"),
    ("submit", "--workflow", "x", "--priority", "high"), ("submit", "--workflow", "x", "--priority", "101"),
    ("submit", "--workflow", "x", "--wiat"), ("submit", "--workflow", "x", "--wait=yes"),
    ("wait",), ("wait", "not-an-id"), ("show",), ("show", UNKNOWN, UNKNOWN), ("download",), ("list", "--limit", "0"),
    ("list", "word"), ("--url", "ftp://host", "list"), ("--url", "", "list"), ("help", "frobnicate"), ("--frob", "list"),
    ("cancel", UNKNOWN, "../../etc/passwd"), ("drain",), ("drain", "../queue"), ("drain", "a", "b"), ("resume", "a", "b"),
    ("pause", "a"), ("backends", "a"), ("priority", UNKNOWN), ("priority", UNKNOWN, "high"), ("priority", UNKNOWN, "101"),
    ("priority", UNKNOWN, "-101"), ("priority", UNKNOWN, "1x"), ("priority", UNKNOWN, ""), ("priority", "7", "7"), ("list", "-5"),
])
def test_usage_is_2(words):
    ran = cli("http://127.0.0.1:1", *words)
    assert ran.code == 2, ran
    assert ran.out == "" and ran.err != ""


@pytest.mark.parametrize("words", [
    ("list",), ("health",), ("show", UNKNOWN), ("wait", UNKNOWN), ("cancel", UNKNOWN, UNKNOWN), ("watch",),
    ("watch", UNKNOWN), ("backends",), ("drain", "gpu0"), ("pause",), ("resume",), ("priority", UNKNOWN, "1"), ("download", UNKNOWN), ("retry", UNKNOWN), ("submit", "--workflow", "-"),
])
def test_unreachable_is_69_at_once(words):
    began = time.monotonic()
    ran = cli(f"http://127.0.0.1:{free_port()}", *words, stdin=b"{}")
    assert ran.code == 69, ran
    assert "no gateway answers at http://127.0.0.1:" in ran.err
    assert time.monotonic() - began < 5


@pytest.mark.patient
def test_one_that_hangs_up_is_no_gateway():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            with contextlib.suppress(OSError):
                while True:
                    server.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        for words in (("list",), ("wait", UNKNOWN)):
            ran = cli(url, *words)
            assert ran.code == 69 and "did not finish its answer" in ran.err, ran
        assert time.monotonic() - began < 20
        server.shutdown(socket.SHUT_RDWR)


def test_refusal_is_1_and_says_where(gateway, write):
    ran = cli(gateway, "submit", "--workflow", write({"1": {"inputs": {}}, "2": {"class_type": 7}}))
    assert ran.code == 1, ran
    assert "422 invalid_workflow" in ran.err
    assert "/workflow/1" in ran.err and "/workflow/2" in ran.err
    assert gateway.json("GET", "/v1/jobs")["data"] == []


def test_each_fault_is_told_once(gateway):
    one = cli(gateway, "submit", "test-pattern", "-p", "width=1")
    assert one.err.splitlines()[1:] == ["  /input/width: must be at least 128"], one
    two = cli(gateway, "submit", "test-pattern", "-p", "width=1", "-p", "color=beige")
    assert [line.split(": ")[0] for line in two.err.splitlines()[1:]] == ["  /input/width", "  /input/color"], two
    page = cli(gateway, "list", "--cursor", "nonsense")
    assert len(page.err.splitlines()) == 2 and page.err.splitlines()[1].startswith("  cursor: "), page


def test_unknown_job_is_1(gateway):
    for words in (("show", UNKNOWN), ("wait", UNKNOWN), ("cancel", UNKNOWN), ("retry", UNKNOWN), ("download", UNKNOWN)):
        ran = cli(gateway, *words)
        assert ran.code == 1 and "404 not_found" in ran.err, ran


def test_missing_file_is_1(gateway, tmp_path):
    ran = cli(gateway, "submit", "--workflow", tmp_path / "nowhere.json")
    assert ran.code == 1 and "nowhere.json" in ran.err, ran


def test_a_file_that_cannot_go_in_is_named(gateway, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "fake.png").write_text("{}")
    for name, sentence in (("nowhere.png", "cannot read the file nowhere.png: No such file"),
                           (".", "cannot read the file .: it is no regular file"),
                           ("empty.png", "the file empty.png is empty"), ("fake.png", "\n  file: fake.png\n")):
        ran = cli(gateway, "submit", "test-edit", "-p", f"image=@{name}", cwd=tmp_path)
        assert ran.code == 1 and sentence in ran.err and ran.out == "", ran
    assert gateway.json("GET", "/v1/jobs")["data"] == []


def test_help_of_every_verb():
    ran = cli("http://127.0.0.1:1", "--help")
    assert ran.code == 0 and "69 gateway unreachable" in ran.out
    verbs = [line.split()[0] for line in ran.out.splitlines() if line.startswith("  ")]
    assert {"serve", "migrate", "submit", "wait", "watch", "list", "show", "cancel", "retry", "download", "health",
            "version"} <= set(verbs)
    for verb in verbs:
        shown = cli("http://127.0.0.1:1", "help", verb)
        assert shown.code == 0 and verb in shown.out
        if verb in ("keys", "doctor"):  # these take all settings too
            assert "Example:" in shown.out and cli("http://127.0.0.1:1", verb, "--help").out.startswith(shown.out)
        elif verb not in ("serve", "migrate"):
            assert "Example:" in shown.out and cli("http://127.0.0.1:1", verb, "--help").out == shown.out


def test_version():
    number = (gateway_module.ROOT / "VERSION").read_text().strip()
    assert cli("http://127.0.0.1:1", "version").out == f"comfygate {number}\n"
    assert cli("http://127.0.0.1:1", "--version").code == 0


# ---- what is submitted ---------------------------------------------------------------------

ODD_GRAPH = (b'{ "1":{"class_type" : "SimSteps","_meta":{"title":"Odd v1.5"},\r\n\t"inputs":{"steps":1,"ms":0,'
             b'"previews":false,"width":64,"height":64,"seed":18446744073709551615, "note": 7.0,'
             b' "\xc3\xa9\\u00e9.x":1E+2 }},\n"2":{"inputs":{"images":["1",0],"filename_prefix":"a"},'
             b'"class_type":"SaveImage"}}')


def sent_workflow(gateway, job_id):
    return gateway.request("GET", f"/v1/jobs/{job_id}/workflow").body


def submit_held(gateway, path, *words):
    """Submits to a gateway without a ComfyUI; gives the id."""
    ran = cli(gateway, "submit", "--quiet", "--workflow", path, *words)
    assert ran.code == 0, ran
    return ran.out.strip()


def without_prefix(workflow):
    """The gateway gives each job its own file prefix; everything else is as it was sent."""
    return re.sub(rb'"filename_prefix":"comfygate/[0-9a-f-]{36}/', b'"filename_prefix":"', workflow)


def test_every_byte_is_kept(gateway, write):
    body = sent_workflow(gateway, submit_held(gateway, write(ODD_GRAPH)))
    assert without_prefix(body) == ODD_GRAPH


@pytest.mark.parametrize("word,old,new", [
    ("1.seed=18446744073709551614", b"18446744073709551615", b"18446744073709551614"),
    ("1.seed=7.0", b"18446744073709551615", b"7.0"),
    ("1.seed=1e400", b"18446744073709551615", b"1e400"),
    ("Odd v1.5.note=a fox", b"7.0", b'"a fox"'),
    ("Odd v1.5.note=\"7\"", b"7.0", b'"7"'),
    ("1.note=", b"7.0", b'""'),
    ("1.note=a=b \"q\" \\", b"7.0", b'"a=b \\"q\\" \\\\"'),
    ("1.note=[1,  2]", b"7.0", b"[1,  2]"),
    ("1.note=NaN", b"7.0", b'"NaN"'),
    ("1.note=true", b"7.0", b"true"),
    ("1.éé.x=2", b"1E+2", b"2"),
])
def test_set_changes_one_input_and_no_other_byte(gateway, write, word, old, new):
    body = sent_workflow(gateway, submit_held(gateway, write(ODD_GRAPH), "--set", word))
    assert without_prefix(body) == ODD_GRAPH.replace(old, new)


def test_set_reaches_comfyui(stages, write):
    stage = stages()
    ran = cli(stage, "submit", "--json", "--workflow", write(ODD_GRAPH), "--set", "1.note=18446744073709551613", "--wait")
    assert ran.code == 0, ran
    raw = stage.raw_prompt(json.loads(ran.out))
    assert b'"note": 18446744073709551613' in raw and b'"seed":18446744073709551615' in raw


@pytest.mark.parametrize("word,sentence", [
    ("1.sed=1", 'node 1 has no input "sed"; it has: steps, ms, previews, width, height, seed, note'),
    ("9.seed=1", 'no node has the id or title in "9.seed"; the ids are: 1, 2'),
    ("seed=1", "--set wants NODE.input=value"),
    ("1.seed", "--set wants NODE.input=value"),
])
def test_set_that_finds_nothing_says_what_there_is(gateway, write, word, sentence):
    ran = cli(gateway, "submit", "--workflow", write(ODD_GRAPH), "--set", word)
    assert ran.code == 2 and sentence in ran.err, ran
    assert gateway.json("GET", "/v1/jobs")["data"] == []


def test_set_by_a_title_that_two_nodes_have(gateway, write):
    graph = graphs.picture(mark="twin")
    graph["3"] = dict(graph["1"])
    ran = cli(gateway, "submit", "--workflow", write(graph), "--set", "twin.color=1")
    assert ran.code == 2 and '2 nodes have the title "twin"' in ran.err, ran
    twice = cli(gateway, "submit", "--workflow", write(graph), "--set", "1.color=1", "--set", "1.color=2")
    assert twice.code == 2 and "twice" in twice.err, twice


def test_workflow_from_standard_input_with_a_byte_order_mark(gateway):
    ran = cli(gateway, "submit", "--quiet", "--workflow", "-", stdin=b"\xef\xbb\xbf" + ODD_GRAPH)
    assert ran.code == 0, ran
    assert without_prefix(sent_workflow(gateway, ran.out.strip())) == ODD_GRAPH


def test_all_members(gateway, write):
    job_id = submit_held(gateway, write(graphs.picture()), "--title", 'A "title" <b>', "--tag", "a", "--tag", "b c",
                         "--metadata", "chat=4=2", "--metadata", "who=ada", "--priority", "-7", "--max-attempts", "2",
                         "--backend", "gpu0", "--timeout", "60", "--deadline", "600")
    job = gateway.json("GET", f"/v1/jobs/{job_id}")
    assert job["title"] == 'A "title" <b>' and job["tags"] == ["a", "b c"]
    assert job["metadata"] == {"chat": "4=2", "who": "ada"}
    assert job["priority"] == -7 and job["max_attempts"] == 2


def test_a_webhook(gateway, write):
    path = write(graphs.picture())
    secret = write(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "secret")
    hook = ["--webhook", "https://receiver.invalid/hook", "--webhook-secret-file", secret]
    job = submit_held(gateway, path, *hook, "--webhook-event", "job.started", "--webhook-event", "job.failed")
    assert gateway.json("GET", f"/v1/jobs/{job}")["webhook"] == {"url": "https://receiver.invalid/hook", "events": ["job.started", "job.failed"]}
    job = submit_held(gateway, path, *hook)
    assert len(gateway.json("GET", f"/v1/jobs/{job}")["webhook"]["events"]) == 4
    refused = cli(gateway, "submit", "--workflow", path, "--webhook", "https://receiver.invalid/hook")
    assert refused.code == 1 and "/webhook/secret" in refused.err and "webhook_secret" in refused.err
    refused = cli(gateway, "submit", "--workflow", path, *hook[:3], "/nowhere")
    assert refused.code == 2 and "/nowhere" in refused.err
    refused = cli(gateway, "submit", "--workflow", path, "--webhook-event", "job.failed")
    assert refused.code == 2 and "--webhook URL" in refused.err


def test_idempotency_key(gateway, write):
    path = write(graphs.picture())
    first = submit_held(gateway, path, "--idempotency-key", "k1")
    assert submit_held(gateway, path, "--idempotency-key", "k1") == first
    assert submit_held(gateway, path) != submit_held(gateway, path)
    other = cli(gateway, "submit", "--workflow", path, "--idempotency-key", "k1", "--title", "other")
    assert other.code == 1 and "idempotency_key_reuse" in other.err


class LosesFirstAnswer(http.server.BaseHTTPRequestHandler):
    """Passes POSTs on to the gateway, and breaks the connection instead of giving the first answer."""
    protocol_version = "HTTP/1.1"
    target = None
    posts = None

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.target.request("POST", self.path, body=body,
                                     headers={"Idempotency-Key": self.headers["Idempotency-Key"]})
        self.posts.append(self.headers["Idempotency-Key"])
        if len(self.posts) == 1:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_):
        pass


def test_a_lost_answer_makes_no_second_job(gateway, write):
    posts = []
    handler = type("Handler", (LosesFirstAnswer,), {"target": gateway, "posts": posts})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        ran = cli(f"http://127.0.0.1:{proxy.server_port}", "submit", "--quiet", "--workflow", write(graphs.picture()))
        proxy.shutdown()
    assert ran.code == 0, ran
    assert len(posts) == 2 and posts[0] == posts[1]
    assert [job["id"] for job in gateway.json("GET", "/v1/jobs")["data"]] == [ran.out.strip()]


def test_dry_run(gateway, write):
    good = ("submit", "--dry-run", "--wait", "--workflow", write(graphs.picture()))
    ran = cli(gateway, *good)
    assert ran.code == 0 and ran.err == "" and ran.out.startswith("No problem was found"), ran
    assert json.loads(cli(gateway, *good, "--json").out)["problems"] == []
    assert cli(gateway, *good, "--quiet").out == ""
    bad = ("submit", "test-pattern", "--dry-run", "-p", "width=1", "-p", "color=beige")
    ran = cli(gateway, *bad)
    assert ran.code == 1 and ran.out == "", ran
    assert ran.err.splitlines()[:2] == ["comfygate: 2 problems", "  /input/width: must be at least 128"], ran
    ran = cli(gateway, *bad, "--json")
    assert ran.code == 1 and len(json.loads(ran.out)["problems"]) == 2, ran
    assert gateway.json("GET", "/v1/jobs")["data"] == []


# ---- looking -------------------------------------------------------------------------------


def test_show_list_and_retry(stages):
    stage = stages()
    job = stage.finish(stage.submit(graphs.picture(), title="A fox", tags=["red"], metadata={"who": "ada"}))
    shown = cli(stage, "show", job["id"])
    assert shown.code == 0 and "A fox" in shown.out and "who = ada" in shown.out and job["outputs"][0]["name"] in shown.out
    assert json.loads(cli(stage, "show", "--json", job["id"]).out)["id"] == job["id"]
    again = cli(stage, "retry", "--quiet", job["id"])
    assert again.code == 0
    retried = again.out.strip()
    assert stage.finish({"id": retried})["parent_id"] == job["id"]
    table = cli(stage, "list").out.splitlines()
    assert [line.split()[0] for line in table] == ["ID", retried, job["id"]]
    assert "A fox" in table[2]
    assert cli(stage, "list", "--quiet", "--parent", job["id"]).out.split() == [retried]
    assert cli(stage, "list", "--quiet", "--tag", "blue").out == ""
    assert set(cli(stage, "list", "-q", "--status", "failed", "--status", "succeeded", "--metadata", "who=ada",
                   "--search", "FOX", "--backend", "gpu0").out.split()) == {retried, job["id"]}


def test_quiet_gives_the_id_of_what_was_waited_for(stages, write, tmp_path):
    stage = stages()
    ran = cli(stage, "submit", "-q", "--wait", "--workflow", write(graphs.picture()))
    assert (ran.code, ran.err) == (0, "")
    job_id = ran.out.strip()
    assert stage.gateway.json("GET", f"/v1/jobs/{job_id}")["status"] == "succeeded"
    again = cli(stage, "retry", "-q", "--wait", job_id)
    assert (again.code, again.err) == (0, "")
    assert stage.gateway.json("GET", f"/v1/jobs/{again.out.strip()}")["parent_id"] == job_id
    fetched = cli(stage, "retry", "-q", "--download", tmp_path / "to", job_id).out
    assert [line.startswith(str(tmp_path / "to")) for line in fetched.splitlines()] == [True]
    assert "job " in cli(stage, "retry", "--wait", job_id).err


def test_show_and_list_of_a_template_tell_its_name_its_seed_and_its_input(stages):
    stage = stages()
    job = stage.finish(stage.gateway.json("POST", "/v1/jobs", json={
        "template": "test-pattern", "input": {"seed": 18446744073709551615, "width": 128}}))
    lines = cli(stage, "show", job["id"]).out.splitlines()
    for line in ("template   test-pattern", "seed       18446744073709551615", "input      width = 128"):
        assert line in lines, lines
    assert cli(stage, "list").out.splitlines()[1].split()[-1] == "test-pattern"
    assert cli(stage, "list", "-q", "--template", "test-pattern").out.split() == [job["id"]]
    assert cli(stage, "list", "-q", "--template", "sdxl").out == ""
    plain = stage.finish(stage.submit(graphs.picture()))
    assert not {"template", "seed", "input"} & {line.split()[0] for line in cli(stage, "show", plain["id"]).out.splitlines()}


def test_list_pages(gateway, write):
    path = write(graphs.picture())
    ids = [submit_held(gateway, path) for _ in range(5)]
    first = cli(gateway, "list", "--limit", "3", "--json")
    cursor = json.loads(first.out)["next_cursor"]
    rest = cli(gateway, "list", "--limit", "3", "--quiet", "--cursor", cursor)
    assert rest.out.split() == ids[1::-1]
    assert f"--cursor {cursor}" in cli(gateway, "list", "--limit", "3").err


def test_what_strangers_wrote_cannot_steer_the_terminal(gateway, write):
    title = "red \x1b[31m\x1b]0;owned\x07 \u202eevil \u4e2d\u6587"
    job_id = submit_held(gateway, write(graphs.picture()), "--title", title)
    for words in (("list",), ("show", job_id)):
        ran = cli(gateway, *words)
        assert ran.code == 0 and "red ?[31m" in ran.out, ran
        assert not set(ran.out) & set("\x1b\x07\u202e")
        assert "\u4e2d\u6587" in ran.out
    terminal = Terminal(gateway.url, "list", columns=120)
    assert terminal.end() == 0
    assert "\x1b]0;" not in terminal.text and "\x1b[31m" not in terminal.text.replace("\x1b[31mfailed", "")
    assert all(len(line) < 140 for line in terminal.text.splitlines())


def test_list_fits_the_terminal(gateway, write):
    submit_held(gateway, write(graphs.picture()), "--title", "\u4e2d" * 90)
    for columns in (50, 80, 120):
        terminal = Terminal(gateway.url, "list", "--no-color", columns=columns)
        assert terminal.end() == 0
        lines = terminal.text.replace("\r", "").splitlines()
        assert len(lines) == 2, lines
        for line in lines:
            cells = sum(2 if "\u4e00" <= letter <= "\u9fff" else 1 for letter in line)
            assert cells < max(columns, 57), (columns, line)


def test_health(stages, gateway):
    stage = stages()
    stage.backend(lambda b: b["status"] == "up")
    ran = cli(stage, "health")
    assert ran.code == 0 and ran.out.splitlines()[0] == "ready", ran
    degraded = cli(gateway, "health")
    assert degraded.code == 0 and degraded.out.splitlines()[0] == "degraded" and "backends" in degraded.out
    assert json.loads(cli(gateway, "health", "--json").out)["status"] == "degraded"


def test_operating(stages):
    stage = stages(backend_slots=1)
    stage.backend(lambda b: b["status"] == "up")
    assert cli(stage, "backends").out == "gpu0 up, 0 of 1 slots in use\n"
    assert cli(stage, "drain", "gpu0").out == "gpu0 draining, 0 of 1 slots in use\n"
    assert cli(stage, "health").out.splitlines()[0] == "degraded"
    paused = cli(stage, "pause").out.splitlines()
    assert len(paused) == 2 and paused[1].startswith("the queue is paused since 2"), paused
    first, second = stage.submit(graphs.picture()), stage.submit(graphs.picture())
    assert cli(stage, "priority", second["id"], "7").out == f"{second['id']} priority 7, place 1 in the queue\n"
    assert cli(stage, "priority", second["id"], "-7").out == f"{second['id']} priority -7, place 2 in the queue\n"
    assert json.loads(cli(stage, "priority", second["id"], "1", "--json").out)["queue_position"] == 1
    assert cli(stage, "resume", "gpu0").out.splitlines()[0] == "gpu0 up, 0 of 1 slots in use"
    assert cli(stage, "resume", "--quiet").out == ""
    for job in (first, second):
        stage.finish(job)
    ran = cli(stage, "priority", first["id"], "1")
    assert ran.code == 1 and "409 job_not_waiting" in ran.err, ran
    for words in (("drain", "gpu1"), ("resume", "gpu1")):
        ran = cli(stage, *words)
        assert ran.code == 1 and "404 not_found" in ran.err, ran
    cli(stage, "drain", "gpu0")
    stage.sim.kill9()
    stage.backend(lambda b: b["status"] == "down")
    assert cli(stage, "backends").out.startswith("gpu0 down, and drained, 0 of 1 slots in use: ")
    assert json.loads(cli(stage, "backends", "--json").out)["data"][0]["draining"] is True


def test_another_server_is_not_taken_for_a_gateway(stages):
    stage = stages()
    for words in (("health",), ("list",), ("show", UNKNOWN)):
        ran = cli(stage.sim.url, *words)
        assert ran.code == 1 and "Is it really a comfygate" in ran.err, ran


# ---- the API key ---------------------------------------------------------------------------


class Echo(http.server.BaseHTTPRequestHandler):
    seen = None

    def do_GET(self):  # noqa: N802
        self.seen.append(self.headers.get("Authorization"))
        body = b'{"data":[],"has_more":false,"next_cursor":null}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_api_key_from_environment_and_file_only(tmp_path):
    seen = []
    key_file = tmp_path / "key"
    key_file.write_text("from-file \n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("H", (Echo,), {"seen": seen})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        assert cli(url, "list").code == 0
        assert cli(url, "list", COMFYGATE_API_KEY="from-env").code == 0
        assert cli(url, "list", COMFYGATE_API_KEY_FILE=str(key_file)).code == 0
        assert cli(url, "list", COMFYGATE_API_KEY="two\r\nX: y").code == 2
        assert cli(url, "list", COMFYGATE_API_KEY_FILE=str(tmp_path / "none")).code == 1
        assert cli(url, "list", "--api-key", "x").code == 2
        server.shutdown()
    assert seen == [None, "Bearer from-env", "Bearer from-file"]


# ---- downloads -----------------------------------------------------------------------------


def test_download_is_whole_and_never_replaces(stages, tmp_path):
    stage = stages()
    job = stage.finish(stage.submit(graphs.steps(1, ms=0)))
    output = job["outputs"][0]
    paths = []
    for _ in range(3):
        ran = cli(stage, "download", job["id"], tmp_path / "a" / "b")
        assert ran.code == 0, ran
        paths.append(ran.out.strip())
    stem, dot, ending = output["name"].rpartition(".")
    assert [os.path.basename(path) for path in paths] == [output["name"], f"{stem}-1{dot}{ending}", f"{stem}-2{dot}{ending}"]
    for path in paths:
        with open(path, "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == output["sha256"]
    assert sorted(os.listdir(tmp_path / "a" / "b")) == sorted(os.path.basename(path) for path in paths)
    here = cli(stage, "download", job["id"], cwd=tmp_path)
    assert here.out.strip() == f"./{output['name']}" and (tmp_path / output["name"]).exists()


class BadGateway(http.server.BaseHTTPRequestHandler):
    """Hands out one job with one output whose name or bytes are not to be trusted."""
    job = None
    content = b""

    def do_GET(self):  # noqa: N802
        body = self.content if "/outputs/" in self.path else json.dumps(self.job).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def bad_gateway(name, content=b"picture", sha256=None, size=None):
    output = {"id": str(uuid.uuid4()), "index": 0, "name": name, "size_bytes": len(content) if size is None else size,
              "sha256": sha256 or hashlib.sha256(content).hexdigest(), "url": "http://evil.example/x"}
    job = {"id": UNKNOWN, "status": "succeeded", "outputs": [output]}
    handler = type("Handler", (BadGateway,), {"job": job, "content": content})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name,safe", [
    ("../../evil.png", "evil.png"), ("/etc/passwd", "passwd"), ("..", "_."), (".bashrc", "_bashrc"), ("-rf", "_rf"),
    ("", "output-0"), ("a/", "output-0"), ("a\\b:c*?.png", "a_b_c__.png"), ("x\x1b\n.png", "x__.png"),
    ("é" * 200 + ".png", "é" * 90 + ".png"), ("plain.tar.gz", "plain.tar.gz"),
])
def test_names_of_strangers_are_made_safe(tmp_path, name, safe):
    target = tmp_path / "target"
    with bad_gateway(name) as url:
        ran = cli(url, "download", UNKNOWN, target)
    assert ran.code == 0, ran
    assert os.listdir(target) == [safe]
    assert sorted(os.listdir(tmp_path)) == ["target"]


@pytest.mark.patient
@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"size": 8}])
def test_bytes_that_are_not_those_promised_are_thrown_away(tmp_path, wrong):
    with bad_gateway("a.png", **wrong) as url:
        ran = cli(url, "download", UNKNOWN, tmp_path)
    assert ran.code == 1 and "did not arrive whole" in ran.err, ran
    assert os.listdir(tmp_path) == []


def test_download_of_what_has_no_files(gateway, write, tmp_path):
    job_id = submit_held(gateway, write(graphs.picture()))
    ran = cli(gateway, "download", job_id, tmp_path / "x")
    assert ran.code == 1 and "queued" in ran.err and not (tmp_path / "x").exists()


# ---- waiting -------------------------------------------------------------------------------


def test_bar_on_a_terminal(stages, write):
    stage = stages()
    terminal = Terminal(stage.gateway.url, "submit", "--workflow", str(write(graphs.steps(12, ms=60, mark="Drawing"))),
                        "--wait")
    assert terminal.end() == 0
    assert "\u2588" in terminal.text and "Drawing" in terminal.text and "step " in terminal.text
    assert "\x1b[36m" in terminal.text and "succeeded" in terminal.text


def test_bar_without_colour_or_unicode(stages, write):
    stage = stages()
    terminal = Terminal(stage.gateway.url, "submit", "--workflow", str(write(graphs.steps(12, ms=60))), "--wait",
                        LC_ALL="C", NO_COLOR="1")
    assert terminal.end() == 0
    assert "#" in terminal.text and "\x1b[3" not in terminal.text
    assert all(ord(letter) < 128 for letter in terminal.text)


@pytest.mark.patient
def test_place_in_the_queue_is_shown(stages, write):
    stage = stages()
    blockers = stage.submit_many([graphs.steps(400, ms=20) for _ in range(4)])
    terminal = Terminal(stage.gateway.url, "submit", "--workflow", str(write(graphs.picture())), "--wait")
    terminal.until("place 3 in the queue")
    for job in blockers:
        stage.cancel(job)
    assert terminal.end() == 0


def test_plain_lines_off_a_terminal(stages, write):
    stage = stages()
    ran = cli(stage, "submit", "--workflow", write(graphs.steps(10, ms=40)), "--wait")
    assert ran.code == 0
    states = [line.split()[1] for line in ran.err.splitlines() if not line.startswith("job ")]
    assert states[-1] == "succeeded" and "running" in states and len(states) == len(set(states)), ran
    assert "\x1b" not in ran.err + ran.out


def test_waiting_survives_a_restart_of_the_gateway(stages):
    stage = stages()
    job = stage.submit(graphs.steps(60, ms=50))
    process = subprocess.Popen([BIN, "wait", job["id"]], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment(stage.gateway.url), preexec_fn=die_with_parent)
    while b"running" not in process.stderr.readline():
        assert process.poll() is None
    stage.gateway.kill9()
    assert b"does not answer" in process.stderr.readline()
    stage.gateway.start()
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, (out, err)
    assert b"succeeded" in out


def test_ctrl_c_leaves_the_job_alone(stages, write):
    stage = stages()
    terminal = Terminal(stage.gateway.url, "submit", "--workflow", str(write(graphs.steps(100, ms=20))), "--wait")
    terminal.until("step ")
    terminal.press_ctrl_c()
    assert terminal.end(10) == 130
    assert "The job goes on" in terminal.text
    job = stage.gateway.json("GET", "/v1/jobs")["data"][0]
    assert stage.finish(job)["status"] == "succeeded"


def test_watch_of_one_job_and_of_the_list(stages):
    stage = stages()
    job = stage.submit(graphs.steps(10, ms=30), title="Watched")
    listing = Terminal(stage.gateway.url, "watch")
    assert cli(stage, "watch", job["id"]).code == 0
    listing.until("succeeded")
    assert "Watched" in listing.text and "\x1b[?1049h" in listing.text
    listing.press_ctrl_c()
    assert listing.end(10) == 0
    assert listing.text.rstrip().endswith("\x1b[?1049l")


def test_watch_of_the_list_off_a_terminal(stages):
    stage = stages()
    process = subprocess.Popen([BIN, "watch"], stdout=subprocess.PIPE, env=environment(stage.gateway.url),
                               preexec_fn=die_with_parent)
    job = stage.finish(stage.submit(graphs.picture()))
    lines = []
    eventually(lambda: lines.append(process.stdout.readline().decode()) or f"{job['id']} succeeded\n" in lines)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    process.stdout.close()
