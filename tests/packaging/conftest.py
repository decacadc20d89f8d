"""Fixtures of the packaging's tests."""
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))

from debian_root import run  # noqa: E402

BIN = pathlib.Path(os.environ.get("COMFYGATE_BIN", ROOT / "build" / "release" / "bin" / "comfygate")).resolve()


@pytest.fixture(scope="session")
def scratch():
    """A folder that is gone afterwards, also when it held a whole Debian."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="comfygate-packaging-"))
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
