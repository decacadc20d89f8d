"""kill -9 of the gateway, of ComfyUI, or of both at once, at random moments."""
import time

import checker
import load

KILLS = 200


def test_crash_both(campaign):
    kills = campaign.count(KILLS, least=16)
    stage = campaign.stage(sim={"step_ms": 0}, backend_doubt_ms=400)
    users = load.Load(stage, campaign.seed, open_jobs=8)
    for _ in range(kills):
        time.sleep(0.4 * campaign.random.random())
        victims = campaign.random.choice([("gateway",), ("sim",), ("gateway", "sim"), ("sim", "gateway")])
        if "gateway" in victims:
            stage.gateway.kill()
        if "sim" in victims:
            stage.sim.kill9()
        for name in campaign.random.sample(victims, len(victims)):
            stage.gateway.start() if name == "gateway" else stage.sim.start()
        users.check()
    users.stop()
    users.settle()
    assert stage.gateway.stop() == 0
    ended = checker.ends(users, tolerate_lost=True)
    assert ended["backend_lost"] <= kills // 2, ended
    ran = checker.executions(stage, users, most_per_job=5)
    stored = checker.store(stage, users)
    checker.log(stage)
    campaign.report("kills", kills, promises=len(users.promises), **ended, **ran, **stored)
