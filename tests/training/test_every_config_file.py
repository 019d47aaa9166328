"""Every file of the configuration takes a training step on the CPU; nets and recipes have tests of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.layouts import EIGHT, write_affectnet, write_ckplus, write_classes, write_rafdb_list
from support.own_parts import OWN

from fer.common.labels import EMOTIONS
from fer.config.compose import compose_train
from fer.config.conf_files import config_groups
from fer.config.schema import validate
from fer.training.run import run

STEP = (
    "model=cnn",
    "model.params.widths=[4,8]",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "data.batch_size=8",
    "threads=1",
)
ELSEWHERE = {"data": "a layout each, below", "model": "test_models.py", "experiment": "test_experiments.py"}
"""Groups whose files are trained with in another place."""

FILES = [
    f"{group}={name}" for group, names in config_groups().items() if group not in ELSEWHERE for name in sorted(names)
]
NEEDS = OWN | {
    "optimizer=sgd": ("optimizer.lr=0.01",),
    "debug=overfit": ("trainer.max_epochs=1",),
    "trainer=once": ("trainer.accelerator=cpu",),
    # Else what sends to it would outlive the test.
    "logger=mlflow": ("logger.mlflow.wait_seconds=60",),
    "callbacks=mlflow": ("callbacks.mlflow.wait_seconds=60",),
    "logger=wandb": ("logger.wandb.offline=true",),
    "logger=comet": ("logger.comet.online=false",),
    "callbacks=lr_find": ("callbacks.lr_find.steps=10",),
}

PACKAGES = {"logger=tensorboard": "tensorboard", "logger=wandb": "wandb", "logger=comet": "comet_ml"}

LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "fer2013": lambda root: write_classes(
        root, {f"{split}/{emotion}": 5 for split in ("train", "test") for emotion in EMOTIONS}
    ),
    "folder": lambda root: write_classes(root, dict.fromkeys(EMOTIONS, 5)),
    "affectnet": lambda root: write_affectnet(root, per_class=6),
    "ckplus": lambda root: write_ckplus(root, persons=14),
    "rafdb": write_rafdb_list,
}
CONTEMPT = {"affectnet": ("data.contempt=drop",), "ckplus": ("data.contempt=drop",)}


def takes_a_step(overrides: list[str], run_dir: Path) -> dict[str, Any]:
    tree = compose_train([*STEP, *overrides, f"run_dir={run_dir}"])
    # After composition, so that no file's own limit is overridden before it was read.
    tree["trainer"] |= {"limit_train_batches": 1, "max_epochs": 1}
    result = run(validate(tree), tree)
    assert (result.run_dir / "checkpoints" / "best.ckpt").is_file()
    metrics: dict[str, Any] = json.loads((result.run_dir / "metrics.json").read_text(encoding="utf-8"))
    return metrics


@pytest.mark.parametrize("file", FILES)
def test_a_file_takes_a_step(file: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if file in PACKAGES:
        pytest.importorskip(PACKAGES[file])
    # What it starts is tested with the report.
    monkeypatch.setattr("fer.callbacks.report.Report.on_run_end", lambda *_: None)
    teacher = [f"loss.teachers=[{tiny_run}]"] if file == "loss=distill" else []
    # Synthetic faces as many as the teacher's, which learned from them.
    data = ["data=synthetic", "data.train=210", "data.public=70", "data.private=70"]
    metrics = takes_a_step([*data, file, *NEEDS.get(file, ()), *teacher], tmp_path / "run")
    assert metrics["epochs"] == 1
    assert metrics["num_parameters"] > 0


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_source_takes_a_step(name: str, tmp_path: Path) -> None:
    root = LAYOUTS[name](tmp_path / name)
    protocol = ["data.protocol=stratified"] if name == "fer2013" else []
    metrics = takes_a_step([f"data={name}", f"data.root={root}", *CONTEMPT.get(name, ()), *protocol], tmp_path / "run")
    assert metrics["epochs"] == 1


def test_no_file_is_left_out() -> None:
    """A new group, or a new source, is trained with somewhere."""
    groups = config_groups()
    assert set(groups) == {file.partition("=")[0] for file in FILES} | set(ELSEWHERE)
    # The merged source is trained with by its recipe, one's own by the example plugin, synthetic faces by nearly all.
    assert set(groups["data"]) == {*LAYOUTS, "merged", "synthetic", "own"}
    assert len(EIGHT) == len(EMOTIONS) + 1
