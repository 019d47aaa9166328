"""What every test may rely on: a cache of its own, the CPU, and the real archive where it lies beside the checkout."""

from __future__ import annotations

import copy
import gc
import logging
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.forked_commands import ForkedCommands
from support.tiny import TINY

if TYPE_CHECKING:
    from fer.data.cache import Packed
    from fer.training.run import RunResult

ROOT = Path(__file__).parent.parent

TOGETHER = ("export", "tracking")
"""Folders whose tests are run by one process: MLflow and the exporter take seconds to import."""

if "PYTEST_XDIST_WORKER" in os.environ:
    # A core for each of the processes that run tests beside each other; read when torch is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    # Otherwise pytest-xdist begins with the files of the most tests, and ends with the longest alone.
    config.option.loadscopereorder = False
    # Imports leave no garbage, and a quarter of their time would go into the search for it.
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process of pytest-xdist runs all tests of a file, so that what they share is made once.

    The real archive is opened by one process for all files, and what few folders import is imported by one.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            path = item.path.relative_to(ROOT)
            group = "realdata" if item.get_closest_marker("realdata") else str(path)
            item.add_marker(pytest.mark.xdist_group(path.parts[1] if path.parts[1] in TOGETHER else group))


def pytest_collection_finish() -> None:
    """What was imported stays: the collector looks at what the tests make alone."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """At the end of the process libraries tell of everything that nobody collected."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Packed arrays of the tests live and die with the session; its processes share them."""
    session = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_CACHE", str((session.parent if "PYTEST_XDIST_WORKER" in os.environ else session) / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("FER_DEBUG", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def read_settings_once() -> Iterator[None]:
    """Hydra parses the shipped files anew whenever it composes, for a third of its time; here they stay as they are."""
    from hydra._internal.config_repository import ConfigRepository

    from fer.config.conf_files import conf_dir

    read = ConfigRepository.load_config
    shipped = (f"file://{conf_dir()}", "pkg://hydra")
    known: dict[tuple[str, ...], Any] = {}

    def load_config(self: ConfigRepository, config_path: str) -> Any:
        # Of two files of one name the first in the search path counts.
        places = (config_path, *(source.full_path() for source in self.sources))
        found = known.get(places) or read(self, config_path)
        if found is not None and found.path.startswith(shipped):
            known[places] = found
            # What is composed of it may be written to.
            return copy.deepcopy(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConfigRepository, "load_config", load_config)
        yield


@pytest.fixture(autouse=True)
def forget_whose_code_was_allowed() -> Iterator[None]:
    """What a test names as a person would allows code for its process: here for the test alone."""
    from fer.common import plugins

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_told", "_classes"):
            patch.setattr(plugins, name, set(getattr(plugins, name)))
        yield


@pytest.fixture(scope="session")
def fer2013_archive() -> Path:
    """A zip with fer2013.csv as the challenge published it; the test skips where it is not there."""
    path = Path(os.environ.get("FER2013_ARCHIVE", ROOT.parent / "shared" / "data" / "fer2013" / "fer2013.zip"))
    if not path.is_file():
        pytest.skip("FER-2013 is not here (set FER2013_ARCHIVE to a zip with its fer2013.csv)")
    return path


@pytest.fixture(scope="session")
def packed_fer2013(
    own_cache: None, fer2013_archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Packed, list[str]]:
    """The real archive as it was decoded for the cache, which takes seconds, and what was logged of it meanwhile."""
    from fer.data.fer2013 import load_fer2013

    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        packed = load_fer2013(fer2013_archive)
        if not packed.built:
            packed = load_fer2013(fer2013_archive, cache_dir=tmp_path_factory.mktemp("packed"))
    finally:
        logging.getLogger().removeHandler(handler)
    return packed, told


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed or logged, fit to travel: pytest-xdist sends it as UTF-8, which lone surrogates are not."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", errors="backslashreplace").decode("utf-8")) for title, text in report.sections
    ]
    return report


Train = Callable[..., "RunResult"]


@pytest.fixture(scope="session")
def train() -> Train:
    """Runs `fer-train` in this process: `train("model=cnn", run_dir=path)`."""

    def run_train(*overrides: str, run_dir: Path) -> RunResult:
        from fer.config.compose import compose_train
        from fer.config.schema import validate
        from fer.training.run import run

        tree = compose_train([*TINY, *overrides, f"run_dir={run_dir}"])
        return run(validate(tree), tree)

    return run_train


@pytest.fixture(scope="session")
def tiny_run(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a finished tiny training of the default model; not to be written to."""
    small = ("model.params.blocks=[0,1,0]", "model.params.widths=[16,24,32]")
    return train(*small, run_dir=tmp_path_factory.mktemp("runs") / "tiny").run_dir


@pytest.fixture(scope="session")
def forked() -> Iterator[ForkedCommands]:
    """Commands in processes of their own, without their imports."""
    with ForkedCommands() as commands:
        yield commands
