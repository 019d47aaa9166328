"""The loss of a small training, epoch by epoch, as it was when it was last meant to change.

Whatever alters what is learned moves these numbers: order of the data, augmentation, initial weights, loss,
optimiser, schedule, averaging. Another number of threads moves them by one part in a million; the smallest of the
changes tried (the last rate of the schedule, ten times as high at a thousandth of the peak) by thirty. Batch norm and
bfloat16, and so Muon and the convolutional nets, spread rounding further than that and have no place here.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SETTINGS = (
    "model=mlp",
    "model.params.hidden=[32]",
    "model.params.dropout=0",
    "augment=light",
    "data.train=420",
    "loss.label_smoothing=0.1",
    "trainer.max_epochs=4",
)
CURVES: Mapping[tuple[str, str], Mapping[str, list[float]]] = {
    ("adamw", "0.01"): {
        "train/loss": [2.010620, 1.945081, 1.913795, 1.886925],
        "valid/loss": [2.127581, 2.023019, 1.972118, 1.961580],
    },
    ("sgd", "0.1"): {
        "train/loss": [2.014024, 1.960288, 1.929358, 1.894292],
        "valid/loss": [2.256700, 2.066521, 1.987597, 1.976359],
    },
}
"""Optimiser and rate -> metric -> its value after each epoch. To change them: a commit that says why they changed."""


@pytest.mark.parametrize(("optimizer", "rate"), list(CURVES))
def test_the_curve_is_the_golden_one(optimizer: str, rate: str, train: Callable[..., Any], tmp_path: Path) -> None:
    run = train(*SETTINGS, f"optimizer={optimizer}", f"optimizer.lr={rate}", run_dir=tmp_path / "run")
    lines = [json.loads(line) for line in (run.run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    for name, golden in CURVES[optimizer, rate].items():
        np.testing.assert_allclose([line[name] for line in lines], golden, rtol=1e-5, err_msg=name)
