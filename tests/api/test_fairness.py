"""Turns: between users, between priorities, and of those who wait for long."""
import concurrent.futures

import pytest

import graphs
from stage import eventually


def pause(stage, how="pause"):
    assert stage.gateway.request("POST", f"/v1/queue/{how}").status == 200


def starts(stage, jobs):
    ended = [stage.finish(job, timeout=90) for job in jobs]
    return [job["id"] for job in sorted(ended, key=lambda job: job["started_at"])]


def user(name):
    return {"metadata": {"discord.user": name}}


@pytest.mark.parametrize("busy, late", [(200, 10)])
def test_who_comes_late_with_few_is_among_the_next(stages, busy, late):
    stage = stages(sim={"step_ms": 0}, backend_slots=1)
    pause(stage)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda _: stage.submit(graphs.picture(), **user("anna")), range(busy)))
    few = [stage.submit(graphs.picture(), **user("berta")) for _ in range(late)]
    places = sorted(stage.job(job)["queue_position"] for job in few)
    assert places[0] <= 2 and places[-1] <= 2 * late + 1, places
    pause(stage, "resume")
    order = starts(stage, [*few, *many])
    last = max(order.index(job["id"]) for job in few)
    assert last - late <= 2 * late, f"{last - late} of the first user's were begun before the last of the second's"


def test_one_user_keeps_the_order(stages):
    stage = stages(sim={"step_ms": 0}, backend_slots=1)
    pause(stage)
    jobs = [stage.submit(graphs.picture(), **user("anna")) for _ in range(20)]
    assert [stage.job(job)["queue_position"] for job in jobs] == list(range(1, 21))
    pause(stage, "resume")
    assert starts(stage, jobs) == [job["id"] for job in jobs]


def test_turns_come_back_after_a_restart(stages):
    stage = stages(backend_slots=1)
    pause(stage)
    many = [stage.submit(graphs.picture(), **user("anna")) for _ in range(30)]
    few = [stage.submit(graphs.picture(), **user("berta")) for _ in range(3)]
    before = [stage.job(job)["queue_position"] for job in [*many, *few]]
    stage.gateway.kill()
    stage.gateway.start()
    assert [stage.job(job)["queue_position"] for job in [*many, *few]] == before
    assert max(before[30:]) <= 7


def test_a_change_of_words_keeps_the_place(stages):
    stage = stages(backend_slots=1)
    pause(stage)
    jobs = [stage.submit(graphs.picture(), **user("anna")) for _ in range(3)]
    assert stage.gateway.request("PATCH", f"/v1/jobs/{jobs[0]['id']}", json={"title": "a title"}).status == 200
    assert [stage.job(job)["queue_position"] for job in jobs] == [1, 2, 3]
    assert stage.gateway.request("PATCH", f"/v1/jobs/{jobs[2]['id']}", json={"priority": 1}).status == 200
    assert [stage.job(job)["queue_position"] for job in jobs] == [2, 3, 1]


def test_priority_is_a_head_start(stages):
    """What nobody knows counts as ten seconds of work: of a head start of fifteen, the urgent ones use up one after the other."""
    stage = stages(backend_slots=1, queue_ageing_seconds=15)
    pause(stage)
    jobs = [stage.submit(graphs.picture(), **user("anna")) for _ in range(5)]
    urgent = [stage.submit(graphs.picture(), priority=1, **user("anna")) for _ in range(4)]
    places = {job["id"]: stage.job(job)["queue_position"] for job in [*jobs, *urgent]}
    # Starts are 0, 10, 20 ... in both lines; those of the urgent ones count 15 less.
    expected = sorted([(10 * i, 1, job["id"]) for i, job in enumerate(jobs)] + [(10 * i - 15, 0, job["id"]) for i, job in enumerate(urgent)])
    assert sorted(places, key=places.get) == [each for _, _, each in expected]


def test_strict_priorities(stages):
    stage = stages(backend_slots=1, queue_ageing_seconds=0)
    pause(stage)
    plain = [stage.submit(graphs.picture()) for _ in range(3)]
    urgent = [stage.submit(graphs.picture(), priority=1) for _ in range(200)]
    assert stage.job(plain[0])["queue_position"] == 201
    assert stage.job(urgent[-1])["queue_position"] == 200


def test_a_job_that_was_lost_is_the_next_again(stages):
    stage = stages(backend_slots=1)
    lost = stage.submit(graphs.steps(200, 50), **user("anna"))
    stage.until(lost, lambda job: job["status"] == "running")
    for _ in range(3):
        stage.submit(graphs.picture(), **user("berta"))
    pause(stage)
    stage.sim.restart()
    again = eventually(lambda: stage.job(lost), lambda job: job["status"] == "queued")
    assert again["queue_position"] == 1
