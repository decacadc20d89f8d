"""Fixtures of the packaging's tests."""
import os
import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))

from debian_root import run  # noqa: E402

BIN = pathlib.Path(os.environ.get("COMFYGATE_BIN", ROOT / "build" / "release" / "bin" / "comfygate")).resolve()


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """A folder that is gone afterwards: it holds whole Debians, of which pytest would keep the last three."""
    folder = tmp_path_factory.mktemp("packaging")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def deb(scratch):
    """The package, made of the build that is tested."""
    made = scratch / "made"
    made.mkdir()
    run("cpack", "-G", "DEB", "--config", BIN.parent.parent / "CPackConfig.cmake", "-B", made)
    package, = made.glob("*.deb")
    return package
