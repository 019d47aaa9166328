"""A studio without a server, on folders of runs that no training made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from support.live_page import SHELL
from support.small_disk import small_disks
from support.studio_page import StudioProcess, studio_on

from fer.studio.app import create_app
from fer.studio.settings import studio_settings
from fer.studio.studio import Studio

TOKEN = "a token of the tests"
RUNNING = {"status": "running", "command": "fer-train", "started": "2026-01-02T03:04:05+0000"}


def make_run(
    path: Path,
    *,
    epochs: int = 3,
    final: dict[str, Any] | None = None,
    manifest: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
) -> Path:
    """A run folder in some state; with `final`, a finished one."""
    path.mkdir(parents=True)
    tree = {
        "seed": 0,
        "run_dir": str(path),
        "data": {"name": "synthetic", "train": 210},
        "model": {"name": "cnn", "params": {"widths": [8, 16]}},
        "optimizer": {"lr": 0.1},
        "trainer": {"max_epochs": 5},
        "callbacks": {"early_stopping": {"monitor": "valid/accuracy", "patience": 2}},
        **(config or {}),
    }
    (path / "config.yaml").write_text(yaml.safe_dump(tree))
    (path / "manifest.json").write_text(json.dumps(RUNNING | (manifest or {})))
    add_epochs(path, range(epochs))
    if final is not None:
        (path / "metrics.json").write_text(json.dumps(final))
    return path


def add_epochs(path: Path, numbers: range) -> None:
    with (path / "metrics.jsonl").open("a") as file:
        for number in numbers:
            line = {"epoch": number, "valid/accuracy": 0.5 - 0.1 * number, "train/loss": 1.0, "seconds": 2.0}
            file.write(json.dumps(line) + "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def studio(root: Path) -> Iterator[Studio]:
    made = Studio(root)
    yield made
    made.close()


class Client:
    """Asks as the page does."""

    def __init__(self, client: FlaskClient) -> None:
        self.plain = client
        self._headers = {"Authorization": f"Bearer {TOKEN}"}

    def get(self, path: str, *, status: int = 200) -> Any:
        answer = self.plain.get(path, headers=self._headers)
        assert answer.status_code == status, answer.text
        return answer.json

    def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = self.plain.post(path, json=body if body is not None else {}, headers=self._headers)
        assert answer.status_code == status, answer.text
        return answer.json


@pytest.fixture
def client(studio: Studio) -> Client:
    return Client(create_app(studio, settings=studio_settings(token=TOKEN)).test_client())


@pytest.fixture
def client_on() -> Iterator[Callable[[Path], Client]]:
    """Makes a studio of its own on a folder."""
    made: list[Studio] = []

    def make(folder: Path) -> Client:
        made.append(Studio(folder))
        return Client(create_app(made[-1], settings=studio_settings(token=TOKEN)).test_client())

    yield make
    for each in made:
        each.close()


@pytest.fixture
def studio_process(tmp_path: Path) -> Iterator[StudioProcess]:
    """A studio in a process of its own, on `runs` in the test's folder, which is empty."""
    with studio_on(tmp_path / "runs") as made:
        yield made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`small_disk("2m")`: a file system of that size; called again, it has the new size and mode."""
    with small_disks(tmp_path) as sized:
        yield sized


@pytest.fixture(scope="session")
def run_folder() -> Callable[..., Path]:
    return make_run


@pytest.fixture(scope="session")
def model_runs() -> Callable[[Path, int], None]:
    """Makes finished runs with a model each, `model0` and so on."""

    def make(root: Path, count: int) -> None:
        for number in range(count):
            model = make_run(root / f"model{number}", final={}) / "checkpoints" / "best.ckpt"
            model.parent.mkdir()
            model.touch()

    return make


@pytest.fixture
def more_epochs() -> Callable[[Path, range], None]:
    return add_epochs


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    library = pytest.importorskip("playwright.sync_api")
    if SHELL is None:
        pytest.skip("Chromium is not here")
    with library.sync_playwright() as running:
        launched = running.chromium.launch(
            executable_path=SHELL,
            args=["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
        )
        yield launched
        launched.close()
