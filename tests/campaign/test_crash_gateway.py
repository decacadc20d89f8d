"""kill -9 of the gateway at random moments, under load, again and again.

Whoever got a 202 gets one end, whatever died in between; the GPU does no work twice; the files are those of the database.
"""
import time

import checker
import load
from stage import eventually

KILLS = 1000


def test_crash_gateway(campaign):
    kills = campaign.count(KILLS, least=60)
    stage = campaign.stage(sim={"step_ms": 0}, backend_doubt_ms=150)
    users = load.Load(stage, campaign.seed)
    for _ in range(kills):
        # Most lives are short; some are long enough to look for a prompt in doubt and to send it again.
        time.sleep(campaign.random.choice([0.01, 0.1, 0.6]) * campaign.random.random())
        stage.gateway.kill()
        stage.gateway.start()
        users.check()
    users.stop()
    users.settle()
    eventually(lambda: stage.sim.log()["queue_running"] + stage.sim.log()["queue_pending"], lambda count: count == 0)
    assert stage.gateway.stop() == 0
    ended = checker.ends(users)
    ran = checker.executions(stage, users)
    stored = checker.store(stage, users)
    checker.log(stage)
    campaign.report("kills", kills, promises=len(users.promises), **ended, replays=users.replays,
                    unanswered=users.unanswered, **ran, **stored)
