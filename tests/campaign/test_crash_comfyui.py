"""kill -9 of ComfyUI at random moments and in each phase of a prompt: no job hangs, none is lost, none is called done."""
import time

import checker
import load

KILLS = 500
PHASES = ("accepted", "start", "progress", "executed", "success", "end", "view")


def test_crash_comfyui(campaign):
    """The process dies at random, and is back after a moment."""
    kills = campaign.count(KILLS, least=20)
    stage = campaign.stage(sim={"step_ms": 0})
    users = load.Load(stage, campaign.seed, open_jobs=8)
    for _ in range(kills):
        time.sleep(0.05 + 0.4 * campaign.random.random())
        stage.sim.kill9()
        time.sleep(campaign.random.choice([0, 0.1]))
        stage.sim.start()
        users.check()
    finish(campaign, stage, users, kills)


def test_crash_comfyui_in_each_phase(campaign):
    """It dies exactly when a prompt is accepted, begins, works, has an output, has succeeded, is in history, is fetched."""
    rounds = campaign.count(KILLS // 4 // len(PHASES), least=3)
    stage = campaign.stage(sim={"step_ms": 0})
    users = load.Load(stage, campaign.seed, open_jobs=8, kinds=("picture", "steps"))
    for number in range(rounds * len(PHASES)):
        plan = {"phase": PHASES[number % len(PHASES)], "count": 1, "after": campaign.random.randint(0, 2)}
        stage.sim.faults({"crash_at": plan})
        until = time.monotonic() + 20
        while stage.sim.alive:
            assert time.monotonic() < until, f"nothing came to the phase {plan}: {users.promises.keys()}"
            time.sleep(0.005)
        stage.sim.kill9()  # it is dead; this is only the burial
        stage.sim.start()
        users.check()
    finish(campaign, stage, users, rounds * len(PHASES))


def finish(campaign, stage, users, kills):
    users.stop()
    users.settle()
    assert stage.gateway.stop() == 0
    ended = checker.ends(users, tolerate_lost=True)
    # It takes two deaths under one job to give it up, and a death is under one job.
    assert ended["backend_lost"] <= kills // 2, ended
    ran = checker.executions(stage, users, most_per_job=5)
    stored = checker.store(stage, users)
    checker.log(stage)
    campaign.report("kills", kills, promises=len(users.promises), **ended, **ran, **stored)
