"""data.targets=both: one body learns labels and votes, and every command sees one merged net."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fer.common.errors import ConfigError
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.data.ferplus import FERPLUS_COLUMNS
from fer.export.export import export_run
from fer.models.checkpoint import load_model, read_checkpoint
from fer.runtime.model import EmotionModel
from fer.training.run import run


def dark_and_bright() -> np.ndarray:
    """Two faces as the training shows them: uint8 (2, 1, 48, 48)."""
    rng = np.random.default_rng(1)
    return np.stack([rng.integers(low, low + 100, (1, 48, 48)).astype(np.uint8) for low in (0, 150)])


COUNTS = {"Training": 140, "PublicTest": 70, "PrivateTest": 70}


@pytest.fixture(scope="module")
def overrides(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A fer2013.csv with noisy labels, and votes that tell dark faces (sad) from bright ones (happy)."""
    root = tmp_path_factory.mktemp("both")
    rng = np.random.default_rng(0)
    faces_file, votes_file = root / "fer2013.csv", root / "fer2013new.csv"
    with faces_file.open("w", newline="") as faces, votes_file.open("w", newline="") as votes:
        faces_csv, votes_csv = csv.writer(faces), csv.writer(votes)
        faces_csv.writerow(["emotion", "pixels", "Usage"])
        votes_csv.writerow(["Usage", "Image name", *FERPLUS_COLUMNS])
        for usage, count in COUNTS.items():
            for number in range(count):
                bright = number % 2
                pixels = rng.integers(150, 250, 2304) if bright else rng.integers(0, 100, 2304)
                # Two thirds of the labels are what the votes say, as in FER-2013.
                label = number % 7 if number % 3 == 0 else 3 if bright else 4
                faces_csv.writerow([label, " ".join(map(str, pixels)), usage])
                emotion = "happiness" if bright else "sadness"
                counts = [10 if name == emotion else 0 for name in FERPLUS_COLUMNS]
                votes_csv.writerow([usage, f"fer{number:07d}.png", *counts])
    return [
        "data=fer2013",
        f"data.root={faces_file}",
        f"data.ferplus={votes_file}",
        "data.contempt=drop",
        "data.targets=both",
        "data.batch_size=32",
        "model=mlp",
        "model.params.hidden=[64]",
        "trainer.max_epochs=10",
    ]


Train = Callable[[list[str], Path], Path]


@pytest.fixture(scope="module")
def train() -> Train:
    """Trains; gives the run folder."""

    def run_train(overrides: list[str], run_dir: Path) -> Path:
        tree = compose_train([*overrides, "trainer.accelerator=cpu", "threads=1", f"run_dir={run_dir}"])
        return run(validate(tree), tree).run_dir

    return run_train


@pytest.fixture(scope="module")
def both(train: Train, overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(overrides, tmp_path_factory.mktemp("runs") / "both")


def test_the_votes_head_learned_what_the_votes_tell(both: Path) -> None:
    faces = dark_and_bright()
    by_votes = load_model(both / "checkpoints/best.ckpt", votes_share=1.0)
    assert by_votes.probabilities(faces).argmax(axis=1).tolist() == [4, 3]  # sad, happy
    assert read_checkpoint(both / "checkpoints/best.ckpt")["fer"]["net"]["heads"] == 2
    assert "by a head of their own" in json.loads((both / "manifest.json").read_text())["data"]["protocol"]


def test_run_and_metrics_are_of_the_labels_head_unless_told_otherwise(both: Path) -> None:
    faces = dark_and_bright()
    raw = load_model(both / "checkpoints/best.ckpt", merge=False)
    with torch.no_grad():
        logits = raw.net(raw.preprocess(torch.from_numpy(faces)))
    np.testing.assert_allclose(
        load_model(both / "checkpoints/best.ckpt").probabilities(faces),
        logits[:, :7].softmax(dim=1),
        rtol=1e-4,
        atol=1e-6,
    )
    metrics = json.loads((both / "metrics.json").read_text())
    assert 0 <= metrics["public.accuracy"] <= 1


def test_export_merges_the_heads(both: Path, tmp_path: Path) -> None:
    faces = dark_and_bright()[:, 0]
    export_run(both, tmp_path / "votes.onnx", votes_share=1.0)
    model = EmotionModel.load(tmp_path / "votes.onnx")
    assert model.probabilities(faces).argmax(axis=1).tolist() == [4, 3]


def test_a_run_with_two_heads_teaches_another(train: Train, both: Path, overrides: list[str], tmp_path: Path) -> None:
    taught = train([*overrides, "loss=distill", f"loss.teachers=[{both}]", "trainer.max_epochs=1"], tmp_path / "b")
    assert json.loads((taught / "manifest.json").read_text())["teachers"][0]["origin"] == str(both)


def test_the_recipes_train_two_heads_and_go_on_from_them(train: Train, overrides: list[str], tmp_path: Path) -> None:
    small = [
        *(each for each in overrides if not each.startswith(("model", "trainer."))),
        "model.params.widths=[4,8,8]",
        "trainer.max_epochs=1",
    ]
    first = train(["experiment=two_heads", *small], tmp_path / "first")
    teachers = [f"model.pretrained={first / 'checkpoints/best.ckpt'}", f"loss.teachers=[{first}]"]
    second = train(["experiment=two_heads_distilled", *small, *teachers], tmp_path / "second")
    pretrained = f"model.pretrained={second / 'checkpoints/best.ckpt'}"
    third = train(["experiment=two_heads_photographs", *small, pretrained], tmp_path / "third")
    fast = train(["experiment=fast", *(each for each in small if each != "data.targets=both")], tmp_path / "fast")
    for folder in (second, third, fast):
        assert read_checkpoint(folder / "checkpoints/best.ckpt")["fer"]["net"]["heads"] == 2


def test_a_teacher_with_one_head_is_refused(train: Train, overrides: list[str], tmp_path: Path) -> None:
    single = [each for each in overrides if each != "data.targets=both"]
    teacher = train([*single, "trainer.max_epochs=1"], tmp_path / "one")
    with pytest.raises(ConfigError, match=r"one head|learned from"):
        train([*overrides, "loss=distill", f"loss.teachers=[{teacher}]"], tmp_path / "two")


def test_votes_share_of_one_head_is_refused(train: Train, overrides: list[str], tmp_path: Path) -> None:
    single = [each for each in overrides if each != "data.targets=both"]
    one = train([*single, "trainer.max_epochs=1"], tmp_path / "one")
    with pytest.raises(ConfigError, match="has one head"):
        load_model(one / "checkpoints/best.ckpt", votes_share=0.5)
