"""Listening: streams and long-polls tell what happens, once and in order, whatever breaks on the way."""
import graphs
from events import durable, listen, poll, types
from stage import eventually, stages  # noqa: F401  (stages is a fixture)


def up(stage):
    stage.backend(lambda b: b["status"] == "up")
    eventually(lambda: poll(stage.gateway, after=0)["data"])  # its event is there, too
    return stage


# ---- what is told --------------------------------------------------------------------------


def test_a_job_from_its_beginning_to_its_end(stages):
    """The snapshot, then every step of a job, and what passes in between."""
    stage = up(stages())
    with listen(stage.gateway) as stream:
        snapshot = stream.next()
        assert snapshot.type == "snapshot" and snapshot.id is None and snapshot.job is None
        assert snapshot.data["jobs"] == [] and snapshot.data["jobs_cut"] is False
        assert [each["status"] for each in snapshot.data["backends"]["data"]] == ["up"]
        assert 1000 <= stream.retry < 3000
        job = stage.submit(graphs.steps(6, ms=150, previews=True), title="a title", metadata={"chat": "7"})
        seen = stream.until("job.succeeded", job)
    assert types(seen) == ["job.queued", "job.started", "job.output", "job.succeeded"]
    assert [each.data["status"] for each in durable(seen)] == ["queued", "running", "succeeded", "succeeded"]
    assert all(each.data["metadata"] == {"chat": "7"} and each.data["title"] == "a title" for each in durable(seen))
    numbers = [int(each.id) for each in durable(seen)]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    done = stage.job(job)
    assert seen[-1].data["metrics"] == done["metrics"]
    told = seen[-1].data["outputs"]
    assert told == durable(seen)[2].data["outputs"]
    assert told == [{name: output[name] for name in told[0]} for output in done["outputs"]]
    passing = [each for each in seen if each.id is None]
    values = [each.data["progress"]["value"] for each in passing if each.type == "job.progress"]
    assert values == sorted(values) and len(values) >= 3
    previews = [each.data["preview_seq"] for each in passing if each.type == "job.preview"]
    assert previews == sorted(set(previews)) and previews
    # A picture that was told of can be fetched as long as the job runs; and nothing of it passes after its end.
    assert seen.index(passing[-1]) < seen.index(durable(seen)[2])


def test_a_job_that_has_ended_is_told_and_the_stream_ends(stages):
    stage = up(stages())
    job = stage.finish(stage.submit(graphs.picture()))
    with listen(stage.gateway, job["urls"]["events"]) as stream:
        seen = stream.rest()
    assert [each.type for each in seen] == ["snapshot", "end"]
    assert seen[0].data == job
    with listen(stage.gateway, job["urls"]["events"], last_id=0) as stream:
        seen = stream.rest()
    assert [each.type for each in seen] == ["snapshot", "job.queued", "job.started", "job.output", "job.succeeded", "end"]
    assert {each.job for each in seen} == {job["id"]}


def test_unknown_job(stages):
    stage = stages()
    answer = stage.gateway.request("GET", "/v1/jobs/0193586e-9c1b-7d44-a3f0-5b1f0e9c2a77/events")
    assert answer.status == 404 and answer.problem()[0] == "not_found"
