"""A number that the data leave undefined is null with its reason, in every file that holds it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torchmetrics.classification as tm
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from fer.callbacks.epoch_log import EpochLog
from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.folders.record import read_run
from fer.metrics import Predictions, evaluate
from fer.metrics.objectives import METRICS
from fer.models.epoch_metrics import EpochMetrics
from fer.tracking.content import read_run as content_of
from fer.training.evaluation import judged
from fer.training.run import run
from fer.tuning.trial import FailedTrial, Reporter
from fer.tuning.trial_store import means

REASON = "all 6 faces of public are of one class (happy)"


def faces(folder: Path, classes: tuple[str, ...], *, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(6):
            cv2.imwrite(str(folder / name / f"{number}.png"), rng.integers(0, 256, (48, 48), dtype=np.uint8))


def test_a_monitor_that_never_has_a_value_is_refused(tmp_path: Path) -> None:
    for seed, (split, classes) in enumerate((("train", EMOTIONS), ("valid", ("happy",)))):
        faces(tmp_path / "data" / split, classes, seed=seed)
    overrides = [
        "data=folder",
        f"data.root={tmp_path / 'data'}",
        "model=mlp",
        "trainer.max_epochs=2",
        "metrics=classes",
    ]
    overrides += ["trainer.accelerator=cpu", "threads=1", f"run_dir={tmp_path / 'run'}"]
    tree = compose_train([*overrides, "callbacks.checkpoint.monitor=valid/recall/sad"])
    with pytest.raises(
        ConfigError, match=r"monitor=valid/recall/sad has no value in any epoch \(no face is of this class"
    ):
        run(validate(tree), tree)


def test_a_run_judged_on_faces_of_one_class_ends_and_says_what_they_cannot_tell(tmp_path: Path) -> None:
    for seed, (split, classes) in enumerate((("train", EMOTIONS), ("valid", ("happy",)), ("test", EMOTIONS))):
        faces(tmp_path / "data" / split, classes, seed=seed)
    overrides = ["data=folder", f"data.root={tmp_path / 'data'}", "model=mlp", "trainer.max_epochs=1"]
    tree = compose_train([*overrides, "trainer.accelerator=cpu", "threads=1", f"run_dir={tmp_path / 'run'}"])
    result = run(validate(tree), tree)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))
    assert metrics["public.weighted_auc"] is None
    assert metrics["undefined"] == {"public.weighted_auc": REASON}
    predicted = Predictions.read(tmp_path / "run" / "predictions" / "public.parquet").predicted
    assert metrics["public.accuracy"] == pytest.approx((predicted == EMOTIONS.index("happy")).mean())
    record = read_run(result.run_dir)
    assert record.final["public.weighted_auc"] is None
    assert record.notes == (f"public.weighted_auc is undefined: {REASON}.",)
    content = content_of(result.run_dir)
    assert "public.weighted_auc" not in content.final
    told = {name: reason for name, reason in content.tags.items() if "undefined" in name}
    assert told == {"fer.undefined.public.weighted_auc": REASON}
    (epoch,) = (tmp_path / "run" / "metrics.jsonl").read_text("utf-8").splitlines()
    assert json.loads(epoch)["undefined"] == {"valid/weighted_auc": "all faces are of one class"}


def test_a_report_says_why_a_score_has_no_value() -> None:
    table = Predictions(ids=np.array(["a"]), labels=np.array([3]), probabilities=np.full((1, 7), 1 / 7), split="Test")
    scores = {name: score.as_dict() for name, score in evaluate(table, resamples=100).items()}
    assert {name for name, score in scores.items() if "reason" in score} == {"weighted_auc"}
    assert scores["weighted_auc"]["reason"] == "the only face of Test is of one class (happy)"


def test_defined_metrics_need_no_reason() -> None:
    labels = np.array([0, 1, 1])
    table = Predictions(ids=labels.astype("U1"), labels=labels, probabilities=np.full((3, 7), 1 / 7), split="public")
    metrics = judged(table, prefix="public")
    assert "undefined" not in metrics
    assert metrics["public.nll"] == pytest.approx(np.log(7))


def test_a_class_without_faces_and_one_that_is_never_predicted_have_no_number() -> None:
    """As scikit-learn has it with zero_division=nan, and for AUROC by its refusal of one class alone."""
    labels, K = np.array([0, 0, 1, 3, 3, 3]), 5
    chances = np.full((6, K), 0.1)
    predicted = np.array([0, 1, 1, 0, 0, 4])
    chances[np.arange(6), predicted] = 0.6
    classes = tuple("abcde")
    kinds = {"recall": tm.MulticlassRecall, "precision": tm.MulticlassPrecision, "f1": tm.MulticlassF1Score}
    kinds |= {"accuracy": tm.MulticlassAccuracy, "auc": tm.MulticlassAUROC, "specificity": tm.MulticlassSpecificity}
    metrics = EpochMetrics({name: kind(num_classes=K, average="none") for name, kind in kinds.items()}, classes=classes)
    scores = metrics(torch.from_numpy(chances).float(), torch.from_numpy(labels))
    options: Any = {"labels": range(K), "average": None, "zero_division": np.nan}
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, **options)
    auc = [roc_auc_score(labels == k, chances[:, k]) if 0 < (labels == k).sum() < 6 else np.nan for k in range(K)]
    wanted = {"recall": recall, "accuracy": recall, "precision": precision, "f1": f1, "auc": np.array(auc)}
    for name, values in wanted.items():
        found = np.array([float(scores.values[f"{name}/{each}"]) for each in classes])
        np.testing.assert_allclose(found, values, atol=1e-6, err_msg=name)
    assert scores.undefined["recall/c"] == "no face is of this class"
    assert scores.undefined["precision/d"] == "no face was taken for this class"
    assert scores.undefined["f1/c"] == "no face is of this class, and none was taken for it"
    assert {name for name in scores.undefined if name.startswith(("f1", "spec"))} == {"f1/c"}
    alone = metrics(torch.from_numpy(chances[:2]).float(), torch.from_numpy(labels[:2]))
    assert alone.undefined["specificity/a"] == "all faces are of this class"


def test_a_loss_that_diverged_is_null_in_its_epoch(tmp_path: Path) -> None:
    log = EpochLog(tmp_path / "metrics.jsonl")
    trainer: Any = SimpleNamespace(
        callback_metrics={"train/loss": torch.tensor(float("nan")), "valid/accuracy": torch.tensor(0.5)},
        is_global_zero=True,
        current_epoch=3,
        optimizers=[],
    )
    log.on_train_epoch_start(trainer, SimpleNamespace())  # type: ignore[arg-type]
    log.on_train_epoch_end(trainer, SimpleNamespace())  # type: ignore[arg-type]
    line = json.loads((tmp_path / "metrics.jsonl").read_text("utf-8"), parse_constant=pytest.fail)
    assert (line["train/loss"], line["valid/accuracy"]) == (None, 0.5)
    assert line["undefined"] == {"train/loss": "it was nan"}


def test_a_trial_is_told_which_number_it_failed_by() -> None:
    reporter = Reporter(
        pytest.fail, lambda: False, metric="weighted_auc", before=0, part=1, earlier=(), epochs=Path("none")
    )
    values = {"valid/weighted_auc": torch.tensor(float("nan")), "train/loss": torch.tensor(1.0)}
    trainer: Any = SimpleNamespace(callback_metrics=values, current_epoch=0, max_epochs=2)
    module: Any = SimpleNamespace(undefined={"valid/weighted_auc": "all faces are of one class"})
    with pytest.raises(FailedTrial, match=r"weighted_auc is undefined in epoch 1 of 2: all faces are of one class$"):
        reporter.on_train_epoch_end(trainer, module)
    values["train/loss"] = torch.tensor(float("inf"))
    with pytest.raises(FailedTrial, match="the loss is not finite in epoch 1 of 2"):
        reporter.on_train_epoch_end(trainer, module)


def test_a_sweep_ranks_by_no_undefined_number_and_keeps_it_null() -> None:
    folds = [
        {"public.accuracy": 0.5, "public.weighted_auc": 0.7},
        {"public.accuracy": 0.7, "public.weighted_auc": None},
    ]
    assert means(folds) == {"public.accuracy": pytest.approx(0.6), "public.weighted_auc": None}
    assert np.isnan(METRICS["accuracy"].score({"public.accuracy": None}))
