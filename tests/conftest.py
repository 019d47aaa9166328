"""What every test may rely on: a cache of its own, the CPU, and the real archive where it lies beside the checkout."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Packed arrays of the tests live and die with the session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("FER_DEBUG", raising=False)
        yield


@pytest.fixture(scope="session")
def fer2013_archive() -> Path:
    """FER-2013 as Kaggle hands it out; the test skips where it is not there."""
    path = Path(os.environ.get("FER2013_ARCHIVE", ROOT.parent / "shared" / "data" / "fer2013" / "archive.zip"))
    if not path.is_file():
        pytest.skip("FER-2013 is not here (set FER2013_ARCHIVE to its archive.zip)")
    return path
