"""Scored runs without models, for tests of what a report says of several runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples, Split
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun, describe_data, evaluate_run
from fer.report.options import ReportOptions

OPTIONS = ReportOptions(bootstrap=100)


def fake_samples(*, seed: int = 0, count: int = 420) -> FaceSamples:
    """Random faces: half Training, a quarter PublicTest, a quarter PrivateTest; the first pixel holds the label."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 1, 48, 48)).astype(np.uint8)
    labels = np.arange(count) % 7
    images[:, 0, 0, 0] = labels
    images[:, 0, 0, -1] = labels
    splits = np.array([Split.TRAINING, Split.TRAINING, Split.PUBLIC, Split.PRIVATE], dtype=np.str_)[
        np.arange(count) // 7 % 4
    ]
    ids = np.array([f"face_{i}" for i in range(count)])
    return FaceSamples(images=images, labels=labels, splits=splits, ids=ids, source="faces")


SAMPLES = fake_samples()


def fake_run(
    path: Path,
    *,
    skill: float = 0.6,
    seed: int = 0,
    samples: FaceSamples = SAMPLES,
    fingerprint: str = "0123456789abcdef",
    finished: bool = True,
    options: ReportOptions = OPTIONS,
    config: dict[str, Any] | None = None,
    manifest: dict[str, Any] | None = None,
) -> EvaluatedRun:
    """A run folder at `path` whose model is right on a share `skill` of the faces, by pixels that `seed` names."""
    (path / "checkpoints").mkdir(parents=True)
    (path / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    tree = {
        "seed": seed,
        "run_dir": str(path),
        "data": {"name": "fer2013", "root": f"{path.parent}/data", "protocol": "official"},
        "model": {"name": "cnn"},
        "callbacks": {"checkpoint": {"dirpath": f"{path}/checkpoints"}},
    }
    (path / "config.yaml").write_text(yaml.safe_dump(_merged(tree, config or {})))
    (path / "manifest.json").write_text(json.dumps({"command": "fer-train", **(manifest or {})}))
    lines = [{"epoch": e, "valid/accuracy": 0.3 + e / 9, "seconds": 2.5} for e in range(3)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if finished:
        (path / "metrics.json").write_text(json.dumps({"train_seconds": 61.5, "images_per_second": 900.0}))

    def predict(images: np.ndarray) -> np.ndarray:
        right = images[:, 0, 1 + seed, 1] < 256 * skill
        classes = np.where(right, images[:, 0, 0, 0], images[:, 0, 0, 0] + 1) % 7
        return (0.7 * np.eye(7)[classes] + 0.3 / 7).astype(np.float32)

    return evaluate_run(
        read_runs([path])[0],
        predict=predict,
        labels=EMOTIONS,
        num_parameters=1000,
        input_shape=(1, 48, 48),
        trained_on=fingerprint,
        samples=samples,
        data=describe_data(samples, fingerprint=fingerprint),
        options=options,
    )


def fake_context(*runs: EvaluatedRun, options: ReportOptions = OPTIONS) -> ReportContext:
    """A report about these runs, the first in detail."""
    return ReportContext(run=runs[0], runs=runs, options=options, data=OpenData(), models=OpenModels("cpu"))


def _merged(tree: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(tree)
    for key, value in changes.items():
        merged[key] = _merged(merged[key], value) if isinstance(value, dict) and key in merged else value
    return merged
