"""Every net with every set of callbacks goes on bit for bit after an interruption."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.interruption import interrupt_at

from fer.common.interrupt import Interrupted
from fer.config.conf_files import config_groups
from fer.models.registry import NETS

Train = Callable[..., Any]

SMALL = {
    "cnn": ["model.params.widths=[4,8]"],
    "skipcnn": ["model.params.widths=[4,8,8]"],
    "mlp": ["model.params.hidden=[16]"],
    "vit": ["model.params.depth=1"],
    "resnet18": ["model.params.stem=imagenet"],
    "resnet50": ["model.params.stem=imagenet"],
    "efficientnetv2": ["model.params.stem=imagenet"],
    "vgg": ["model.params.widths=[4,8]", "model.params.hidden=[16]"],
    "timm": ["model.params.timm_name=test_resnet"],
}
FIXED = ("random", "majority")
"""Nets with nothing to learn: there is nothing to unfreeze, and one epoch is all they take."""

ELSEWHERE = ("mlflow", "report")
"""Callbacks that start a process of their own."""
TRAINING = ("default", "finetune", "default ~callbacks.ema", "default ~callbacks.early_stopping")
WATCHING = sorted({*config_groups()["callbacks"]} - {*TRAINING, *ELSEWHERE})
"""What watches does so whatever the net is."""
CASES = [(name, callbacks) for name in NETS if name not in FIXED for callbacks in TRAINING]
CASES += [("skipcnn", callbacks) for callbacks in WATCHING]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "callbacks"), CASES)
def test_goes_on_bit_for_bit(name: str, callbacks: str, train: Train, tmp_path: Path) -> None:
    file, *more = callbacks.split()
    # Dropout, mixing and a schedule over steps carry what a careless resume would lose.
    asked = [
        f"model={name}",
        *SMALL.get(name, []),
        f"callbacks={file}",
        *more,
        "augment=strong",
        "trainer.max_epochs=3",
        "+trainer.limit_train_batches=2",
        "data.batch_size=8",
    ]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(*asked, run_dir=whole)
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(2, patch)
        with pytest.raises(Interrupted):
            train(*asked, run_dir=parts)
    assert not (parts / "metrics.json").exists()
    train(*asked, run_dir=parts)
    for checkpoint in ("last.ckpt", "best.ckpt"):
        ours, theirs = (torch.load(run / "checkpoints" / checkpoint, weights_only=True) for run in (parts, whole))
        for part in ("state_dict", "current_model_state"):
            assert ours.get(part, {}).keys() == theirs.get(part, {}).keys()
            for key, value in ours.get(part, {}).items():
                assert torch.equal(value, theirs[part][key]), f"{checkpoint} {part} {key}"
    ours, theirs = (json.loads((run / "metrics.json").read_text(encoding="utf-8")) for run in (parts, whole))
    assert ours["public.accuracy"] == theirs["public.accuracy"]
    assert ours["public.nll"] == theirs["public.nll"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FIXED)
def test_what_learns_nothing_ends_the_same(name: str, train: Train, tmp_path: Path) -> None:
    runs = [train(f"model={name}", "trainer=once", "trainer.accelerator=cpu", run_dir=tmp_path / part) for part in "ab"]
    assert runs[0].metrics["public.nll"] == runs[1].metrics["public.nll"]
