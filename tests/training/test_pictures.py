"""Callbacks that watch a training: what they draw and say, and that the training does not notice them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import torch

from fer.callbacks.drawing import confusion_figure, heat_map_sheet
from fer.callbacks.every_n_epochs import EveryNEpochs
from fer.callbacks.overfitting import why_it_ended
from fer.callbacks.report import Report
from fer.common.errors import ConfigError
from fer.metrics.parting import parting
from fer.models.rate_finder import RangeTest, range_test

SETTINGS = (
    "model=cnn",
    "model.params.widths=[4,8]",
    "trainer.max_epochs=3",
    "callbacks.early_stopping.patience=1",
)
WATCHING = (
    "callbacks=[default,explain,confusion,learning_curve,overfitting,lr_find]",
    "callbacks.explain.every_n_epochs=2",
    "callbacks.confusion.every_n_epochs=2",
    "callbacks.overfitting.faces=64",
    "callbacks.lr_find.steps=10",
    "logger=[tensorboard,csv]",
)


def epochs_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def watched(train: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("tensorboard")
    return train(*SETTINGS, *WATCHING, run_dir=tmp_path_factory.mktemp("watched") / "run").run_dir


def test_the_training_does_not_notice_who_watches(watched: Path, train: Callable[..., Any], tmp_path: Path) -> None:
    alone = epochs_of(train(*SETTINGS, run_dir=tmp_path / "alone").run_dir)
    beside = epochs_of(watched)
    assert len(alone) == len(beside)
    for ours, theirs in zip(beside, alone, strict=True):
        assert {name: ours[name] for name in theirs if "/" in name} == {
            name: value for name, value in theirs.items() if "/" in name
        }


def test_pictures_lie_in_the_run_folder(watched: Path) -> None:
    last = len(epochs_of(watched)) - 1
    found = {path.relative_to(watched / "figures").as_posix() for path in (watched / "figures").rglob("*.png")}
    assert {"learning_curve.png", "overfitting.png", "lr_find.png", "explain/epoch_001.png"} <= found
    assert "confusion/epoch_001.png" in found
    assert last >= 1
    for name in found:
        picture = matplotlib.image.imread(watched / "figures" / name)[..., :3]
        assert picture.std() > 0.02, name


def test_pictures_and_settings_reach_tensorboard(watched: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (folder,) = (watched / "tensorboard").iterdir()
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    names = {"figures/explain", "figures/confusion", "figures/learning_curve", "figures/overfitting", "figures/lr_find"}
    assert names <= set(tags["images"])
    # Numbers of an epoch, however few steps it has.
    lines = epochs_of(watched)
    for name in ("train/loss", "valid/accuracy", "lr"):
        assert [event.value for event in events.Scalars(name)] == pytest.approx([line[name] for line in lines]), name
    assert {"valid/accuracy", "valid/weighted_auc", "plain/accuracy"} <= set(tags["scalars"])
    assert "name: cnn" in (folder / "hparams.yaml").read_text(encoding="utf-8")


def test_how_many_epochs_were_trained_is_told(watched: Path) -> None:
    told = json.loads((watched / "overfitting.json").read_text(encoding="utf-8"))["end"]
    assert f" {len(epochs_of(watched))} of 3 epochs" in told


def test_plain_faces_are_judged_as_the_best_model_sees_them(watched: Path) -> None:
    """The number is that of the checkpoint's own weights on training faces from end to end, without augmentation."""
    from fer.config.saved import load_run_config
    from fer.data.datamodule import FERDataModule
    from fer.models.checkpoint import load_model

    config = load_run_config(watched)
    data = FERDataModule(config.data, augment=None, seed=config.seed)
    data.setup()
    model = load_model(watched / "checkpoints" / "last.ckpt")
    assert data.samples is not None
    rows = data.split.train[np.linspace(0, len(data.split.train) - 1, 64).round().astype(int)]
    image, label = data.samples.images[rows], data.samples.labels[rows]
    (again,) = data.plain_dataloader(64)
    assert again["index"].tolist() == rows.tolist()
    share = (model.probabilities(image).argmax(axis=1) == label).mean()
    assert len(label) == 64
    assert epochs_of(watched)[-1]["plain/accuracy"] == pytest.approx(share, abs=1e-6)


def test_words_say_whether_and_where_the_losses_part() -> None:
    def line(epoch: int, plain: float, valid: float) -> dict[str, float]:
        return {
            "epoch": epoch,
            "plain/loss": plain,
            "valid/loss": valid,
            "plain/accuracy": 0.5 + 0.1 * epoch,
            "valid/accuracy": 0.5,
        }

    apart = parting([line(0, 1.5, 1.6), line(1, 1.2, 1.4), line(2, 0.9, 1.5), line(3, 0.6, 1.7)])
    assert apart is not None
    assert apart.epoch == 1
    assert "after epoch 2: " in apart.words
    assert "from 1.200 to 0.600" in apart.words
    assert "from 1.400 to 1.700" in apart.words
    assert "80.0 % of plain training faces are right and 50.0 % of validation faces (+30.0 points)" in apart.words
    together = parting([line(0, 1.5, 1.6), line(1, 1.2, 1.4), line(2, 0.9, 1.401)])
    assert together is not None
    assert together.epoch is None
    diverged = parting([line(0, 1.5, 1.6), line(1, 3.0, 4.0)])
    assert diverged is not None
    assert diverged.epoch is None
    assert parting([line(0, 1.5, 1.6)]) is None


def test_why_a_training_ended_is_told() -> None:
    from pytorch_lightning.callbacks import EarlyStopping

    stopping = EarlyStopping(monitor="valid/accuracy", mode="max", patience=3)
    trainer: Any = SimpleNamespace(early_stopping_callbacks=[stopping], max_epochs=30)
    for accuracy in (0.5, 0.61234, 0.6, 0.6):
        assert not stopping._evaluate_stopping_criteria(torch.tensor(accuracy))[0]
    assert why_it_ended(trainer, epochs=4) == "Trained 4 of 30 epochs."
    assert stopping._evaluate_stopping_criteria(torch.tensor(0.6))[0]
    assert why_it_ended(trainer, epochs=5) == (
        "Stopped early after 5 of 30 epochs: valid/accuracy did not rise above 0.6123 in 3 epochs."
    )
    stopping.min_delta = 0.02
    assert "did not rise above 0.6123 by more than 0.02 in 3 epochs." in why_it_ended(trainer, epochs=5)
    # What is no number does not count as a failure to improve.
    stopping.stopping_reason_message = stopping._evaluate_stopping_criteria(torch.tensor(float("nan")))[1]
    told = why_it_ended(trainer, epochs=5)
    assert told.startswith("Stopped early after 5 of 30 epochs: ")
    assert "valid/accuracy = nan is not finite" in told


def test_the_rate_with_the_steepest_fall_is_suggested() -> None:
    rates = np.logspace(-4, 0, 41)
    # Falls fastest, by the logarithm of the rate, at 1e-2, and rises behind 1e-1.
    losses = 1 - np.tanh(np.log10(rates) + 2) + np.where(rates > 0.1, 5 * (np.log10(rates) + 1), 0)
    assert RangeTest(rates=rates, losses=losses, configured=0.1).suggested == pytest.approx(1e-2)
    assert RangeTest(rates=rates, losses=rates, configured=0.1).suggested is None
    assert RangeTest(rates=rates[:2], losses=losses[:2], configured=0.1).suggested is None


def test_a_range_test_of_a_line_finds_the_rate_that_diverges() -> None:
    """Gradient descent on a parabola of curvature c diverges from a rate of 2 / c on."""
    weight = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(weight.weight, 3.0)
    optimizer = torch.optim.SGD(weight.parameters(), lr=0.01)
    system: Any = SimpleNamespace(
        net=weight,
        optimizer=optimizer,
        device=torch.device("cpu"),
        train_size=1,
        memory_format=torch.contiguous_format,
        preprocess=lambda image, size: image,
        loss=lambda logits, label, target: 0.5 * 8.0 * (logits**2).mean(),
    )
    batch = {"image": torch.ones(4, 1), "label": torch.zeros(4, dtype=torch.long)}
    found = range_test(system, iter([batch] * 400), low=1e-3, high=10.0, steps=400)
    assert found.configured == 0.01
    assert 2 / 8 < found.rates[-1] < 2
    assert found.suggested is not None
    assert found.suggested < 2 / 8
    assert weight.weight.item() == 3.0


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("callbacks.explain.every_n_epochs=0", "every_n_epochs=0"),
        ("callbacks.explain.methods=[gradcam]", "grad_cam"),
        ("callbacks.explain.methods=[]", "shows nothing"),
        ("callbacks.overfitting.faces=0", "faces=0"),
        ("callbacks.lr_find.low=2", "low=2"),
        ("callbacks.confusion.run_folder=a", "run_folder"),
        ("+callbacks.report.options.run=a", "run"),
    ],
)
def test_a_mistake_is_told(override: str, told: str, train: Callable[..., Any], tmp_path: Path) -> None:
    names = "callbacks=[explain,confusion,overfitting,lr_find,report]"
    with pytest.raises(ConfigError, match=told):
        train("model=mlp", names, override, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_report_is_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: Any) -> None:
    started: list[list[str]] = []

    def no_process(command: list[str], *, check: bool) -> Any:
        started.append(command)
        return SimpleNamespace(returncode=2)

    monkeypatch.setattr("fer.callbacks.report.subprocess.run", no_process)
    Report({"faces": False, "report.explanations.enabled": None}).on_run_end(tmp_path / "a b")
    assert started[0][-3:] == [f"run={tmp_path / 'a b'}", "faces=false", "report.explanations.enabled=null"]
    assert f"fer-report 'run={tmp_path / 'a b'}' faces=false" in caplog.text


def test_the_process_of_a_report_finds_what_this_one_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a class of one's own beside a notebook."""
    (tmp_path / "beside.py").write_text("raise SystemExit(7)\n")
    monkeypatch.syspath_prepend(tmp_path)

    def imported(command: list[str], *, check: bool) -> Any:
        words = [word.replace("from fer.cli import report; report()", "import beside") for word in command]
        done.append(subprocess.run(words, check=check).returncode)
        return SimpleNamespace(returncode=0)

    done: list[int] = []
    monkeypatch.setattr("fer.callbacks.report.subprocess", SimpleNamespace(run=imported))
    Report().on_run_end(tmp_path)
    assert done == [7]


def test_pictures_of_a_thousand_epochs_sort_as_the_epochs_do() -> None:
    def names(planned: int) -> list[str]:
        trainers: Any = [SimpleNamespace(current_epoch=epoch, max_epochs=planned) for epoch in (0, 99, planned - 1)]
        return [EveryNEpochs("run", every_n_epochs=1).picture("confusion", trainer).name for trainer in trainers]

    assert names(1000) == ["epoch_000.png", "epoch_099.png", "epoch_999.png"]
    assert names(1001) == ["epoch_0000.png", "epoch_0099.png", "epoch_1000.png"]


def test_a_confusion_matrix_of_many_labels_has_room_and_no_numbers() -> None:
    few, many = (
        confusion_figure(np.eye(count, dtype=np.int64), names=[f"label {k}" for k in range(count)], title="")
        for count in (7, 100)
    )
    assert len(few.axes[0].texts) == 49
    assert len(many.axes[0].texts) == 0
    assert many.get_figwidth() == 3 * few.get_figwidth()


def test_a_sheet_of_many_faces_goes_on_in_further_bands() -> None:
    faces = np.zeros((25, 4, 4), np.uint8)
    maps = {"Saliency": np.zeros((25, 4, 4), np.float32)}
    figure = heat_map_sheet(faces, maps, captions=[f"face {k}" for k in range(25)], title="")
    assert figure.get_figwidth() < 27
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 50
    assert [axes.get_title() for axes in shown if axes.get_title()] == [f"face {k}" for k in range(25)]
