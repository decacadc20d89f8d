"""The jobs are on a PostgreSQL server, and it, its sessions or the gateway go away at random moments under load.

Whoever got a 202 gets one end, and the GPU does no work twice.
"""
import contextlib
import time

import databases
import pytest

import checker
import load
from postgres_server import Server
from stage import eventually

KILLS = 300
CUTS = 100
STOPS = 10


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        yield server


@contextlib.contextmanager
def under_load(campaign, server, name):
    """A gateway with its database; at the end all that was promised is looked at."""
    url = databases.make(server.url, name)
    stage = campaign.stage(sim={"step_ms": 0}, backend_doubt_ms=150, database_url=url)
    users = load.Load(stage, campaign.seed)
    yield stage, users
    eventually(lambda: stage.gateway.request("GET", "/readyz").status, lambda status: status == 200)
    users.stop()
    users.settle()
    eventually(lambda: stage.sim.log()["queue_running"] + stage.sim.log()["queue_pending"], lambda count: count == 0)
    assert stage.gateway.stop() == 0


def told(campaign, what, count, stage, users):
    ended = checker.ends(users)
    ran = checker.executions(stage, users)
    campaign.report(what, count, promises=len(users.promises), **ended, replays=users.replays, unanswered=users.unanswered,
                    **ran, **checker.store(stage, users))


def test_crash_gateway_on_postgresql(campaign, server):
    kills = campaign.count(KILLS, least=20)
    with under_load(campaign, server, "kills") as (stage, users):
        for _ in range(kills):
            time.sleep(campaign.random.choice([0.05, 0.3, 0.6]) * campaign.random.random())
            stage.gateway.kill()
            stage.gateway.start()
            users.check()
    told(campaign, "kills", kills, stage, users)
    checker.log(stage)


def test_cut_sessions(campaign, server):
    """pg_terminate_backend of all sessions of the gateway at once."""
    cuts = campaign.count(CUTS, least=20)
    with under_load(campaign, server, "cuts") as (stage, users):
        for _ in range(cuts):
            time.sleep(0.4 * campaign.random.random())
            stage.gateway.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                              " WHERE datname = current_database() AND pid <> pg_backend_pid()")
            users.check()
    told(campaign, "cuts", cuts, stage, users)


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_stop_and_start_of_the_server(campaign, server, how):
    stops = campaign.count(STOPS, least=3)
    with under_load(campaign, server, f"stops_{how}") as (stage, users):
        for _ in range(stops):
            time.sleep(0.5 + campaign.random.random())
            server.stop(how)
            time.sleep(2 * campaign.random.random())
            server.start()
            users.check()
    told(campaign, "stops", stops, stage, users)
