"""The group `metrics`: torchmetrics' numbers are those of scikit-learn, of the whole set, and may be monitored."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score, recall_score, roc_auc_score

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.metrics.calibration import BINS
from fer.models.epoch_metrics import EpochMetrics
from fer.training.metrics import build_metrics
from fer.training.run import run

KAPPA = "+metrics.kappa._target_=torchmetrics.classification.MulticlassCohenKappa"


def built(*overrides: str) -> EpochMetrics:
    return build_metrics(validate(compose_train([*overrides, "run_dir=unused"])).metrics)


def faces(count: int, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label_N = torch.randint(0, 7, (count,), generator=generator)
    logits_NK = torch.randn(count, 7, generator=generator) + 1.5 * torch.nn.functional.one_hot(label_N, 7)
    return logits_NK.softmax(dim=1), label_N


def test_the_numbers_are_those_of_scikit_learn() -> None:
    metrics = built(KAPPA, "metrics=[confusion,classes]")
    probabilities_NK, label_N = faces(600)
    scores = metrics(probabilities_NK, label_N)
    predicted = probabilities_NK.argmax(dim=1)
    expected = {
        "accuracy": accuracy_score(label_N, predicted),
        "macro_f1": f1_score(label_N, predicted, average="macro"),
        "weighted_auc": roc_auc_score(label_N, probabilities_NK, multi_class="ovr", average="weighted"),
        "kappa": cohen_kappa_score(label_N, predicted),
        **{
            f"recall/{name}": value
            for name, value in zip(EMOTIONS, recall_score(label_N, predicted, average=None), strict=True)
        },
    }
    for name, value in expected.items():
        assert float(scores.values[name]) == pytest.approx(value, abs=1e-5), name
    assert scores.tables == {"confusion": confusion_matrix(label_N, predicted).tolist()}
    assert scores.undefined == {}


def test_calibration_error_is_the_mean_gap_of_equal_bins() -> None:
    probabilities_NK, label_N = faces(500, seed=3)
    confidence_N, predicted_N = (each.numpy() for each in probabilities_NK.max(dim=1))
    right_N = predicted_N == label_N.numpy()
    bin_N = np.minimum((confidence_N * BINS).astype(int), BINS - 1)
    gaps = [
        abs(confidence_N[bin_N == each].mean() - right_N[bin_N == each].mean()) * (bin_N == each).mean()
        for each in np.unique(bin_N)
    ]
    assert float(built()(probabilities_NK, label_N).values["ece"]) == pytest.approx(sum(gaps), abs=1e-5)


def test_a_second_set_remembers_nothing_of_the_first() -> None:
    metrics = built()
    metrics(*faces(300))
    assert float(metrics(*faces(50, seed=1)).values["accuracy"]) == pytest.approx(
        float(built()(*faces(50, seed=1)).values["accuracy"])
    )


def test_an_absent_emotion_does_not_count_and_one_alone_leaves_the_area_undefined() -> None:
    probabilities_NK, label_N = faces(300)
    kept = label_N != 1
    scores = built()(probabilities_NK[kept], label_N[kept])
    present = [label for label in range(7) if label != 1]
    areas = [roc_auc_score(label_N[kept] == label, probabilities_NK[kept, label]) for label in present]
    weights = [int((label_N == label).sum()) for label in present]
    assert float(scores.values["weighted_auc"]) == pytest.approx(np.average(areas, weights=weights), abs=1e-5)
    assert scores.undefined == {}
    one = built()(probabilities_NK[:9], torch.full((9,), 3))
    assert math.isnan(float(one.values["weighted_auc"]))
    assert list(one.undefined) == ["weighted_auc"]
    assert one.undefined["weighted_auc"] == "all faces are of one class"


MINE = """
import torch
from torchmetrics import Metric


class Surprised(Metric):
    higher_is_better = True

    def __init__(self, share: float = 1.0) -> None:
        super().__init__()
        self.share = share
        self.add_state("count", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("faces", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, probabilities, labels):
        self.count += (probabilities.argmax(dim=1) == 5).sum()
        self.faces += len(labels)

    def compute(self):
        if self.faces == 70:
            raise ValueError("seventy faces are an unlucky number")
        return self.share * self.count / self.faces
"""


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_metrics.py").write_text(MINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("my_metrics", None)


@pytest.mark.usefixtures("own_package")
@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("+metrics.mine={_target_: my_metrics.Surprised, shar: 2}", ["metrics.mine.shar", "'share'"]),
        ("+metrics.mine={_target_: my_metrics.Nothing}", ["metrics.mine._target_=my_metrics.Nothing"]),
        ("+metrics.mine={_target_: torch.nn.Linear}", ["metrics.mine._target_=torch.nn.Linear is no Metric"]),
        ("+metrics.loss={_target_: my_metrics.Surprised}", ["metrics.loss", "choose another name"]),
        ("+metrics.f={_target_: torchmetrics.classification.MulticlassFBetaScore}", ["metrics.f", "beta"]),
        ("+metrics.b={_target_: torchmetrics.classification.BinaryAccuracy}", ["metrics.b", "does not take"]),
        ("metrics=kappa", ["metrics=kappa: there is no such metrics", "confusion"]),
    ],
)
def test_a_mistake_is_told_before_data_are_read(override: str, told: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        built(override)
    assert all(part in str(caught.value) for part in told), caught.value


@pytest.mark.usefixtures("own_package")
def test_a_metric_of_ones_own_is_logged_monitored_and_null_where_undefined(
    train: Callable[..., Any], tmp_path: Path
) -> None:
    result = train(
        "model=mlp",
        "model.params.hidden=[16]",
        "+metrics.mine={_target_: my_metrics.Surprised, share: 0.5}",
        KAPPA,
        "metrics=confusion",
        "callbacks.checkpoint.monitor=valid/kappa",
        "callbacks.early_stopping.monitor=valid/ece",
        "callbacks.early_stopping.mode=min",
        run_dir=tmp_path / "run",
    )
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert line["valid/mine"] is None
        assert "seventy faces are an unlucky number" in line["undefined"]["valid/mine"]
        assert -1 <= line["valid/kappa"] <= 1
        assert np.array(line["tables"]["valid/confusion"]).sum() == 70
    best = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    (kept,) = (state for key, state in best["callbacks"].items() if "'valid/kappa'" in key)
    assert float(kept["best_model_score"]) == pytest.approx(max(line["valid/kappa"] for line in lines))
    assert result.metrics["public.kappa"] == pytest.approx(max(line["valid/kappa"] for line in lines), abs=1e-4)
    assert result.metrics["public.mine"] is None
    from fer.folders.record import read_run

    assert len(read_run(tmp_path / "run").epochs) == 2


def test_steps_hand_callbacks_loss_logits_and_labels(tmp_path: Path) -> None:
    import pytorch_lightning as pl
    from support.tiny import TINY

    seen: dict[str, Any] = {}

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            seen["train"] = (outputs, batch)

        def on_validation_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
        ) -> None:
            seen["valid"] = (outputs, batch)

    tree = compose_train(
        [*TINY, "model=mlp", "model.params.hidden=[16]", "trainer.max_epochs=1", f"run_dir={tmp_path}/run"]
    )
    run(validate(tree), tree, callbacks=[Watch()])
    for outputs, batch in seen.values():
        assert outputs["logits"].shape == (len(batch["label"]), 7)
        assert not outputs["logits"].requires_grad
        assert not outputs["loss"].requires_grad
        assert torch.equal(outputs["label"], batch["label"])
    outputs, _ = seen["valid"]
    assert float(outputs["loss"]) == pytest.approx(
        float(torch.nn.functional.cross_entropy(outputs["logits"], outputs["label"]))
    )
