"""One sqlite store for the session (its migrations take seconds), and run folders without a training."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from fer.tracking.store import OpenStore, StoreAddress, open_store, set_environment

if TYPE_CHECKING:
    from mlflow.entities import Run


@pytest.fixture(scope="session", autouse=True)
def quiet_mlflow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        before = dict(os.environ)
        set_environment()
        yield
        for name in set(os.environ) - set(before):
            if name.startswith("MLFLOW_"):
                del os.environ[name]


@pytest.fixture(scope="session")
def store_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture
def store(store_uri: str, request: pytest.FixtureRequest) -> OpenStore:
    """The session's store, with an experiment of the test's own."""
    return open_store(StoreAddress(uri=store_uri, experiment=request.node.name))


@pytest.fixture
def runs_of(store: OpenStore) -> Callable[[], list[Run]]:
    """All MLflow runs of the test's experiment, oldest first."""
    return lambda: store.client.search_runs([store.experiment_id], order_by=["attributes.start_time ASC"])


EPOCH = {"train/loss": 1.5, "valid/accuracy": 0.5, "size": 48, "lr": 0.01, "seconds": 10.0, "images_per_second": 100.0}


class FakeRun:
    """A run folder that grows as a training would let it."""

    def __init__(self, path: Path, *, seed: int = 0, config: dict[str, Any] | None = None) -> None:
        self.path = path
        (path / "checkpoints").mkdir(parents=True)
        (path / "checkpoints" / "best.ckpt").write_bytes(b"weights")
        self.configure({"seed": seed, **(config or {})})
        self.started = time.time() - 1000
        self.status("running")

    def configure(self, config: dict[str, Any]) -> None:
        tree = {
            "model": {"name": "cnn", "params": {"widths": [8, 16]}},
            "optimizer": {"lr": 0.01},
            "callbacks": {"checkpoint": {"dirpath": f"{self.path}/checkpoints"}},
            "logger": {},
            "run_dir": str(self.path),
            "report": False,
            **config,
        }
        (self.path / "config.yaml").write_text(yaml.safe_dump(tree))

    def status(self, status: str, **more: Any) -> None:
        manifest = {
            "command": "fer-train model=cnn",
            "versions": {"torch": "2.15.0"},
            "git_revision": "0123456789ab+",
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self.started)),
            "seed": 0,
            "status": status,
            "device": {"name": "CPU (2 threads)", "precision": "32-true"},
            "data": {"source": "faces", "fingerprint": "0123456789abcdef", "train_rows": 10},
            **more,
        }
        (self.path / "manifest.json").write_text(json.dumps(manifest))

    def epochs(self, *numbers: int, **values: float) -> None:
        with (self.path / "metrics.jsonl").open("a") as file:
            for number in numbers:
                file.write(json.dumps({"epoch": number, **EPOCH, **values}) + "\n")

    def finish(self, **metrics: float) -> None:
        final = {"public.accuracy": 0.5, "train_seconds": 20.0, "num_parameters": 1000, **metrics}
        (self.path / "metrics.json").write_text(json.dumps(final))
        (self.path / "predictions").mkdir(exist_ok=True)
        (self.path / "predictions" / "public.parquet").write_bytes(b"table")
        self.status("finished")


@pytest.fixture
def fake_training(tmp_path: Path) -> Callable[..., FakeRun]:
    """Starts a fake training: `fake_training("name", seed=1)`."""

    def start(name: str = "run", *, under: Path | None = None, **settings: Any) -> FakeRun:
        return FakeRun((tmp_path / "outputs" if under is None else under) / name, **settings)

    return start
