"""Every net of the registry goes through a whole training run."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
from support.tiny import TINY

from fer.common.errors import ConfigError
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.models.checkpoint import load_model
from fer.models.registry import NETS
from fer.training.run import run

SMALL = {
    "resnet18": ["optimizer=sgd"],
    # Muon's steps for weights of this size take longer than all else here.
    "resnet50": ["model.params.stem=imagenet", "optimizer=sgd"],
    "efficientnetv2": ["model.params.stem=imagenet"],
    "vgg": ["model.params.widths=[8,16]", "model.params.hidden=[32]"],
    "timm": ["model.params.timm_name=test_resnet"],
}


@pytest.mark.parametrize("name", [pytest.param("resnet50", marks=pytest.mark.slow), *sorted({*NETS} - {"resnet50"})])
def test_trains_saves_and_answers(name: str, train: Callable[..., Any], tmp_path: Path) -> None:
    limits = ["trainer.max_epochs=1", "+trainer.limit_train_batches=2", "data.batch_size=8", "data.public=14"]
    run = train(f"model={name}", *SMALL.get(name, []), *limits, run_dir=tmp_path / "run")
    model = load_model(run.run_dir / "checkpoints" / "best.ckpt")
    assert model.spec.name == name
    probabilities = model.probabilities(np.zeros((2, 1, 48, 48), np.uint8), flip=True)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_majority_answers_the_most_frequent_class(train: Callable[..., Any], tmp_path: Path) -> None:
    run = train("model=majority", "data.sampling=balanced", run_dir=tmp_path / "run")
    model = load_model(run.run_dir / "checkpoints" / "best.ckpt")
    manifest = json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8"))
    counts = np.array(list(manifest["data"]["class_counts"].values()))
    np.testing.assert_allclose(
        model.probabilities(np.zeros((1, 1, 48, 48), np.uint8))[0], counts / counts.sum(), rtol=1e-4
    )


def test_runs_of_one_seed_agree_in_every_weight(train: Callable[..., Any], tmp_path: Path) -> None:
    small = ("model=cnn", "model.params.widths=[16,32,64]", "optimizer.lr=0.05", "augment=light")
    runs = [train(*small, run_dir=tmp_path / name) for name in ("a", "b")]
    weights = [load_model(run.run_dir / "checkpoints" / "last.ckpt").net.state_dict() for run in runs]
    assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])


@pytest.mark.slow
def test_learning_beats_chance(train: Callable[..., Any], tmp_path: Path) -> None:
    """The net learns what synthetic faces feel."""
    small = ("model.params.blocks=[0,1,0]", "model.params.widths=[16,24,32]")
    overrides = ("data.train=1400", "data.public=350", "trainer.max_epochs=6", "optimizer.lr=0.05", "augment=light")
    run = train(*small, *overrides, run_dir=tmp_path / "run")
    assert run.metrics["public.accuracy"] > 2 / 7


def test_a_batch_of_one_is_refused_where_a_batch_norm_needs_more(train: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.batch_size=1: this net's batch norms have no statistics of one face"):
        train("model=mlp", "model.params.hidden=[8]", "data.batch_size=1", run_dir=tmp_path / "run")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("+trainer.limit_train_batches=0.01", "trainer: You requested to check 0.01 of the `train_dataloader`"),
        ("+trainer.max_time=9000", "trainer.max_time=9000: give days, hours, minutes and seconds, as in '00:02:30:00'"),
    ],
)
def test_what_the_trainer_refuses_is_told_in_a_line(
    override: str, told: str, train: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        train("model=mlp", "model.params.hidden=[8]", override, run_dir=tmp_path / "run")


def test_an_epoch_that_the_clock_ends_tells_the_loss_of_its_own_batches(tmp_path: Path) -> None:
    class Clock(pl.Callback):
        def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
            trainer.should_stop = trainer.current_epoch == 1

    tree = compose_train([*TINY, "model=mlp", "model.params.hidden=[8]", f"run_dir={tmp_path / 'run'}"])
    run(validate(tree), tree, callbacks=[Clock()])
    first, second = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    assert second["train/loss"] != first["train/loss"]
