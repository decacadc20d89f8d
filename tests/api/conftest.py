"""Fixtures of the API tests: `gateway` without any ComfyUI, `stages` for stories with one."""
import pytest

from gateway import Gateway
from stage import stages, time_limit  # noqa: F401  (stages is a fixture)

TEST_LIMIT = 120  # seconds


@pytest.fixture
def gateways(tmp_path):
    """A factory: gateways(**settings) starts a comfygate without any ComfyUI; all are gone after the test."""
    built = []

    def build(**settings):
        gateway = Gateway(tmp_path / f"gateway{len(built)}", settings=settings)
        built.append(gateway)
        gateway.start()
        return gateway

    with time_limit(TEST_LIMIT):
        yield build
    for gateway in built:
        gateway.stop()


@pytest.fixture
def gateway(gateways):
    """One of them: jobs are accepted and wait for ever."""
    return gateways()
