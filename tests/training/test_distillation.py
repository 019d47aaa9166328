"""A net learns from the predictions of others for the view it sees, and from none that know what it is judged by."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.interruption import interrupt_at
from torch import Tensor

from fer.common.errors import CheckpointError, ConfigError
from fer.common.interrupt import Interrupted
from fer.data.resampling_blur import blur
from fer.data.views import enlarge
from fer.export.export import export_run
from fer.models.checkpoint import LoadedModel, NetSpec, load_model
from fer.models.classifier import Classifier
from fer.models.losses import ClassificationLoss
from fer.models.preprocess import Preprocess
from fer.models.schedule import SchedulerConfig
from fer.runtime.model import EmotionModel
from fer.training.distillation import FileTeacher, RunTeacher, Teachers

Train = Callable[..., Any]
SMALL = ("model.params.blocks=[0,0,0]", "model.params.widths=[16,24,32]")
STUDENT = ("loss=distill", *SMALL, "model.train_sizes=[[0.0,32]]", "+augment.mixup_alpha=0.2")


class Says(torch.nn.Module):
    """Predicts every image alike, and remembers what it was shown."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)
        self.seen: list[Tensor] = []

    def forward(self, x_BCHW: Tensor) -> Tensor:
        self.seen.append(x_BCHW)
        return self.logits.expand(len(x_BCHW), -1)


def predicting(logits: list[float], *, size: int, channels: int = 1) -> RunTeacher:
    spec = NetSpec(name="said", channels=channels, size=size, params={})
    preprocess = Preprocess(channels=channels, size=size)
    return RunTeacher(
        LoadedModel(net=Says(logits), preprocess=preprocess, spec=spec, labels=("a", "b"), data_fingerprint="", epoch=0)
    )


def system(teachers: Teachers | None) -> Classifier:
    return Classifier(
        Says([0.0, 0.0]),
        preprocess=Preprocess(size=32),
        loss=ClassificationLoss(),
        optimizer=None,
        scheduler=SchedulerConfig(name="constant"),
        description={},
        teachers=teachers,
    )


def test_teachers_are_averaged_each_at_its_own_size() -> None:
    models = [predicting([0.0, float(np.log(3.0))], size=48, channels=3), predicting([0.0, 0.0], size=40)]
    teachers = Teachers(models, weight=0.5)
    assert teachers.size == 48
    predictions = teachers(torch.zeros(4, 1, 48, 48, dtype=torch.uint8))
    torch.testing.assert_close(predictions, torch.tensor([[0.375, 0.625]]).expand(4, -1))
    assert [tuple(model.model.net.seen[0].shape[1:]) for model in models] == [(3, 48, 48), (1, 40, 40)]  # type: ignore[index]


@pytest.mark.parametrize(("tta", "count"), [(False, 1), ("mirror", 2), ("zoom", 4)])
def test_teachers_can_be_asked_about_blurred_views_and_further_ones(tta: Any, count: int) -> None:
    teacher = predicting([0.0, 0.0], size=48)
    view_BCHW = torch.randint(0, 256, (2, 1, 48, 48), generator=torch.Generator().manual_seed(0)).float()
    Teachers([teacher], weight=0.5, tta=tta, blur=True)(view_BCHW)
    blurred_BCHW = blur(view_BCHW)
    larger_BCHW = enlarge(blurred_BCHW)
    expected = [blurred_BCHW, blurred_BCHW.flip(-1), larger_BCHW, larger_BCHW.flip(-1)][:count]
    seen = teacher.model.net.seen  # type: ignore[misc]
    torch.testing.assert_close(
        torch.stack(seen), torch.stack([teacher.model.preprocess(x_BCHW) for x_BCHW in expected])
    )


class PrefersTheLeft(torch.nn.Module):
    """Says by how much the left half is the brighter one."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        more_B = (x_BCHW[..., :24] - x_BCHW[..., 24:]).mean(dim=(1, 2, 3))
        return torch.stack((more_B, torch.zeros_like(more_B)), dim=1)


def test_the_answers_to_a_view_and_its_mirror_image_are_averaged() -> None:
    said = RunTeacher(replace(predicting([], size=48).model, net=PrefersTheLeft()))
    view_BCHW = torch.zeros(1, 1, 48, 48)
    view_BCHW[..., :24] = 200.0
    assert Teachers([said], weight=1.0)(view_BCHW)[0, 0] > 0.9
    torch.testing.assert_close(Teachers([said], weight=1.0, tta="mirror")(view_BCHW), torch.full((1, 2), 0.5))


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_the_target_is_a_blend_of_label_and_answer(weight: float) -> None:
    said = predicting([0.0, float(np.log(3.0))], size=48)
    batch = {"image": torch.zeros(2, 1, 48, 48), "label": torch.tensor([0, 1])}
    target = system(Teachers([said], weight=weight))._target(batch, 2)
    label, prediction = torch.eye(2), torch.tensor([[0.25, 0.75]])
    torch.testing.assert_close(target, (1 - weight) * label + weight * prediction)
    mixed = torch.tensor([[0.6, 0.4], [0.1, 0.9]])
    target = system(Teachers([said], weight=weight))._target({**batch, "target": mixed}, 2)
    torch.testing.assert_close(target, (1 - weight) * mixed + weight * prediction)


def test_views_are_made_at_the_size_the_teachers_see() -> None:
    assert system(None).view_size == 32
    assert system(Teachers([predicting([0.0, 0.0], size=48)], weight=1.0)).view_size == 48
    assert system(Teachers([predicting([0.0, 0.0], size=24)], weight=1.0)).view_size == 32


@pytest.fixture
def teacher(tiny_run: Path) -> Path:
    return tiny_run


def test_a_student_trains_and_keeps_no_copy_of_its_teacher(teacher: Path, train: Train, tmp_path: Path) -> None:
    run = train(*STUDENT, f"loss.teachers=[{teacher}]", "trainer.max_epochs=1", run_dir=tmp_path / "run")
    manifest = json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8"))
    assert [(each["origin"], each["model"]) for each in manifest["teachers"]] == [(str(teacher), "skipcnn")]
    content = torch.load(run.run_dir / "checkpoints" / "last.ckpt", weights_only=True)
    assert not [name for name in content["state_dict"] if "teacher" in name]
    assert sum(weight.numel() for weight in content["state_dict"].values()) < 1.01 * sum(
        weight.numel() for weight in load_model(run.run_dir / "checkpoints" / "best.ckpt").net.state_dict().values()
    )


@pytest.mark.slow
def test_a_student_agrees_with_its_teacher_more_than_one_that_never_met_it(train: Train, tmp_path: Path) -> None:
    """Both see the same faces, views and steps from the same start; the labels of one are the teacher's predictions."""
    # One that learned enough to predict otherwise than any net does at first.
    teacher = train(run_dir=tmp_path / "teacher").run_dir
    same = ("model.train_sizes=null", "augment=light", "trainer.max_epochs=3", "loss.label_smoothing=0")
    taught = train(*same, "loss=distill", f"loss.teachers=[{teacher}]", run_dir=tmp_path / "taught")
    alone = train(*same, run_dir=tmp_path / "alone")
    images = np.random.default_rng(0).integers(0, 256, (64, 1, 48, 48), np.uint8)
    told, *predictions = (
        load_model(path / "checkpoints" / "best.ckpt").probabilities(images)
        for path in (teacher, taught.run_dir, alone.run_dir)
    )
    gaps = [float((told * (np.log(told) - np.log(prediction))).sum(axis=1).mean()) for prediction in predictions]
    assert gaps[0] < gaps[1]


def test_an_interrupted_student_goes_on_bit_for_bit(teacher: Path, train: Train, tmp_path: Path) -> None:
    asked = (*STUDENT, f"loss.teachers=[{teacher}]")
    train(*asked, "trainer.max_epochs=2", run_dir=tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(1, patch)
        with pytest.raises(Interrupted):
            train(*asked, "trainer.max_epochs=2", run_dir=tmp_path / "run")
    train(*asked, "trainer.max_epochs=2", run_dir=tmp_path / "run")
    ours, theirs = (load_model(tmp_path / name / "checkpoints" / "last.ckpt").net for name in ("run", "whole"))
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())


def test_a_model_file_answers_what_it_answers_elsewhere() -> None:
    model = EmotionModel.load()
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    teacher, stored = FileTeacher(model), torch.from_numpy(faces)[:, None]
    expected = torch.from_numpy(model.probabilities(faces))
    assert teacher.size == 48
    for image in (stored, stored.float() + 0.4, stored.expand(-1, 3, -1, -1)):
        torch.testing.assert_close(teacher(image), expected, rtol=0, atol=0)
    # An even grey is the same at every size.
    large, small = (teacher(torch.full((1, 1, side, side), 90, dtype=torch.uint8)) for side in (96, 48))
    torch.testing.assert_close(large, small, rtol=0, atol=0)


def test_a_model_file_teaches_as_the_run_it_was_made_of(teacher: Path, train: Train, tmp_path: Path) -> None:
    result = export_run(teacher, tmp_path / "teacher.onnx")
    file = result.path
    images = torch.randint(0, 256, (16, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    of_run = Teachers([RunTeacher(load_model(teacher / "checkpoints" / "best.ckpt"))], weight=1.0)(images)
    of_file = Teachers([FileTeacher(EmotionModel.load(file))], weight=1.0)(images)
    calibrated = (of_run.log() / result.facts.temperature).softmax(dim=1)
    torch.testing.assert_close(of_file, calibrated, rtol=0, atol=1e-3)

    run = train(*STUDENT, f"loss.teachers=[{file}]", "trainer.max_epochs=1", run_dir=tmp_path / "run")
    manifest = json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8"))
    told = [(each["origin"], each["sha256"]) for each in manifest["teachers"]]
    assert told == [(str(file), hashlib.sha256(file.read_bytes()).hexdigest())]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["loss=distill"], "needs teachers"),
        (["loss.teachers=[TEACHER]"], "teach nothing"),
        (["loss=distill", "loss.teachers=[nowhere]"], "nowhere has no checkpoints/best.ckpt"),
        (["loss=distill", "loss.teachers=[shipped]"], "shipped learned from data 05074fa977d2e945"),
        (["loss=distill", "loss.teachers=[TEACHER]", "data.protocol=stratified"], "may know the faces"),
        (["loss=distill", "loss.teachers=[TEACHER]", "data.train=99"], "may know the faces"),
    ],
)
def test_what_cannot_teach_is_refused(
    overrides: list[str], words: str, teacher: Path, train: Train, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        train(*(each.replace("TEACHER", str(teacher)) for each in overrides), run_dir=tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_model_file_that_is_none_is_refused(train: Train, tmp_path: Path) -> None:
    file = tmp_path / "teacher.onnx"
    with pytest.raises(CheckpointError, match=r"teacher\.onnx"):
        train(*STUDENT, f"loss.teachers=[{file}]", run_dir=tmp_path / "run")
    file.write_bytes(b"no model")
    with pytest.raises(CheckpointError, match=r"teacher\.onnx"):
        train(*STUDENT, f"loss.teachers=[{file}]", run_dir=tmp_path / "run")
