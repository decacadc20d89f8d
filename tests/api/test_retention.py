"""What is kept for how long, what a star keeps for ever, and what a full disk refuses.

Rows are made old in the SQLite file while the gateway is stopped: no test waits for days.
"""
import base64
import concurrent.futures
import json
import pathlib
import sqlite3
import time

import pytest

import files
import databases
import graphs
from stage import eventually

DAY = 24 * 3600 * 1000
NEVER = {"retention_jobs_days": 0, "retention_outputs_days": 0, "retention_assets_days": 0}


def change(gateway, sql, *values):
    """Writes into the store of a gateway that is stopped."""
    assert not gateway.alive
    assert gateway.sql(sql, *values) > 0, sql


def age(gateway, job, days):
    """Makes the job end so long ago, and its outputs be made then."""
    then = int(time.time() * 1000) - int(days * DAY)
    change(gateway, "UPDATE job SET completed_at = ? WHERE id = ?", then, job["id"])
    if job["outputs"]:
        change(gateway, "UPDATE output SET created_at = ? WHERE job_id = ?", then, job["id"])


def age_asset(gateway, asset, days):
    change(gateway, "UPDATE asset SET used_at = ? WHERE id = ?", int(time.time() * 1000) - int(days * DAY), asset["id"])


def stored_files(gateway):
    return {path.name for path in (pathlib.Path(gateway.data_dir) / "files").rglob("*") if path.is_file()}


def listed(stage, content):
    """A job whose one output has these bytes."""
    name = f"{abs(hash(content))}.bin"
    folder = stage.directory / "sim-gpu0" / "output"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    entries = json.dumps([{"filename": name, "subfolder": "", "type": "output"}])
    return stage.finish(stage.submit(graphs.lists(entries)))


def star(gateway, job, starred=True):
    return gateway.json("PATCH", f"/v1/jobs/{job['id']}", json={"starred": starred})


def status(gateway, path):
    return gateway.request("GET", path).status


def hashes(job):
    return [output["sha256"] for output in job["outputs"]]


def expired_lines(stage):
    return [{key: line[key] for key in ("jobs", "jobs_without_outputs", "assets")}
            for line in stage.gateway_log("retention_removed")]


def until_gone(gateway, *paths):
    for path in paths:
        eventually(lambda: status(gateway, path), lambda code: code == 404)


# ---- stars ---------------------------------------------------------------------------------------------


def test_star(gateways):
    gateway = gateways()
    jobs = [gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()}) for _ in range(3)]
    assert not any(job["starred"] for job in jobs)
    starred = star(gateway, jobs[1])
    assert starred["starred"] is True and starred["version"] == jobs[1]["version"] + 1
    again = star(gateway, jobs[1])
    assert again["version"] == starred["version"]  # nothing is new
    gateway.restart()
    assert gateway.json("GET", f"/v1/jobs/{jobs[1]['id']}")["starred"] is True

    def found(value):
        return [job["id"] for job in gateway.json("GET", f"/v1/jobs?starred={value}&sort=created_at")["data"]]

    assert found("true") == [jobs[1]["id"]]
    assert found("false") == [jobs[0]["id"], jobs[2]["id"]]
    assert star(gateway, jobs[1], starred=False)["starred"] is False
    assert found("true") == []


def test_a_repeated_job_is_not_starred(gateway):
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    star(gateway, job)
    answer = gateway.request("POST", f"/v1/jobs/{job['id']}/retry")
    assert answer.status == 202 and answer.json()["starred"] is False


@pytest.mark.parametrize("value", ["true", 1, None, []])
def test_a_star_is_true_or_false(gateway, value):
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    answer = gateway.request("PATCH", f"/v1/jobs/{job['id']}", json={"starred": value})
    assert answer.status == 422 and answer.problem()[1] == ["/starred"]
    assert gateway.json("GET", f"/v1/jobs/{job['id']}")["version"] == job["version"]


@pytest.mark.parametrize("query, parameter", [("starred=1", "starred"), ("starred=", "starred"), ("template=", "template"),
                                              ("template=" + 65 * "x", "template")])
def test_filters_that_are_refused(gateway, query, parameter):
    answer = gateway.request("GET", f"/v1/jobs?{query}")
    assert answer.status == 400 and answer.problem() == ("invalid_parameter", [parameter])


# ---- jobs ----------------------------------------------------------------------------------------------


def test_old_jobs_are_removed(stages):
    stage = stages(retention_jobs_days=3)
    old, young, kept = (listed(stage, content) for content in (b"old", b"young", b"kept"))
    failed = stage.finish(stage.submit(graphs.failing()), "failed")
    star(stage.gateway, kept)
    stage.gateway.stop()
    for job, days in ((old, 3.1), (failed, 400), (young, 2.9), (kept, 400)):
        age(stage.gateway, job, days)
    stage.gateway.start()
    until_gone(stage.gateway, f"/v1/jobs/{old['id']}", f"/v1/jobs/{failed['id']}", old["outputs"][0]["url"])
    eventually(lambda: stored_files(stage.gateway), lambda names: old["outputs"][0]["sha256"] not in names)
    for job in (young, kept):
        assert hashes(stage.job(job)) == hashes(job)
        assert stage.content(job["outputs"][0]) in (b"young", b"kept")
    assert expired_lines(stage) == [{"jobs": 2, "jobs_without_outputs": 0, "assets": 0}]
    assert {job["id"] for job in stage.gateway.json("GET", "/v1/jobs")["data"]} == {young["id"], kept["id"]}


def test_a_job_that_waits_is_never_old(stages):
    """However long ago it was accepted, and whatever becomes of others."""
    stage = stages(start_sim=False, retention_jobs_days=1, retention_outputs_days=1)
    job = stage.submit(graphs.picture())
    stage.gateway.stop()
    change(stage.gateway, "UPDATE job SET created_at = 1")
    stage.gateway.start()
    gone = stage.submit(graphs.picture())
    stage.cancel(gone)
    stage.gateway.stop()
    age(stage.gateway, gone, 2)
    stage.gateway.start()
    until_gone(stage.gateway, f"/v1/jobs/{gone['id']}")
    assert stage.job(job)["status"] == "queued"
    stage.sim.start()
    stage.finish(job)


def test_zero_keeps_for_ever(stages):
    stage = stages(**NEVER)
    job = listed(stage, b"old")
    asset = files.upload(stage.gateway, files.picture())
    stage.gateway.stop()
    age(stage.gateway, job, 30000)
    age_asset(stage.gateway, asset, 30000)
    stage.gateway.start(retention_outputs_days=0)
    other = listed(stage, b"other")  # the engine has had its turns
    time.sleep(1.5)  # and its housekeeping
    assert hashes(stage.job(job)) == hashes(job) and hashes(stage.job(other))
    assert status(stage.gateway, f"/v1/assets/{asset['id']}") == 200
    assert expired_lines(stage) == []


def test_many_old_jobs_go_bit_by_bit(stages):
    """More than one turn removes: all go within seconds, and jobs are served meanwhile."""
    stage = stages(start_sim=False)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        old = list(pool.map(lambda _: stage.submit({"1": {"class_type": "A"}}), range(450)))
    stage.gateway.stop()
    change(stage.gateway, "UPDATE job SET status = 'canceled', phase = NULL, completed_at = 5")
    stage.gateway.start()
    new = stage.submit(graphs.picture())
    eventually(lambda: [job["id"] for job in stage.gateway.json("GET", "/v1/jobs?limit=200")["data"]],
               lambda ids: ids == [new["id"]])
    lines = expired_lines(stage)
    assert sum(line["jobs"] for line in lines) == len(old) and max(line["jobs"] for line in lines) == 200


# ---- outputs -------------------------------------------------------------------------------------------


def test_old_outputs_are_removed_before_their_job(stages):
    stage = stages(retention_outputs_days=1)
    old, young, kept = (listed(stage, content) for content in (b"old", b"young", b"kept"))
    kept = star(stage.gateway, kept)
    stage.gateway.stop()
    for job, days in ((old, 1.1), (young, 0.9), (kept, 400)):
        age(stage.gateway, job, days)
    stage.gateway.start()
    until_gone(stage.gateway, old["outputs"][0]["url"])
    seen = stage.job(old)
    assert (seen["status"], seen["outputs"], seen["version"]) == ("succeeded", [], old["version"] + 1)
    assert [warning["code"] for warning in seen["warnings"]] == ["outputs_removed"]
    assert "for 1 day here" in seen["warnings"][0]["detail"]
    eventually(lambda: stored_files(stage.gateway), lambda names: old["outputs"][0]["sha256"] not in names)
    assert hashes(stage.job(young)) == hashes(young) and hashes(stage.job(kept)) == hashes(kept)
    assert expired_lines(stage) == [{"jobs": 0, "jobs_without_outputs": 1, "assets": 0}]
    # Once, not again at each look.
    stage.gateway.restart()
    time.sleep(1.5)
    assert stage.job(old)["version"] == seen["version"] and len(expired_lines(stage)) == 1


def test_a_client_that_held_the_job_sees_the_change(stages):
    """Its ETag is no more that of before."""
    stage = stages(retention_outputs_days=1)
    job = listed(stage, b"old")
    tag = stage.etag(job)
    stage.gateway.stop()
    age(stage.gateway, job, 2)
    stage.gateway.start()
    until_gone(stage.gateway, job["outputs"][0]["url"])
    answer = stage.gateway.request("GET", f"/v1/jobs/{job['id']}", headers={"If-None-Match": tag})
    assert answer.status == 200 and answer.json()["outputs"] == []


def test_a_file_of_two_jobs_goes_with_the_second(stages):
    stage = stages(retention_jobs_days=5)
    first, second = listed(stage, b"the same"), listed(stage, b"the same")
    assert first["outputs"][0]["sha256"] == second["outputs"][0]["sha256"]
    stage.gateway.stop()
    age(stage.gateway, first, 6)
    stage.gateway.start()
    until_gone(stage.gateway, f"/v1/jobs/{first['id']}")
    time.sleep(1.5)  # the trash is emptied once a second
    assert stage.content(second["outputs"][0]) == b"the same"
    stage.gateway.stop()
    age(stage.gateway, second, 6)
    stage.gateway.start()
    eventually(lambda: stored_files(stage.gateway), lambda names: not names)


def test_what_was_made_of_a_file_goes_with_it(stages):
    """And what was made of another stays, also of one in the same folder."""
    stage = stages(retention_jobs_days=3)
    old, young = listed(stage, b"old"), listed(stage, b"young")
    gone, kept = old["outputs"][0]["sha256"], young["outputs"][0]["sha256"]
    neighbour = gone[:2] + 62 * "0"
    stage.gateway.stop()
    folder = pathlib.Path(stage.gateway.data_dir) / "renditions"
    made = {sha256: [folder / sha256[:2] / f"{sha256}-{kind}.webp" for kind in ("t256", "preview")]
            for sha256 in (gone, kept, neighbour)}
    for path in sum(made.values(), []):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a picture")
    age(stage.gateway, old, 4)
    stage.gateway.start()
    until_gone(stage.gateway, f"/v1/jobs/{old['id']}")
    eventually(lambda: {path for path in folder.rglob("*.webp")},
               lambda paths: paths == {*made[kept], *made[neighbour]})


@databases.only_sqlite
def test_a_row_that_cannot_be_read_harms_nobody(stages):
    """What is old stays then; what users ask for is done."""
    stage = stages(retention_outputs_days=1)
    job = listed(stage, b"old")
    stage.gateway.stop()
    age(stage.gateway, job, 2)
    with sqlite3.connect(pathlib.Path(stage.gateway.data_dir) / "comfygate.db") as db:
        db.execute("PRAGMA ignore_check_constraints = 1")
        db.execute("UPDATE job SET status = 'lost'")
    db.close()
    stage.gateway.start()
    eventually(lambda: stage.gateway_log("retention_failed"))
    stage.finish(stage.submit(graphs.picture()))
    assert stage.content(job["outputs"][0]) == b"old"
    assert not stage.gateway_log("store_commit_failed") and len(stage.gateway_log("retention_failed")) == 1


# ---- assets --------------------------------------------------------------------------------------------


def test_old_assets_are_removed(stages):
    stage = stages(retention_assets_days=2)
    old, young, again = (files.upload(stage.gateway, files.picture((n, n, n))) for n in (1, 2, 3))
    stage.gateway.stop()
    for asset, days in ((old, 2.1), (young, 1.9), (again, 1.9)):
        age_asset(stage.gateway, asset, days)
    stage.gateway.start()
    until_gone(stage.gateway, f"/v1/assets/{old['id']}", old["url"])
    eventually(lambda: stored_files(stage.gateway), lambda names: names == {young["sha256"], again["sha256"]})
    # To bring it once more is to use it: its days begin again.
    assert files.upload(stage.gateway, files.picture((3, 3, 3)))["id"] == again["id"]
    stage.gateway.stop()
    age_asset(stage.gateway, young, 2.1)
    stage.gateway.start()
    until_gone(stage.gateway, f"/v1/assets/{young['id']}")
    assert status(stage.gateway, f"/v1/assets/{again['id']}") == 200
    # It can be brought back.
    assert files.upload(stage.gateway, files.picture((1, 1, 1)))["id"] != old["id"]


def test_an_old_asset_of_a_waiting_job(stages):
    """The asset goes; its file stays until the job has run."""
    stage = stages(start_sim=False)
    asset = files.upload(stage.gateway, files.picture((5, 6, 7)))
    job = stage.gateway.json("POST", "/v1/jobs", json={
        "template": "test-edit", "input": {"image": f"asset:{asset['id']}", "strength": 0}})
    stage.gateway.stop()
    age_asset(stage.gateway, asset, 8)
    stage.gateway.start()
    until_gone(stage.gateway, f"/v1/assets/{asset['id']}")
    time.sleep(1.5)  # the trash is emptied once a second
    assert asset["sha256"] in stored_files(stage.gateway)
    stage.sim.start()
    done = stage.finish(job)
    eventually(lambda: stored_files(stage.gateway),
               lambda names: names == {output["sha256"] for output in done["outputs"]})


def test_an_old_output_that_a_waiting_job_needs(stages):
    stage = stages(retention_jobs_days=1)
    maker = stage.finish(stage.gateway.json("POST", "/v1/jobs", json={"template": "test-pattern", "input": {}}))
    output = next(output for output in maker["outputs"] if output["primary"])
    stage.sim.stop()
    job = stage.gateway.json("POST", "/v1/jobs", json={
        "template": "test-edit", "input": {"image": f"output:{output['id']}", "strength": 0}})
    stage.gateway.stop()
    age(stage.gateway, maker, 2)
    stage.gateway.start()
    until_gone(stage.gateway, f"/v1/jobs/{maker['id']}")
    time.sleep(1.5)
    stage.sim.start()
    stage.finish(job)


# ---- a disk that is nearly full ------------------------------------------------------------------------

FULL = 1_000_000_000  # MiB: no disk has them


def test_too_little_room_refuses_new_work(gateways):
    gateway = gateways()
    job = gateway.json("POST", "/v1/jobs", json={"workflow": graphs.picture()})
    gateway.restart(storage_min_free_mb=FULL)
    for method, path, what in (("POST", "/v1/jobs", {"json": {"workflow": graphs.picture()}}),
                               ("POST", f"/v1/jobs/{job['id']}/retry", {}),
                               ("POST", "/v1/assets", {"body": files.picture(), "headers": {"Content-Type": "image/png"}})):
        answer = gateway.request(method, path, **what)
        assert answer.status == 507 and answer.problem()[0] == "insufficient_storage", answer
        assert f"needs at least {FULL} MiB. Nothing was stored." in answer.json()["detail"]
    picture = "data:image/png;base64," + base64.b64encode(files.picture()).decode()
    answer = gateway.request("POST", "/v1/jobs", json={"template": "test-edit", "input": {"image": picture}})
    assert answer.status == 507, answer
    assert [each["id"] for each in gateway.json("GET", "/v1/jobs")["data"]] == [job["id"]]
    assert stored_files(gateway) == set() and not any((pathlib.Path(gateway.data_dir) / "staging").iterdir())
    ready = gateway.request("GET", "/readyz")
    assert ready.status == 503 and ready.json()["checks"]["storage"]["status"] == "fail"
    assert f"new work needs {FULL}" in ready.json()["checks"]["storage"]["detail"]
    # What takes no room is done as ever.
    assert gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture(), "dry_run": True}).status == 200
    assert star(gateway, job)["starred"] is True
    assert gateway.request("POST", f"/v1/jobs/{job['id']}/cancel").status == 200
    assert gateway.request("DELETE", f"/v1/jobs/{job['id']}").status == 204
    gateway.restart(storage_min_free_mb=0)
    assert gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture()}).status == 202


def test_faults_of_a_body_come_before_the_disk(gateways):
    gateway = gateways(storage_min_free_mb=FULL)
    assert gateway.request("POST", "/v1/jobs", json={"workflow": {}}).status == 422
    assert gateway.request("POST", "/v1/jobs/0192f0c1-7d3e-7c4f-8a55-6f1f2b3c4d5e/retry").status == 404


def test_accepted_work_goes_on_with_little_room(stages):
    stage = stages()
    running = stage.submit(graphs.steps(30, ms=50))
    waiting = stage.submit(graphs.picture())
    stage.until(running, lambda job: job["status"] == "running")
    stage.gateway.restart(storage_min_free_mb=FULL)
    for job in (running, waiting):
        assert stage.content(stage.finish(job)["outputs"][0])
