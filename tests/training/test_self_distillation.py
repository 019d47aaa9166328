"""A net learns more and more from what it predicted for each face before, and goes on so after an interruption."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.interruption import interrupt_at
from torch import nn

from fer.common.errors import CheckpointError, ConfigError
from fer.common.interrupt import Interrupted
from fer.common.labels import NUM_CLASSES
from fer.models.checkpoint import load_model
from fer.models.classifier import Classifier
from fer.models.preprocess import Preprocess
from fer.models.schedule import SchedulerConfig
from fer.models.self_distillation import SelfDistillationTargets

Train = Callable[..., Any]
ASKED = (
    "loss.self_distillation=0.8",
    "model.params.blocks=[0,0,0]",
    "model.params.widths=[16,24,32]",
    "model.train_sizes=[[0.0,32]]",
    "trainer.max_epochs=3",
)


def logits(*probabilities: float) -> torch.Tensor:
    rest = (1 - sum(probabilities)) / (NUM_CLASSES - len(probabilities))
    return torch.tensor([[*probabilities, *[rest] * (NUM_CLASSES - len(probabilities))]]).log()


def test_the_share_of_the_prediction_grows_with_the_training() -> None:
    targets = SelfDistillationTargets(10, num_classes=NUM_CLASSES, weight=0.8)
    label, face = torch.eye(NUM_CLASSES)[:1], torch.tensor([7])
    torch.testing.assert_close(targets.soften(label, face, done=0.5), label)
    targets.remember(face, logits(0.5, 0.3))
    said = torch.tensor([[0.5, 0.3, *[0.04] * 5]])
    for done in (0.0, 0.25, 0.5):
        share = 0.8 * done
        torch.testing.assert_close(targets.soften(label, face, done=done), (1 - share) * label + share * said)
    # Of another face it has predicted nothing.
    torch.testing.assert_close(targets.soften(label, torch.tensor([3]), done=0.5), label)


def test_predictions_are_averaged_the_newest_counting_most() -> None:
    targets = SelfDistillationTargets(2, num_classes=NUM_CLASSES, weight=1.0)
    for first in (0.2, 0.6, 0.8):
        targets.remember(torch.tensor([1]), logits(first))
    assert float(targets.prediction_NK[1, 0]) == pytest.approx(0.2 * 0.25 + 0.6 * 0.25 + 0.8 * 0.5)
    assert float(targets.prediction_NK[1].sum()) == pytest.approx(1)
    assert not targets.prediction_NK[0].any()


def test_a_memory_of_other_data_is_refused() -> None:
    with pytest.raises(CheckpointError, match="predictions of 3 faces, the data have 4"):
        SelfDistillationTargets(4, num_classes=NUM_CLASSES, weight=1.0).load(torch.zeros(3, NUM_CLASSES))


@pytest.mark.parametrize("key", ["self_distillation", "own_answers"])
def test_a_checkpoint_of_any_version_brings_its_predictions(key: str) -> None:
    targets = SelfDistillationTargets(2, num_classes=NUM_CLASSES, weight=1.0)
    net = nn.Linear(1, NUM_CLASSES)
    system = Classifier(
        net,
        preprocess=Preprocess(channels=1, size=48),
        description={},
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(net.parameters(), lr=0.1),
        scheduler=SchedulerConfig(name="constant"),
        self_distillation=targets,
    )
    kept = torch.rand(2, NUM_CLASSES)
    system.on_load_checkpoint({key: kept, "optimizer_states": [system.optimizer.state_dict()]})
    assert torch.equal(targets.prediction_NK, kept)


def test_it_trains_otherwise_than_without_and_an_interruption_changes_nothing(train: Train, tmp_path: Path) -> None:
    train(*ASKED, run_dir=tmp_path / "whole")
    train(*ASKED, "loss.self_distillation=0", run_dir=tmp_path / "without")
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(2, patch)
        with pytest.raises(Interrupted):
            train(*ASKED, run_dir=tmp_path / "run")
    train(*ASKED, run_dir=tmp_path / "run")
    ours, whole, without = (
        load_model(tmp_path / name / "checkpoints" / "last.ckpt").net.state_dict()
        for name in ("run", "whole", "without")
    )
    assert all(torch.equal(value, whole[name]) for name, value in ours.items())
    assert not all(torch.equal(value, without[name]) for name, value in ours.items())


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("+augment.mixup_alpha=0.2", "mixup and CutMix show two in one"),
        ("trainer.devices=2", "trainer.devices=1"),
        ("loss.self_distillation=1.5", "less than or equal to 1"),
    ],
)
def test_what_it_cannot_remember_is_refused(override: str, words: str, train: Train, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        train(*ASKED, "trainer.accelerator=cpu", override, run_dir=tmp_path / "run")
