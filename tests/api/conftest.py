"""Fixtures of the API tests: `gateway` without any ComfyUI, `stages` for stories with one."""
import pytest

from gateway import Gateway
from marks import pytest_collection_modifyitems, pytest_configure  # noqa: F401  (hooks)
from stage import shared_stages, stages, time_limit  # noqa: F401  (fixtures)

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


@pytest.fixture(scope="session")
def shared_gateways(tmp_path_factory):
    """The comfygates that tests marked `shares` have had; the last one is alive, unless a test has ended it."""
    shared = []
    yield shared
    for gateway in shared:
        gateway.stop()


@pytest.fixture
def gateway(request):
    """One of them: jobs are accepted and wait for ever."""
    if not request.node.get_closest_marker("shares"):
        yield request.getfixturevalue("gateways")()
        return
    shared = request.getfixturevalue("shared_gateways")
    with time_limit(TEST_LIMIT):
        if not shared or not shared[-1].alive:
            shared.append(Gateway(request.getfixturevalue("tmp_path_factory").mktemp("shared") / "data"))
            shared[-1].start()
        yield shared[-1]
        assert shared[-1].alive, f"it has ended: {shared[-1].log()[-2000:]}"
        left = shared[-1].json("GET", "/v1/jobs")["data"] + shared[-1].json("GET", "/v1/preferences")["data"]
        left += [path for path in (shared[-1].data_dir / "files").rglob("*") if path.is_file()]
        assert left == [], "who shares a comfygate leaves nothing in it"
