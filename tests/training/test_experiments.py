"""Every recipe of conf/experiment trains: a step of it, on synthetic faces or small copies of its data's layouts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.layouts import write_affectnet, write_classes

from fer.common.labels import EMOTIONS
from fer.config.compose import compose_train
from fer.config.conf_files import config_groups
from fer.config.schema import validate
from fer.data.augment import Augment
from fer.data.commands import main as fer_data
from fer.data.datamodule import FERDataModule
from fer.training.run import run

ONE_STEP = ("trainer.max_epochs=1", "+trainer.limit_train_batches=1", "trainer.accelerator=cpu", "data.batch_size=8")
SMALL = {
    "vgg_plateau": ("model.params.widths=[8,16]", "model.params.hidden=[32]"),
    "convnext_imagenet": ("model.params.timm_name=test_convnext", "model.pretrained=false", "model.size=64"),
    "efficientnet_imagenet": ("model.params.timm_name=test_efficientnet", "model.pretrained=false", "model.size=64"),
}
"""Smaller nets of the kind, and no weights from the hub."""


ELSEWHERE = {"fast", "ferplus8", "merged_balanced", "two_heads", "two_heads_distilled", "two_heads_photographs"}
"""Recipes that want data of a kind: below, and in test_two_heads.py and test_other_labels.py."""

LARGE = {"resnet18_mixup", "wide_sharp"}
"""Recipes of nets whose steps take seconds, and of which others have every setting but the size."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name
        for name in sorted({*config_groups()["experiment"]} - ELSEWHERE)
    ],
)
def test_a_recipe_takes_a_step(name: str, train: Callable[..., Any], tiny_run: Path, tmp_path: Path) -> None:
    # The teachers of the recipes learned from FER-2013; synthetic faces need one that learned from these.
    taught = compose_train([f"experiment={name}"])["loss"]["teacher_weight"] > 0.0
    data = [f"loss.teachers=[{tiny_run}]"] if taught else ["data.public=14", "data.private=14"]
    run = train(f"experiment={name}", "report=false", *ONE_STEP, *SMALL.get(name, ()), *data, run_dir=tmp_path / "run")
    metrics = json.loads((run.run_dir / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["num_parameters"] > 0
    assert (run.run_dir / "checkpoints" / "best.ckpt").is_file()


def test_the_merged_recipe_drops_contempt_and_draws_every_class_as_often(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {f"train/{emotion}": 3 + 4 * number for number, emotion in enumerate(EMOTIONS)}
    counts |= {f"test/{emotion}": 2 for emotion in EMOTIONS}
    folder = write_classes(tmp_path / "faces", counts)
    affectnet = write_affectnet(tmp_path / "affectnet", per_class=6)
    sources = f"data.sources=[{{name: folder, root: {folder}}}, {{name: affectnet, root: {affectnet}, contempt: drop}}]"
    tree = compose_train(
        ["experiment=merged_balanced", sources, *ONE_STEP, "data.batch_size=7", f"run_dir={tmp_path / 'run'}"]
    )
    config = validate(tree)
    data = FERDataModule(config.data, augment=Augment(config.augment), seed=0)
    data.setup()
    # Seven classes of equal share fill batches of seven.
    drawn = np.concatenate([batch["label"].numpy() for batch in data.train_dataloader()])
    assert len(set(np.bincount(drawn, minlength=7))) == 1
    assert not any("contempt" in str(name) for name in data.samples.ids)
    largest = max(np.bincount(data.samples.labels[data.samples.splits == "Training"]).tolist())
    balanced = dict.fromkeys(EMOTIONS, largest)
    folder_of_run = run(config, tree).run_dir
    assert (folder_of_run / "checkpoints" / "best.ckpt").is_file()
    assert json.loads((folder_of_run / "manifest.json").read_text())["data"]["epoch_counts"] == balanced
    log = (folder_of_run / "log.jsonl").read_text()
    assert f"{7 * largest} faces an epoch, data.sampling=oversample: angry {largest} (14.29%)" in log
    capsys.readouterr()
    asked = ["stats", "merged", "--set", sources.removeprefix("data.")]
    assert fer_data(asked) == 0
    told = capsys.readouterr().out
    assert "Training, as an epoch shows it (data.sampling=oversample)" in told
    assert told.count("14.29%") == 7
    assert fer_data([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epoch_counts"] == balanced
