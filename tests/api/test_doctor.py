"""`comfygate doctor` against set-ups that are really broken: each says what is wrong, and what to do."""
import contextlib
import json
import os
import pathlib
import pwd
import re
import sqlite3
import subprocess
import tempfile
import time

import pytest

import gateway as gateway_module
from gateway import Gateway, free_port
from odd_servers import HangUp, Listener, Proxy, TlsProxy, read_head
from s3_server import S3Server
from sim import Sim
from template_folders import write_template

pytestmark = pytest.mark.one_thread

IS_ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody").pw_uid
CHECKS = {"settings", "clock", "descriptors", "data_folder", "access", "port", "database", "comfyui", "templates"}


class Findings:
    def __init__(self, code, report):
        self.code = code
        self.status = report["status"]
        self.checks = report["checks"]

    def of(self, check, status=None):
        """The findings of one check, as one text."""
        return "\n".join(f"{c['status']}: {c['detail']}. {c['advice'] or ''}" for c in self.checks
                         if c["check"] == check and status in (None, c["status"]))

    def marks(self, *but):
        """(check, mark) of all that is not well."""
        return {(c["check"], c["status"]) for c in self.checks if c["status"] != "ok" and c["check"] not in but}


def run(*words, env=None, before=None, timeout=60):
    environment = {**Gateway._environment(), **(env or {})}
    return subprocess.run([gateway_module.BIN, "doctor", *map(str, words)], capture_output=True, text=True, timeout=timeout,
                          env=environment, preexec_fn=before)


@pytest.fixture
def doctor(tmp_path):
    """doctor(backends=..., **settings): what it finds, with a data folder and a port of the test's own."""

    def ask(env=None, before=None, **settings):
        flags = {"data_dir": tmp_path / "data", "server_listen": f"127.0.0.1:{free_port()}",
                 "backends": "gpu0=http://127.0.0.1:9", **settings}
        done = run("--json", *(f"--{name.replace('_', '-')}={value}" for name, value in flags.items()), env=env,
                   before=before)
        assert done.returncode in (0, 1), done.stderr
        report = json.loads(done.stdout)
        for check in report["checks"]:
            assert set(check) == {"check", "subject", "status", "detail", "advice"}
            assert (check["advice"] is None) == (check["status"] == "ok"), check
            assert check["detail"] and not check["detail"].endswith("."), check
            assert check["advice"] is None or check["advice"].endswith("."), check
        assert (done.returncode == 1) == (report["status"] == "wrong")
        return Findings(done.returncode, report)

    return ask


@pytest.fixture(scope="module")
def sim():
    with Sim(step_ms=1) as one:
        yield one


def healthy(sim, **settings):
    return {"backends": f"gpu0={sim.url}", "templates_shipped": "off", **settings}


def listing(folder):
    return sorted((str(path.relative_to(folder)), path.lstat().st_mtime_ns, path.lstat().st_size)
                  for path in pathlib.Path(folder).rglob("*"))


# ---- the bucket ------------------------------------------------------------------------------------


@pytest.fixture
def s3():
    server = S3Server()
    yield server
    server.stop()


def test_a_bucket_that_can_be_used(doctor, s3, sim):
    found = doctor(**healthy(sim), **s3.settings())
    assert found.code == 0 and found.of("storage").startswith("ok: the bucket pictures at http://127.0.0.1:")
    assert s3.keys() == [] and s3.refused == []  # what was kept to try is gone again
    assert {"PUT", "GET", "DELETE"} <= {method for method, _key in s3.requests}
    assert "storage" not in {c["check"] for c in doctor(**healthy(sim)).checks}
    assert s3.secret not in json.dumps(found.checks)


@pytest.mark.parametrize("method, fault, says", [
    ("GET", (403, "InvalidAccessKeyId"), "does not know this access key"),
    ("GET", (400, "ExpiredToken"), "the access key is over"),
    ("GET", (403, "RequestTimeTooSkewed"), "the clock of this machine"),
    ("GET", (404, "NoSuchBucket"), "no such bucket"),
    ("GET", (503, "SlowDown"), "fewer requests"),
    ("PUT", (403, "AccessDenied"), "is there, but a file could not be kept"),
    ("DELETE", (403, "AccessDenied"), "the access key may not do this"),
    ("PUT", (507, "QuotaExceeded"), "is full"),
])
def test_a_bucket_that_cannot_be_used(doctor, s3, sim, method, fault, says):
    s3.fault = lambda handler: fault if handler.command == method else None
    found = doctor(**healthy(sim), **s3.settings())
    assert found.code == 1 and says in found.of("storage", "wrong"), found.of("storage")
    assert s3.secret not in json.dumps(found.checks)


def test_a_bucket_whose_clock_is_another(doctor, s3, sim):
    s3.ahead = 3600
    assert "the clock of this machine" in doctor(**healthy(sim), **s3.settings()).of("storage", "wrong")


@pytest.mark.parametrize("change, says", [
    ({"storage_url": "s3://a"}, "a bucket's name"),
    ({"storage_secret_key": ""}, "no key for it"),
    ({"storage_url": "s3://pictures?endpoint=http://127.0.0.1:9"}, "does not answer"),
])
def test_a_bucket_that_is_named_wrongly(doctor, s3, sim, change, says):
    settings = {**healthy(sim), **s3.settings(), **change}
    assert says in doctor(**settings).of("storage", "wrong")


# ---- the verb ------------------------------------------------------------------------------------


def test_all_is_well_before_the_first_start_and_nothing_is_made(doctor, sim, tmp_path):
    found = doctor(**healthy(sim))
    assert found.code == 0 and found.status in ("ok", "warning") and CHECKS <= {c["check"] for c in found.checks}
    assert found.marks() <= {("file_system", "warning")}
    assert "ComfyUI 0.33.0" in found.of("comfyui") and "stays open" in found.of("websocket")
    assert not (tmp_path / "data").exists()


def test_beside_a_gateway_and_after_it(doctor, sim, tmp_path):
    gateway = Gateway(tmp_path / "data", backends=f"gpu0={sim.url}", settings={"templates_shipped": "off"})
    gateway.start()
    try:
        until = time.monotonic() + 20
        while gateway.json("GET", "/readyz")["status"] != "ready":
            assert time.monotonic() < until
            time.sleep(0.05)
        listen = f"127.0.0.1:{gateway.port}"
        found = doctor(**healthy(sim, server_listen=listen))
        assert found.code == 0 and found.marks() <= {("file_system", "warning")}
        assert "a gateway answers" in found.of("port") and "with 0 jobs" in found.of("database")
    finally:
        gateway.stop()
    before = listing(tmp_path / "data")
    found = doctor(**healthy(sim, server_listen=listen))
    assert found.code == 0 and "is free" in found.of("port") and "sound" in found.of("database")
    assert listing(tmp_path / "data") == before


def test_a_killed_gateway_leaves_a_log_that_is_read(doctor, sim, tmp_path):
    gateway = Gateway(tmp_path / "data")
    gateway.start()
    gateway.kill()
    assert (tmp_path / "data" / "comfygate.db-wal").exists()
    assert "sound" in doctor(**healthy(sim)).of("database")


def test_lines_for_people(sim, tmp_path):
    words = (f"--data-dir={tmp_path}", f"--listen=127.0.0.1:{free_port()}", "--backends=a=http://127.0.0.1:9")
    done = run(*words)
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and "\x1b" not in done.stdout and re.fullmatch(r"\d+ wrong, \d+ to look at\.", lines[-1])
    assert all(re.match(r"(ok|warning|wrong) +[a-z ]+( a)?: ", line) for line in lines[:-2])
    assert any(line.startswith("wrong") and "comfyui a:" in line and "Start ComfyUI there" in line for line in lines)


@pytest.mark.parametrize("words", [["--nonsense"], ["--server-threads", "none"], ["--json", "word"]])
def test_a_command_line_that_cannot_be_understood(words):
    done = run(*words)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("comfygate: ")


def test_settings_that_cannot_be_understood(tmp_path):
    done = run("--json", env={"COMFYGATE_SERVER_THREADS": "none"})
    assert done.returncode == 1 and "COMFYGATE_SERVER_THREADS" in json.loads(done.stdout)["checks"][0]["detail"]
    path = tmp_path / "gateway.ini"
    path.write_text("[server]\nthreads = none\n")
    done = run("--config", path)
    assert done.returncode == 1 and done.stdout.startswith("wrong") and "gateway.ini" in done.stdout
    assert run("--config", path, "--server-threads=2", f"--data-dir={tmp_path}").returncode == 1
    done = run("--json", env={"COMFYGATE_BACKENDS": "what"})
    assert done.returncode == 1 and json.loads(done.stdout)["checks"][0]["status"] == "wrong"


# ---- the machine ---------------------------------------------------------------------------------


def test_few_descriptors(doctor):
    def few():
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))

    assert doctor(before=few).of("descriptors").startswith("warning: a process may have 600")
    assert doctor(before=few, server_max_connections=64).of("descriptors").startswith("ok")


def test_a_folder_for_all_to_see(doctor, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data").chmod(0o755)
    assert "mode 755" in doctor().of("data_folder", "warning")


def test_a_folder_that_is_none(doctor, tmp_path):
    (tmp_path / "data").write_text("x")
    assert "is no folder" in doctor().of("data_folder", "wrong")


@pytest.fixture
def open_folder():
    """One that others than root can get to, as those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="comfygate-doctor-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


@pytest.mark.skipif(not IS_ROOT, reason="gives folders to another user")
def test_a_folder_of_another_user(doctor, open_folder):
    folder = open_folder / "data"
    folder.mkdir(mode=0o700)

    def as_nobody():
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    found = doctor(before=as_nobody, data_dir=folder)
    assert found.code == 1 and "belongs to root" in found.of("data_folder", "wrong")
    (folder / "comfygate.db").touch()
    os.chown(folder, NOBODY, NOBODY)
    found = doctor(before=as_nobody, data_dir=folder)
    assert "comfygate.db does not belong to nobody" in found.of("data_folder", "wrong")
    assert "chown" in found.of("data_folder")
    found = doctor(before=as_nobody, data_dir="/root/nowhere/data")
    assert found.marks() & {("data_folder", "wrong")}


@contextlib.contextmanager
def small_disk(folder, kib):
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(not IS_ROOT, reason="mounts a small disk")
def test_a_small_disk_of_memory_that_is_full(doctor, tmp_path):
    with small_disk(tmp_path / "data", 256):
        with contextlib.suppress(OSError), open(tmp_path / "data" / "fill", "wb", buffering=0) as fill:
            while True:
                fill.write(b"x" * 4096)
        found = doctor()
    assert "tmpfs" in found.of("file_system", "warning")
    assert "0 MiB are free" in found.of("free_space", "wrong")
    assert "cannot be written and made durable" in found.of("disk", "wrong") and "Make room" in found.of("disk")


def test_little_room(doctor, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    assert "below 1000000000" in doctor(storage_min_free_mb=1000000000).of("free_space", "wrong")


# ---- the database --------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path):
    gateway = Gateway(tmp_path / "data")
    gateway.start()
    gateway.stop()
    return tmp_path / "data" / "comfygate.db"


def change(database, sql):
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql)


def test_a_newer_database(doctor, database):
    change(database, "INSERT INTO schema_migration (number, name, sha256, applied_at) VALUES (9000, '9000_x.sql', 'x', 1)")
    assert "newer than this program: it is at migration 9000_x.sql" in doctor().of("database", "wrong")


def test_an_older_database(doctor, database):
    change(database, "DELETE FROM schema_migration WHERE number = (SELECT max(number) FROM schema_migration)")
    assert "brings it to this version's form (1 migrations)" in doctor().of("database", "ok")


def test_a_changed_migration(doctor, database):
    change(database, "UPDATE schema_migration SET sha256 = 'x' WHERE number = 1")
    assert "was changed after it had been applied" in doctor().of("database", "wrong")


def test_a_database_of_another_program(doctor, database):
    database.unlink()
    change(database, "CREATE TABLE x (y)")
    assert "of another program" in doctor().of("database", "wrong")


def test_a_damaged_database(doctor, database):
    data = bytearray(database.read_bytes())
    data[4096 * 4:4096 * 30] = b"\xff" * (4096 * 26)
    database.write_bytes(data)
    found = doctor()
    assert found.code == 1 and found.of("database", "wrong")
    database.write_bytes(b"no database at all" * 1000)
    assert "not a database" in doctor().of("database", "wrong")


# ---- who may come in -----------------------------------------------------------------------------


def test_open_to_the_network(doctor, tmp_path):
    port = free_port()
    found = doctor(server_listen=f"0.0.0.0:{port}")
    assert "serve will refuse to start" in found.of("access", "wrong")
    found = doctor(server_listen=f"0.0.0.0:{port}", auth_mode="off")
    assert "whoever reaches" in found.of("access", "warning")
    found = doctor(server_listen=f":{port}", auth_mode="keys")
    assert found.of("access", "ok") and "comfygate keys create" in found.of("keys", "wrong")
    made = subprocess.run([gateway_module.BIN, "keys", "create", "anna", "--role=admin", f"--data-dir={tmp_path / 'data'}"],
                          capture_output=True, env=Gateway._environment(), check=True)
    assert made.stdout
    assert "1 that may be used" in doctor(server_listen=f"[::]:{port}", auth_mode="keys").of("keys", "ok")


def test_a_port_that_is_taken(doctor):
    with HangUp() as other:
        found = doctor(server_listen=f"127.0.0.1:{other.port}")
    assert "Something else listens there" in found.of("port", "wrong")
    assert "no such address" in doctor(server_listen="192.0.2.1:8090", auth_mode="off").of("port", "wrong")


def test_a_gateway_that_lacks_its_comfyui(doctor, gateways):
    gateway = gateways()
    assert "comfygate health tells" in doctor(server_listen=f"127.0.0.1:{gateway.port}").of("port")


# ---- ComfyUI -------------------------------------------------------------------------------------


def of_backend(doctor, url, check="comfyui"):
    found = doctor(backends=f"gpu0={url}", templates_shipped="off")
    assert found.code == 1, found.checks
    return found.of(check, "wrong")


def test_addresses_where_nothing_is(doctor):
    assert "is not reached" in of_backend(doctor, f"http://127.0.0.1:{free_port()}")
    assert "has no address" in of_backend(doctor, "http://no-such-name.invalid:8188")
    with HangUp() as server:
        assert "does not answer" in of_backend(doctor, server.url)


class Silent(Listener):
    """Takes connections and requests, and never says a word."""

    def serve(self, sock):
        read_head(sock)
        while sock.recv(4096):
            pass


def test_a_server_that_hangs(doctor):
    with Silent() as server:
        found = doctor(backends=f"gpu0={server.url}", backend_timeout_ms=1000)
    said = found.of("comfyui", "wrong")
    assert "takes connections and does not answer" in said and "hangs or is still starting" in said


@pytest.mark.parametrize("answer, says", [
    (("200 OK", {"Content-Type": "text/html; charset=utf-8"}, b"<h1>Log in</h1>"), "a page for people"),
    (("302 Found", {"Location": "https://login.example/"}, b""), "a redirect to https://login.example/, not by ComfyUI"),
    (("401 Unauthorized", {"WWW-Authenticate": "Basic"}, b""), "wants a login"),
    (("403 Forbidden", {}, b""), "does not accept the Host or Origin"),
    (("404 Not Found", {}, b""), "something else at this address"),
    (("502 Bad Gateway", {"Content-Type": "text/html"}, b"<h1>502</h1>"), "does not reach its ComfyUI"),
    (("200 OK", {"Content-Type": "application/json"}, b"[1, 2]"), "something else at this address"),
])
def test_what_is_not_comfyui(doctor, sim, answer, says):
    with Proxy(("127.0.0.1", sim.port), rule=lambda *_: answer) as wall:
        assert says in of_backend(doctor, wall.url)


def test_a_certificate_that_nobody_signed(doctor, sim, tmp_path):
    with TlsProxy(("127.0.0.1", sim.port), tmp_path) as proxy:
        said = of_backend(doctor, proxy.url)
        assert "no TLS with" in said and "update-ca-certificates" in said


def test_tls_where_there_is_none(doctor, sim):
    assert "Write http://" in of_backend(doctor, sim.url.replace("http://", "https://"))


class StripsUpgrade(Proxy):
    """What nginx does without the two lines that its manual names."""

    def edit(self, head):
        return re.sub(rb"(?im)^(upgrade|connection):[^\r]*\r\n", b"", head)


def test_a_proxy_that_drops_upgrade(doctor, sim):
    with StripsUpgrade(("127.0.0.1", sim.port)) as proxy:
        said = of_backend(doctor, proxy.url, "websocket")
    assert "does not arrive as one" in said and "proxy_set_header Upgrade $http_upgrade" in said


@pytest.mark.parametrize("status, says", [
    ("403 Forbidden", "refused with 403"), ("502 Bad Gateway", "does not reach ComfyUI by it"),
    ("302 Found", "wants a login"), ("200 OK", "proxy_http_version 1.1"),
])
def test_a_proxy_that_answers_the_handshake_itself(doctor, sim, status, says):
    def rule(_method, path, _headers):
        return (status, {}, b"") if path.startswith("/ws") else None

    with Proxy(("127.0.0.1", sim.port), rule=rule) as proxy:
        assert says in of_backend(doctor, proxy.url, "websocket")


@pytest.mark.patient
def test_sockets_that_do_not_stay(doctor):
    with Sim(faults={"ws_drop_after": {"messages": 1, "mode": "abort"}}) as sim:
        assert "closed again after" in of_backend(doctor, sim.url, "websocket")
    with Sim(faults={"ws_swallow": "all"}) as sim:
        assert "nothing is said on it" in of_backend(doctor, sim.url, "websocket")


def test_old_releases(doctor):
    for version, says in (("0.3.40", "may run twice"), ("0.3.50", "which prompt to interrupt")):
        with Sim(comfyui_version=version) as sim:
            found = doctor(**healthy(sim))
        assert says in found.of("comfyui", "warning") and "Update ComfyUI" in found.of("comfyui", "warning")


@pytest.mark.patient
def test_a_slow_one(doctor):
    with Sim(faults={"http_delay": {"path": "/queue", "ms": 1300}}) as sim:
        assert "ms to answer" in doctor(**healthy(sim)).of("comfyui", "warning")


def test_parts_that_do_not_answer(doctor):
    for path, says in (("/queue", "/queue cannot be read"), ("/object_info", "its nodes")):
        with Sim(faults={"http_fail": {"path": path, "status": 500}}) as sim:
            assert says in of_backend(doctor, sim.url)


def test_a_clock_that_is_wrong(doctor, sim):
    body = sim.request("GET", "/system_stats").body

    def rule(_method, path, _headers):
        head = {"Content-Type": "application/json", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}
        return ("200 OK", head, body) if path == "/system_stats" else None

    with Proxy(("127.0.0.1", sim.port), rule=rule) as proxy:
        found = doctor(backends=f"gpu0={proxy.url}", templates_shipped="off")
    assert re.search(r"its clock is \d{10} s behind ours", found.of("comfyui", "warning"))


def test_a_device_that_is_full(doctor, sim):
    stats = sim.get("/system_stats")
    stats["devices"] = [{"name": "cuda:0", "type": "cuda", "index": 0, "vram_total": 24 << 30, "vram_free": 10 << 20,
                         "torch_vram_total": 0, "torch_vram_free": 0}]
    answer = ("200 OK", {"Content-Type": "application/json"}, json.dumps(stats).encode())
    with Proxy(("127.0.0.1", sim.port), rule=lambda _, path, __: answer if path == "/system_stats" else None) as proxy:
        found = doctor(backends=f"gpu0={proxy.url}", templates_shipped="off")
    assert "10 MiB of 24 GiB are free on cuda:0" in found.of("comfyui", "warning")


def test_one_sick_among_healthy_ones(doctor, sim):
    found = doctor(backends=f"well={sim.url},sick=http://127.0.0.1:{free_port()}", templates_shipped="off")
    assert {c["subject"] for c in found.checks if c["status"] == "wrong"} == {"sick"}
    assert {c["subject"] for c in found.checks if c["check"] == "websocket"} == {"well"}


# ---- templates -----------------------------------------------------------------------------------


def test_models_and_nodes_that_are_missing(doctor, sim, tmp_path):
    folder = tmp_path / "templates"
    write_template(folder, "good")
    write_template(folder, "odd", swaps={"/workflow/1/class_type": "NobodyHasThisNode"})
    write_template(folder, "broken", swaps={"/input/properties/width/x-comfy/title": "Nowhere"})
    found = doctor(**healthy(sim, templates_dir=folder))
    told = {c["subject"]: c for c in found.checks if c["check"] == "template"}
    assert set(told) == {"odd", "broken"}
    assert told["odd"]["status"] == "warning" and "NobodyHasThisNode" in told["odd"]["detail"]
    assert told["broken"]["status"] == "wrong" and "x-comfy/title" in told["broken"]["detail"]
    assert "2 are served, 1 of them lack something" in found.of("templates")
    assert "no ComfyUI could be asked" in doctor(templates_dir=folder).of("templates")


def test_models_that_shipped_templates_want(doctor, sim):
    whole = sim.request("GET", "/object_info").json()
    for node in whole.values():
        for declared in node.get("input", {}).get("required", {}).values():
            if isinstance(declared[0], list) and any(str(name).endswith(".safetensors") for name in declared[0]):
                declared[0] = ["another.safetensors"]
    answer = ("200 OK", {"Content-Type": "application/json"}, json.dumps(whole).encode())
    with Proxy(("127.0.0.1", sim.port), rule=lambda _, path, __: answer if path == "/object_info" else None) as proxy:
        found = doctor(backends=f"gpu0={proxy.url}")
    assert found.code == 0 and ".safetensors" in found.of("template", "warning")
    assert "Put what is missing into ComfyUI" in found.of("template", "warning")
