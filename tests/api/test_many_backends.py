"""Several ComfyUIs that do not have the same: who gets which job."""
import pytest

import graphs
from sim import graph_image
from stage import eventually

TWO = {"left": {"step_ms": 0}, "right": {"step_ms": 0}}


def until_known(stage):
    """All have told what they have."""
    for name in stage.sims:
        stage.backend(lambda b: b["ws"]["connected"], name=name)
    eventually(lambda: stage.gateway.json("GET", "/v1/models/loras"), lambda page: page["complete"])


def know_anew(stage, folder, expected):
    stage.gateway.request("POST", "/v1/templates/reload")
    eventually(lambda: stage.gateway.json("GET", f"/v1/models/{folder}")["data"],
               lambda data: {each["name"]: set(each["backends"]) for each in data} == expected)


def with_checkpoint(name):
    graph = graph_image(steps=1)
    graph["4"]["inputs"]["ckpt_name"] = name
    return graph


def with_models(stage, **checkpoints):
    until_known(stage)
    expected = {}
    for name, files in checkpoints.items():
        stage.sims[name].models(checkpoints=files)
        for file in files:
            expected.setdefault(file, set()).add(name)
    know_anew(stage, "checkpoints", expected)


def test_a_job_goes_where_its_model_is(stages):
    stage = stages(sims=TWO)
    with_models(stage, left=["a.safetensors", "both.safetensors"], right=["b.safetensors", "both.safetensors"])
    jobs = [stage.submit(with_checkpoint(f"{'ab'[i % 2]}.safetensors")) for i in range(12)]
    ended = [stage.finish(job) for job in jobs]
    assert [job["backend"] for job in ended] == ["left", "right"] * 6
    assert all(job["attempt"] == 1 and job["warnings"] == [] for job in ended)


def test_a_job_goes_where_its_node_is(stages):
    stage = stages(sims=TWO)
    until_known(stage)
    stage.sims["left"].nodes(remove=["EmptyImage"])
    # With the node goes a model, which shows when the answer is in use.
    stage.sims["left"].models(checkpoints=["a.safetensors"])
    stage.sims["right"].models(checkpoints=["b.safetensors"])
    know_anew(stage, "checkpoints", {"a.safetensors": {"left"}, "b.safetensors": {"right"}})
    jobs = [stage.submit(graphs.picture()) for _ in range(4)]
    assert {stage.finish(job)["backend"] for job in jobs} == {"right"}


def test_nobody_has_it(stages):
    """All have told, and none has it: the job fails at once, in ComfyUI's words."""
    stage = stages(sims=TWO)
    with_models(stage, left=["a.safetensors"], right=["b.safetensors"])
    job = stage.finish(stage.submit(with_checkpoint("c.safetensors")), "failed")
    assert job["error"]["code"] == "missing_model"


def test_who_has_it_is_away(stages):
    """The job waits for it, says so, and holds up nobody behind it."""
    stage = stages(sims=TWO)
    with_models(stage, left=["a.safetensors"], right=["b.safetensors"])
    stage.sims["right"].kill9()
    stage.backend(lambda b: b["status"] == "down", name="right")
    waiting = [stage.submit(with_checkpoint("b.safetensors")) for _ in range(3)]
    assert stage.finish(stage.submit(with_checkpoint("a.safetensors")))["backend"] == "left"
    for job in waiting:
        seen = stage.until(job, lambda j: j["warnings"])
        assert seen["status"] == "queued" and seen["backend"] is None and seen["attempt"] == 0
        assert [each["code"] for each in seen["warnings"]] == ["waited_for_backend"]
        assert '"b.safetensors" for "CheckpointLoaderSimple"' in seen["warnings"][0]["detail"]
    stage.sims["right"].start()
    stage.sims["right"].models(checkpoints=["b.safetensors"])
    for job in waiting:
        ended = stage.finish(job)
        assert (ended["backend"], ended["attempt"], len(ended["warnings"])) == ("right", 1, 1)


def test_a_name_goes_before_what_fits(stages):
    """Who asks for a ComfyUI by its name is told by that one what it lacks."""
    stage = stages(sims=TWO)
    with_models(stage, left=["a.safetensors"], right=["b.safetensors"])
    job = stage.finish(stage.submit(with_checkpoint("a.safetensors"), backend="right"), "failed")
    assert (job["backend"], job["error"]["code"]) == ("right", "missing_model")


def test_the_same_model_stays_where_it_is(stages):
    """One after the other, so that both are idle each time: each keeps to its model."""
    stage = stages(sims=TWO)
    both = ["a.safetensors", "b.safetensors"]
    with_models(stage, left=both, right=both)

    def run(name):
        return stage.finish(stage.submit(with_checkpoint(name)))["backend"]

    assert [run("a.safetensors") for _ in range(3)] == ["left"] * 3
    stage.gateway.request("POST", "/v1/backends/left/drain")
    assert [run("b.safetensors") for _ in range(2)] == ["right"] * 2
    stage.gateway.request("POST", "/v1/backends/left/resume")
    assert [run(name) for name in both * 4] == ["left", "right"] * 4


def test_many_that_wait_for_one_that_is_away(stages):
    """They are looked into once, some in each turn, and those behind them run."""
    stage = stages(sims=TWO)
    with_models(stage, left=["a.safetensors"], right=["b.safetensors"])
    stage.sims["right"].kill9()
    stage.backend(lambda b: b["status"] == "down", name="right")
    for _ in range(150):
        stage.submit(with_checkpoint("b.safetensors"))
    assert stage.finish(stage.submit(with_checkpoint("a.safetensors")))["backend"] == "left"


TAGGED = {"sims": {"left": {}, "middle": {}, "right": {}}, "backend_tags": "left=large, middle=large+fast,right=fast"}


def test_tags_narrow_it(stages):
    """Any that bears them, and of those the one that has nothing to do."""
    stage = stages(**TAGGED, backend_slots=1)
    until_known(stage)
    assert [stage.backend(name=name)["tags"] for name in stage.sims] == [["large"], ["large", "fast"], ["fast"]]
    jobs = [stage.submit(graphs.steps(5, ms=40), backend="tag:large") for _ in range(6)]
    assert {stage.finish(job)["backend"] for job in jobs} == {"left", "middle"}
    jobs = [stage.submit(graphs.steps(2, ms=20), backend="tag:large+fast") for _ in range(3)]
    assert {stage.finish(job)["backend"] for job in jobs} == {"middle"}


def test_tags_and_models(stages):
    """Of those with the tag only one has the model; the one without the tag has it, too."""
    stage = stages(**TAGGED)
    with_models(stage, left=["a.safetensors"], middle=["b.safetensors"], right=["a.safetensors"])
    jobs = [stage.submit(with_checkpoint("a.safetensors"), backend="tag:large") for _ in range(4)]
    assert {stage.finish(job)["backend"] for job in jobs} == {"left"}
    job = stage.finish(stage.submit(with_checkpoint("b.safetensors"), backend="tag:fast"))
    assert job["backend"] == "middle"


def test_tags_are_waited_for(stages):
    """Also through a restart: the job stays with those that bear them."""
    stage = stages(**TAGGED)
    until_known(stage)
    for name in ("left", "middle"):
        stage.gateway.request("POST", f"/v1/backends/{name}/drain")
    job = stage.submit(graphs.picture(), backend="tag:large")
    assert stage.finish(stage.submit(graphs.picture()))["backend"] == "right"
    stage.gateway.restart()
    assert stage.finish(stage.submit(graphs.picture()))["backend"] == "right"
    assert stage.job(job)["status"] == "queued"
    stage.gateway.request("POST", "/v1/backends/middle/resume")
    assert stage.finish(job)["backend"] == "middle"


def test_a_tag_that_nobody_bears(stages):
    stage = stages(**TAGGED)
    answer = stage.gateway.request("POST", "/v1/jobs", json={"workflow": graphs.picture(), "backend": "tag:small"})
    assert answer.status == 422 and answer.problem()[0] == "validation_error"
    assert answer.json()["errors"][0]["pointer"] == "/backend" and "with these tags" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("count", [2, 3])
def test_two_that_die_are_enough(stages, count):
    """Of several, a job that two have died under is given to none any more, until somebody asks for that."""
    names = ["one", "two", "three"][:count]
    stage = stages(sims={name: {} for name in names}, backend_lost_seconds=1, job_max_attempts=5)
    until_known(stage)
    job = stage.submit(graphs.steps(200, ms=50), max_attempts=5)
    for _ in range(2):
        running = stage.until(job, lambda j: j["status"] == "running", timeout=30)
        stage.sims[running["backend"]].kill9()
        stage.until(job, lambda j: j["status"] != "running", timeout=30)
    ended = stage.finish(job, "failed", timeout=30)
    assert (ended["error"]["code"], ended["attempt"]) == ("backend_lost", 2)
    assert "lost twice" in ended["error"]["message"]


def test_eight_share_the_work(stages):
    """Each has its part and one socket, and runs nothing twice."""
    names = [f"gpu{i}" for i in range(8)]
    stage = stages(sims={name: {} for name in names}, backend_slots=1)
    until_known(stage)
    jobs = [stage.submit(graphs.steps(5, ms=40)) for _ in range(64)]
    ended = [stage.finish(job, timeout=60) for job in jobs]
    counts = [sum(job["backend"] == name for job in ended) for name in names]
    assert sum(counts) == 64 and min(counts) >= 4, counts
    assert stage.executions_by_job() == {job["id"]: 1 for job in jobs}
    assert [sim.log()["ws_opened"] for sim in stage.sims.values()] == [1] * 8


@pytest.mark.patient
def test_some_of_eight_fail(stages):
    """One is drained, one is killed, one hangs, each with work inside: every job comes to its end."""
    names = [f"gpu{i}" for i in range(8)]
    stage = stages(sims={name: {} for name in names}, backend_lost_seconds=1)
    until_known(stage)
    jobs = [stage.submit(graphs.steps(5, ms=60)) for _ in range(64)]
    eventually(lambda: [stage.job(job)["status"] for job in jobs], lambda seen: seen.count("running") >= 6)
    stage.gateway.request("POST", "/v1/backends/gpu0/drain")
    stage.sims["gpu1"].kill9()
    stage.sims["gpu2"].pause()
    ended = [stage.finish(job, timeout=60) for job in jobs]
    stage.sims["gpu2"].resume()
    assert all(len(job["outputs"]) == 1 for job in ended)


@pytest.mark.once
@pytest.mark.patient
def test_an_output_is_not_awaited_for_long_from_one_that_hangs(stages):
    """A fetch that hears nothing takes half a minute; then the job is run elsewhere, and not fetched for nine times more."""
    stage = stages(sims={"gpu0": {}, "gpu1": {}}, backend_lost_seconds=1)
    until_known(stage)
    for sim in stage.sims.values():
        sim.faults({"view_truncate": {"bytes": 10}})
    job = stage.submit(graphs.picture())
    first = stage.until(job, lambda seen: seen["phase"] == "collecting")["backend"]
    stage.sims[first].pause()
    next(sim for name, sim in stage.sims.items() if name != first).clear_faults()
    ended = stage.finish(job, timeout=60)
    assert ended["backend"] != first and ended["attempt"] == 2
