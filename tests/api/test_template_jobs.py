"""Jobs from templates: the shipped ones that need no model, end to end; what becomes of their files; variations.

Whether every shipped template binds rightly is told by the unit test of templates/; here a ComfyUI runs them.
"""
import base64
import concurrent.futures
import http.server
import ssl
import subprocess
import threading

import pytest

import files
from stage import eventually

NOBODY = "0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e"


def submit(stage, template, headers=None, **members):
    answer = stage.gateway.request("POST", "/v1/jobs", json={"template": template, **members}, headers=headers)
    assert answer.status == 202, answer
    return answer.json()


def run(stage, template, **members):
    return stage.finish(submit(stage, template, **members))


def refused(stage, status, code, template, **members):
    answer = stage.gateway.request("POST", "/v1/jobs", json={"template": template, **members})
    assert answer.status == status and answer.problem()[0] == code, answer
    return answer.json()


def primary(job):
    return next(output for output in job["outputs"] if output["primary"])


def pixels(stage, job):
    """Without the workflow that ComfyUI writes into the file."""
    return files.look(stage.content(primary(job))).tobytes()


def graph(stage, job):
    return stage.gateway.json("GET", f"/v1/jobs/{job['id']}/workflow")


def data_url(data, kind="image/png"):
    return f"data:{kind};base64," + base64.b64encode(data).decode()


# ---- the whole way -------------------------------------------------------------------------------------


def test_generate_edit_upscale_animate_and_vary(stages):
    stage = stages()
    made = run(stage, "test-pattern", input={"color": "green", "width": 128, "height": 256}, title="A pattern")
    assert made["template"] == "test-pattern" and made["input"]["color"] == "green" and made["input"]["width"] == 128
    assert made["seed"] is not None and "seed" not in made["input"]
    first = primary(made)
    assert (first["type"], first["width"], first["height"]) == ("image", 128, 256)

    edited = run(stage, "test-edit", input={"image": f"output:{first['id']}", "effect": "invert"})
    assert edited["parent_id"] == made["id"] and primary(edited)["width"] == 128
    before, after = files.look(stage.content(first)), files.look(stage.content(primary(edited)))
    assert [255 - value for value in before.getpixel((5, 5))] == list(after.getpixel((5, 5)))

    larger = run(stage, "test-upscale", input={"image": f"output:{first['id']}", "factor": "4x"})
    assert (primary(larger)["width"], primary(larger)["height"]) == (512, 1024)

    moving = run(stage, "test-animate", input={"image": f"output:{first['id']}", "frames": 5, "fps": 10})
    animation = files.look(stage.content(primary(moving)))
    assert animation.n_frames == 5 and primary(moving)["duration_ms"] == 500

    answer = stage.gateway.request("POST", f"/v1/jobs/{made['id']}/retry", json={"seed": "random"})
    varied = stage.finish(answer.json())
    assert varied["parent_id"] == made["id"] and varied["seed"] != made["seed"]
    assert varied["input"] == made["input"]
    assert pixels(stage, varied) != pixels(stage, made)

    children = stage.gateway.json("GET", f"/v1/jobs?parent_id={made['id']}")["data"]
    assert {child["id"] for child in children} == {each["id"] for each in (edited, larger, moving, varied)}


def test_identical_submissions_each_get_their_own_pictures(stages):
    stage = stages()
    jobs = [submit(stage, "test-pattern", input={"seed": 7}) for _ in range(6)]
    outputs = [primary(stage.finish(job)) for job in jobs]
    assert len({output["id"] for output in outputs}) == 6
    for output in outputs:
        assert files.look(stage.content(output)).size == (512, 512)


def test_an_output_of_one_backend_is_input_on_another(stages):
    stage = stages(sims={"gpu0": {}, "gpu1": {}})
    made = run(stage, "test-pattern", input={"width": 128, "height": 128}, backend="gpu0")
    edited = run(stage, "test-edit", input={"image": f"output:{primary(made)['id']}"}, backend="gpu1")
    assert edited["backend"] == "gpu1" and primary(edited)["width"] == 128


# ---- the seed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 18446744073709551615])
def test_the_seed_that_is_given_is_used_and_told(stages, seed):
    stage = stages()
    job = run(stage, "test-pattern", input={"seed": seed, "width": 128, "height": 128})
    assert job["seed"] == seed and job["input"]["seed"] == seed
    assert f'"seed": {seed}'.encode() in stage.raw_prompt(job)


def test_random_seeds_differ_and_are_told(stages):
    stage = stages()
    jobs = [submit(stage, "test-pattern", input={"width": 128, "height": 128}) for _ in range(5)]
    assert len({job["seed"] for job in jobs}) == 5
    for job in jobs:
        assert graph(stage, job)["4"]["inputs"]["seed"] == job["seed"]
        stage.finish(job)


def test_retry_with_the_same_a_given_and_another_seed(stages):
    stage = stages()
    job = run(stage, "test-pattern", input={"width": 128, "height": 128})

    def again(**body):
        answer = stage.gateway.request("POST", f"/v1/jobs/{job['id']}/retry", json=body)
        assert answer.status == 202, answer
        return stage.finish(answer.json())

    same = again()
    assert same["seed"] == job["seed"] and pixels(stage, same) == pixels(stage, job)
    assert again(seed="same")["seed"] == job["seed"]
    assert again(seed=0)["seed"] == 0
    assert again(seed="random")["seed"] != job["seed"]
    changed = again(input={"color": "red", "width": None})
    assert (changed["input"]["color"], changed["input"]["width"], changed["input"]["height"]) == ("red", 512, 128)
    assert changed["seed"] == job["seed"]
    assert changed["parent_id"] == job["id"]


@pytest.mark.shares
@pytest.mark.parametrize("body, status, pointer", [
    ({"seed": -1}, 422, "/seed"), ({"seed": "odd"}, 422, "/seed"), ({"seed": 1.5}, 422, "/seed"),
    ({"input": []}, 422, "/input"), ({"input": {"color": "pink"}}, 422, "/input/color"),
    ({"input": {"nothing": 1}}, 422, "/input/nothing"), ({"what": 1}, 422, "/what"),
    ({"seed": 1, "input": {"seed": 2}}, 422, "/seed"), ({"seed": 18446744073709551616}, 422, "/input/seed")])
def test_retry_refuses(stages, body, status, pointer):
    stage = stages()
    job = submit(stage, "test-pattern", input={})
    answer = stage.gateway.request("POST", f"/v1/jobs/{job['id']}/retry", json=body)
    assert answer.status == status, answer
    assert answer.problem()[1][0] == pointer, answer.body


def test_a_raw_workflow_can_only_be_repeated(gateway):
    job = gateway.json("POST", "/v1/jobs", json={"workflow": {"1": {"class_type": "A"}}})
    for body in ({"seed": "random"}, {"seed": 4}, {"input": {"prompt": "x"}}):
        answer = gateway.request("POST", f"/v1/jobs/{job['id']}/retry", json=body)
        assert answer.status == 422 and "as a workflow" in answer.json()["detail"]
    assert gateway.request("POST", f"/v1/jobs/{job['id']}/retry", json={"seed": "same"}).status == 202
    assert gateway.request("POST", f"/v1/jobs/{job['id']}/retry", json={}).status == 202


# ---- files ----------------------------------------------------------------------------------------------


def test_assets_reach_the_nodes_that_they_are_for(stages):
    stage = stages()
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    assets = [files.upload(stage.gateway, files.picture(color, size=(32, 32)), name="image.png") for color in colors]
    job = run(stage, "test-edit", input={"image": f"asset:{assets[0]['id']}", "image2": f"asset:{assets[1]['id']}",
                                         "image3": f"asset:{assets[2]['id']}", "strength": 0})
    sheet = files.look(stage.content(primary(job)))
    assert sheet.size == (96, 32)
    assert [sheet.getpixel((x, 16)) for x in (16, 48, 80)] == colors
    nodes = graph(stage, job)
    for node, asset in zip(("1", "2", "3"), assets):
        assert nodes[node]["inputs"]["image"] == f"comfygate/{asset['sha256']}.png"
    assert job["input"]["image2"] == f"asset:{assets[1]['id']}"


def test_an_optional_picture_that_is_absent_leaves_no_node(stages):
    stage = stages()
    asset = files.upload(stage.gateway, files.picture())
    job = run(stage, "test-edit", input={"image": f"asset:{asset['id']}"})
    nodes = graph(stage, job)
    assert "2" not in nodes and "3" not in nodes
    links = [value[0] for node in nodes.values() for value in node["inputs"].values() if isinstance(value, list)]
    assert set(links) <= set(nodes)


def test_a_file_is_sent_once_to_each_backend(stages):
    stage = stages()
    asset = files.upload(stage.gateway, files.picture())
    for _ in range(3):
        run(stage, "test-edit", input={"image": f"asset:{asset['id']}"})
    uploads = [event for event in stage.sim_events("uploaded")]
    assert len(uploads) == 1, uploads


def test_a_comfyui_that_lost_its_folder_gets_the_file_again(stages):
    stage = stages()
    asset = files.upload(stage.gateway, files.picture())
    run(stage, "test-edit", input={"image": f"asset:{asset['id']}"})
    for path in (stage.directory / "sim-gpu0" / "input" / "comfygate").iterdir():
        path.unlink()
    run(stage, "test-edit", input={"image": f"asset:{asset['id']}", "effect": "blur"})


def test_a_name_that_is_taken_inside_comfyui(stages):
    """Somebody else's file has the name already: ComfyUI answers with another one, and that is used."""
    stage = stages()
    asset = files.upload(stage.gateway, files.picture((1, 2, 3)))
    folder = stage.directory / "sim-gpu0" / "input" / "comfygate"
    folder.mkdir(parents=True)
    (folder / f"{asset['sha256']}.png").write_bytes(files.picture((200, 200, 200)))
    job = run(stage, "test-edit", input={"image": f"asset:{asset['id']}", "strength": 0})
    assert files.look(stage.content(primary(job))).getpixel((0, 0)) == (1, 2, 3)


def test_the_file_of_a_waiting_job_outlives_its_asset(stages):
    stage = stages(start_sim=False)
    asset = files.upload(stage.gateway, files.picture((5, 6, 7)))
    job = submit(stage, "test-edit", input={"image": f"asset:{asset['id']}", "strength": 0})
    assert stage.gateway.request("DELETE", f"/v1/assets/{asset['id']}").status == 204
    stage.gateway.restart()
    stage.sim.start()
    done = stage.finish(job)
    assert files.look(stage.content(primary(done))).getpixel((0, 0)) == (5, 6, 7)
    refused(stage, 422, "missing_asset", "test-edit", input={"image": f"asset:{asset['id']}"})


def test_data_urls(stages):
    stage = stages()
    data = files.picture((9, 8, 7), size=(20, 20))
    job = run(stage, "test-edit", input={"image": data_url(data), "strength": 0})
    assert job["input"]["image"].startswith("asset:")
    asset = stage.gateway.json("GET", f"/v1/assets/{job['input']['image'].removeprefix('asset:')}")
    assert asset["size_bytes"] == len(data)
    assert files.look(stage.content(primary(job))).getpixel((0, 0)) == (9, 8, 7)
    again = stage.finish(stage.gateway.json("POST", f"/v1/jobs/{job['id']}/retry", json={}))
    assert again["input"] == job["input"]
    same = run(stage, "test-edit", input={"image": data_url(data), "image2": data_url(data)})
    assert same["input"]["image"] == same["input"]["image2"] == job["input"]["image"]


@pytest.mark.shares
@pytest.mark.parametrize("reference, status, code", [
    (f"asset:{NOBODY}", 422, "missing_asset"), ("asset:nonsense", 422, "missing_asset"),
    (f"output:{NOBODY}", 422, "missing_asset"), ("data:image/png;base64,", 422, "validation_error"),
    ("data:image/png;base64,%%%", 422, "validation_error"), ("data:image/png,hello", 422, "validation_error"),
    (data_url(b"<svg/>", "image/png"), 415, "unsupported_media_type"), ("photo.png", 422, "validation_error"),
    ("../../etc/passwd", 422, "validation_error"), ("https://example.com/a.png", 403, "url_not_allowed"),
    ("file:///etc/passwd", 422, "validation_error"), ("", 422, "validation_error")])
def test_references_that_are_refused(stages, reference, status, code):
    stage = stages()
    problem = refused(stage, status, code, "test-edit", input={"image": reference})
    assert problem["errors"][0]["pointer"] == "/input/image"


def test_uploads_that_comfyui_refuses(stages):
    stage = stages()
    stage.sim.faults({"upload_fail": {"status": 500, "count": 2}})
    asset = files.upload(stage.gateway, files.picture())
    run(stage, "test-edit", input={"image": f"asset:{asset['id']}"})


def test_uploads_that_are_too_large_for_comfyui(stages):
    stage = stages(sim={"max_upload_size": 0.05})
    asset = files.upload(stage.gateway, files.noise(200, 200))
    job = stage.finish(submit(stage, "test-edit", input={"image": f"asset:{asset['id']}"}), "failed")
    assert job["error"]["code"] == "invalid_workflow" and "413" in job["error"]["message"]


def test_two_users_with_the_same_name_in_the_same_second(stages):
    stage = stages()
    colors = [(at * 20, 100, 200 - at * 10) for at in range(10)]

    def one(color):
        asset = files.upload(stage.gateway, files.picture(color), name="image.png")
        job = run(stage, "test-edit", input={"image": f"asset:{asset['id']}", "strength": 0})
        return files.look(stage.content(primary(job))).getpixel((0, 0))

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        assert list(pool.map(one, colors)) == colors


# ---- what is refused --------------------------------------------------------------------------------------


def test_all_faults_of_an_input_at_once(stages):
    stage = stages()
    problem = refused(stage, 422, "validation_error", "test-pattern",
                      input={"color": "pink", "width": 1, "height": "tall", "nothing": True})
    assert {error["pointer"] for error in problem["errors"]} == \
        {"/input/color", "/input/width", "/input/height", "/input/nothing"}


@pytest.mark.shares
def test_unknown_template(gateway):
    answer = gateway.request("POST", "/v1/jobs", json={"template": "no-such", "input": {}})
    assert answer.status == 422 and answer.problem()[0] == "unknown_template"


@pytest.mark.shares
@pytest.mark.parametrize("body, pointer", [
    ({"template": "test-pattern", "workflow": {"1": {"class_type": "A"}}}, "/template"), ({}, "/workflow"),
    ({"workflow": {"1": {"class_type": "A"}}, "input": {}}, "/input"), ({"template": 7}, "/template"),
    ({"template": "test-pattern", "input": []}, "/input"), ({"template": "test-pattern", "parent_id": "x"}, "/parent_id"),
    ({"template": "test-pattern", "parent_id": NOBODY}, "/parent_id"), ({"template": ""}, "/template")])
def test_bodies_that_are_refused(gateway, body, pointer):
    answer = gateway.request("POST", "/v1/jobs", json=body)
    assert answer.status == 422 and answer.problem()[1][0] == pointer, answer


def test_dry_run(stages):
    stage = stages()
    answer = stage.gateway.json("POST", "/v1/jobs", json={"template": "test-pattern", "dry_run": True,
                                                          "input": {"seed": 5, "color": "red"}})
    assert answer["problems"] == [] and answer["workflow"]["4"]["inputs"]["seed"] == 5
    assert (answer["template"], answer["seed"], answer["input"]["color"]) == ("test-pattern", 5, "red")
    answer = stage.gateway.json("POST", "/v1/jobs", json={"template": "test-pattern", "dry_run": True,
                                                          "input": {"color": "pink", "backend": 1}})
    assert answer["workflow"] is None and len(answer["problems"]) == 2
    assert stage.gateway.json("GET", "/v1/jobs")["data"] == []


def test_a_template_that_cannot_run_here(stages):
    stage = stages()
    eventually(lambda: stage.gateway.json("GET", "/v1/templates/flux")["available"] is False)
    problem = refused(stage, 422, "template_unavailable", "flux", input={"prompt": "a cat"})
    assert problem["errors"]


def test_limits_of_the_template_and_of_the_job(gateway):
    job = gateway.json("POST", "/v1/jobs", json={"template": "test-pattern", "max_attempts": 5})
    assert job["max_attempts"] == 5


def test_idempotency_covers_brought_files(stages):
    stage = stages(start_sim=False)
    body = {"template": "test-edit", "input": {"image": data_url(files.picture((3, 3, 3)))}}
    key = {"Idempotency-Key": "one"}
    first = stage.gateway.request("POST", "/v1/jobs", json=body, headers=key)
    second = stage.gateway.request("POST", "/v1/jobs", json=body, headers=key)
    assert first.json()["id"] == second.json()["id"] and second.header("Idempotent-Replayed") == "true"
    assert stage.gateway.json("GET", f"/v1/assets/{first.json()['input']['image'].removeprefix('asset:')}")


def test_what_was_accepted_once_is_told_again(stages):
    """Also when it could not be accepted now: the file and the room are gone."""
    stage = stages(start_sim=False)
    asset = files.upload(stage.gateway, files.picture((4, 4, 4)))
    body = {"template": "test-edit", "input": {"image": f"asset:{asset['id']}"}}
    key = {"Idempotency-Key": "one"}
    first = stage.gateway.request("POST", "/v1/jobs", json=body, headers=key)
    assert stage.gateway.request("DELETE", f"/v1/assets/{asset['id']}").status == 204
    stage.gateway.restart(storage_min_free_mb=1000000000, queue_max_jobs=1)
    again = stage.gateway.request("POST", "/v1/jobs", json=body, headers=key)
    assert again.status == 202 and again.json()["id"] == first.json()["id"], again
    assert again.header("Idempotent-Replayed") == "true"
    assert stage.gateway.request("POST", "/v1/jobs", json=body).status in (422, 507)
    body["title"] = "another"
    assert stage.gateway.request("POST", "/v1/jobs", json=body, headers=key).status in (422, 507)


def test_list_by_template(stages):
    stage = stages(start_sim=False)
    job = submit(stage, "test-pattern")
    stage.gateway.json("POST", "/v1/jobs", json={"workflow": {"1": {"class_type": "A"}}})
    assert [each["id"] for each in stage.gateway.json("GET", "/v1/jobs?template=test-pattern")["data"]] == [job["id"]]
    assert stage.gateway.json("GET", "/v1/jobs?template=none")["data"] == []


# ---- pictures by address -----------------------------------------------------------------------------------


class _Pictures(http.server.BaseHTTPRequestHandler):
    """/<name> answers what the test has put there: bytes, or a status."""

    def do_GET(self):
        found = self.server.pictures.get(self.path, 404)
        self.server.asked.append(self.path)
        if isinstance(found, int):
            self.send_response(found)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        self.wfile.write(found)

    def log_message(self, *_):
        pass


@pytest.fixture
def pictures(tmp_path):
    """An https server on loopback, with a certificate that only `ca_file` vouches for."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key.pem", "-out",
                    tmp_path / "ca.pem"], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.pictures, server.asked = {}, []
    server.url = f"https://localhost:{server.server_port}"
    server.settings = {"inputs_urls": "on", "fetch_ports": str(server.server_port), "fetch_allow": "127.0.0.0/8,::1/128",
                       "fetch_ca_file": str(tmp_path / "ca.pem")}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_picture_by_address(stages, pictures):
    stage = stages(**pictures.settings)
    pictures.pictures["/a.png"] = files.picture((11, 22, 33))
    job = run(stage, "test-edit", input={"image": pictures.url + "/a.png", "strength": 0})
    assert files.look(stage.content(primary(job))).getpixel((0, 0)) == (11, 22, 33)
    assert job["input"]["image"].startswith("asset:") and pictures.asked == ["/a.png"]
    again = stage.finish(stage.gateway.json("POST", f"/v1/jobs/{job['id']}/retry", json={}))
    assert again["input"] == job["input"] and pictures.asked == ["/a.png"], "what was fetched is an asset from then on"


@pytest.fixture
def plain():
    """A server without TLS."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)
    server.pictures, server.asked = {"/a.png": files.picture((1, 2, 3))}, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("allowed", ["on", "off"])
def test_a_picture_without_tls(stages, plain, allowed):
    """Only where the operator says so."""
    stage = stages(inputs_urls="on", fetch_http=allowed, fetch_ports=str(plain.server_port), fetch_allow="127.0.0.0/8")
    body = {"template": "test-edit", "input": {"image": f"http://127.0.0.1:{plain.server_port}/a.png", "strength": 0}}
    if allowed == "on":
        job = stage.finish(stage.gateway.json("POST", "/v1/jobs", json=body))
        assert files.look(stage.content(primary(job))).getpixel((0, 0)) == (1, 2, 3) and plain.asked == ["/a.png"]
    else:
        problem = refused(stage, 403, "url_not_allowed", "test-edit", input=body["input"])
        assert "https://" in problem["errors"][0]["detail"] and plain.asked == []


def test_addresses_that_give_no_picture(stages, pictures):
    stage = stages(assets_max_bytes=100000, **pictures.settings)
    pictures.pictures.update({"/page": b"<html>", "/large.png": files.noise(300, 300), "/500": 500})
    refused(stage, 422, "url_fetch_failed", "test-edit", input={"image": pictures.url + "/none.png"})
    refused(stage, 422, "url_fetch_failed", "test-edit", input={"image": pictures.url + "/500"})
    refused(stage, 415, "unsupported_media_type", "test-edit", input={"image": pictures.url + "/page"})
    answer = stage.gateway.request("POST", "/v1/jobs", json={"template": "test-edit",
                                                             "input": {"image": pictures.url + "/large.png"}})
    assert answer.status in (413, 422), answer
    assert stage.gateway.json("GET", "/v1/jobs")["data"] == []


def test_addresses_inside_are_not_asked(stages, pictures):
    """The server is there; it is the address that is not to be asked."""
    stage = stages(**{**pictures.settings, "fetch_allow": ""})
    pictures.pictures["/a.png"] = files.picture()
    for host in ("localhost", "127.0.0.1", "[::1]", "127.1", "2130706433", "0x7f.1"):
        problem = refused(stage, 403, "url_not_allowed", "test-edit",
                          input={"image": f"https://{host}:{pictures.server_port}/a.png"})
        assert problem["errors"][0]["pointer"] == "/input/image"
    assert pictures.asked == []


def test_the_gateway_and_its_comfyui_are_never_asked(stages, pictures):
    stage = stages(**pictures.settings)
    for port in (stage.gateway.port, stage.sim.port):
        answer = stage.gateway.request("POST", "/v1/jobs", json={
            "template": "test-edit", "input": {"image": f"https://localhost:{port}/livez"}})
        assert answer.status in (403, 422) and answer.problem()[0] in ("url_not_allowed", "url_fetch_failed")


# ---- names that ComfyUI knows, or does not -------------------------------------------------------------------


def until_known(stage):
    eventually(lambda: stage.gateway.json("GET", "/v1/templates/sdxl")["available"] is not None)


def test_loras_by_name(stages):
    stage = stages()
    until_known(stage)
    job = run(stage, "sdxl", input={"prompt": "a cat", "width": 256, "height": 256, "steps": 2, "loras": [
        {"name": "detail-tweaker.safetensors", "strength": 0.5}, {"name": "watercolor.safetensors"}]})
    loaders = [node["inputs"] for node in graph(stage, job).values() if node["class_type"] == "LoraLoader"]
    assert [each["lora_name"] for each in loaders] == ["detail-tweaker.safetensors", "watercolor.safetensors"]
    assert job["input"]["loras"][0]["strength"] == 0.5


def test_a_lora_that_no_comfyui_has(stages):
    stage = stages()
    until_known(stage)
    problem = refused(stage, 422, "validation_error", "sdxl",
                      input={"prompt": "a cat", "loras": [{"name": "nobody-has-it.safetensors"}]})
    assert problem["errors"][0]["pointer"] == "/input/loras/0/name", problem
    dry = stage.gateway.json("POST", "/v1/jobs", json={
        "template": "sdxl", "dry_run": True, "input": {"prompt": "a cat", "loras": [{"name": "nobody-has-it.safetensors"}]}})
    assert dry["problems"][0]["pointer"] == "/input/loras/0/name"


def test_names_are_not_judged_before_comfyui_has_told(stages):
    stage = stages(start_sim=False)
    job = submit(stage, "sdxl", input={"prompt": "a cat", "loras": [{"name": "perhaps.safetensors"}]})
    assert job["status"] == "queued"
