"""PrivateTest is read by the report alone: with every label and pixel of it poisoned, all else stays bit for bit."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from support.sketched import sketched

from fer.common.labels import NUM_CLASSES
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.data.samples import FaceSamples, Split
from fer.data.synthetic import synthetic_samples
from fer.metrics import Predictions
from fer.metrics.calibration import Calibration, fit_calibration
from fer.report.main import make_report
from fer.report.options import CalibrationOptions, ReportOptions
from fer.training.run import run

OVERRIDES = (
    "data=fer2013",
    "data.root=fer2013.csv",
    "data.batch_size=32",
    "model=mlp",
    "model.params.hidden=[64]",
    "optimizer=adamw",
    "optimizer.lr=1e-3",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.max_epochs=8",
    "threads=1",
    "run_dir=run",
)
CLOCK = {"train_seconds", "images_per_second", "wall_seconds", "started", "seconds", "time", "pid", "fingerprint"}
"""What differs between any two runs, and the fingerprint, which names the data by all its content and is no score."""


@dataclass(frozen=True)
class World:
    """A data set, and what training on it left; paths in it are the same in every world."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"


def write_csv(samples: FaceSamples, root: Path) -> Path:
    root.mkdir()
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))},{split}"
        for image, label, split in zip(samples.images, samples.labels, samples.splits, strict=True)
    ]
    (root / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return root


def poison(samples: FaceSamples, *, images: bool = True) -> FaceSamples:
    """The samples with a wrong label, and with `images` with noise for a face, in every row of PrivateTest."""
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(samples.splits == Split.PRIVATE)
    labels, pixels = samples.labels.copy(), samples.images.copy()
    labels[rows] = (labels[rows] + rng.integers(1, NUM_CLASSES, len(rows))) % NUM_CLASSES
    if images:
        pixels[rows] = rng.integers(0, 256, pixels[rows].shape)
    return replace(samples, labels=labels, images=pixels)


def train(samples: FaceSamples, root: Path, *overrides: str) -> World:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(write_csv(samples, root))
        tree = compose_train([*OVERRIDES, *overrides])
        run(validate(tree), tree)
    return World(root)


@pytest.fixture(scope="module")
def faces() -> FaceSamples:
    """Synthetic faces; ten PrivateTest faces copy a Training face, as some of FER-2013 do."""
    counts = {Split.TRAINING: 140, Split.PUBLIC: 70, Split.PRIVATE: 70}
    samples = synthetic_samples(counts=counts, seed=3, size=48, difficulty=0.0)
    images = samples.images.copy()
    copied, copies = np.flatnonzero(samples.splits == Split.TRAINING), np.flatnonzero(samples.splits == Split.PRIVATE)
    images[copies[:10]] = images[copied[:10]]
    return replace(samples, images=images)


@pytest.fixture(scope="module")
def worlds(faces: FaceSamples, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World]:
    root = tmp_path_factory.mktemp("official")
    # Without augmentation a few epochs are enough to learn something.
    return train(faces, root / "clean", "augment=none"), train(poison(faces), root / "poisoned", "augment=none")


@pytest.fixture(scope="module")
def reports(worlds: tuple[World, World]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`metrics.json` of the report on each world, with the calibration file under "file"."""
    # Low enough for a promise on 70 faces.
    wanted = CalibrationOptions(target_accuracy=0.15)
    options = ReportOptions(bootstrap=100, faces=False, device="cpu", calibration=wanted)
    read = []
    for world in worlds:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(world.root)
            # The one analysis that fits anything.
            patch.setattr("fer.report.analyses.CLOSING", ("calibration",))
            folder = sketched()(make_report)([Path("run")], options=options, out=Path("report")).parent.absolute()
        metrics = json.loads((folder / "metrics.json").read_text())
        metrics["file"] = json.loads((folder / "calibration" / "calibration.json").read_text())
        read.append(metrics)
    return read[0], read[1]


def without_clock(value: Any, root: Path) -> Any:
    """Plain values without times and fingerprint, and with `root` as a word."""
    if isinstance(value, dict):
        # Lightning keeps paths as keys too.
        return {
            str(key).replace(str(root), "ROOT"): without_clock(each, root)
            for key, each in value.items()
            if key not in CLOCK
        }
    if isinstance(value, list | tuple):
        return [without_clock(each, root) for each in value]
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), tuple(value.shape), value.detach().numpy().tobytes())
    return value.replace(str(root), "ROOT") if isinstance(value, str) else value


def content(path: Path, root: Path) -> Any:
    """All that a file of a run folder says."""
    if path.suffix == ".ckpt":
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        return without_clock(rename(loaded), root)
    if path.suffix == ".json":
        return without_clock(json.loads(path.read_text()), root)
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        # The readers of raw files count the classes of every split, and the cache names its entry by the raw file.
        told = [line for line in lines if not line.get("logger", "").startswith("fer.data.")]
        assert len(told) > 0
        return [without_clock(line, root) for line in told]
    if path.suffix == ".yaml":
        return without_clock(yaml.safe_load(path.read_text()), root)
    return path.read_bytes()


def rename(value: Any) -> Any:
    """The checkpoint's own word for the fingerprint."""
    if isinstance(value, dict):
        return {"fingerprint" if key == "data_fingerprint" else key: rename(each) for key, each in value.items()}
    return value


def files(world: World) -> dict[str, Any]:
    return {
        str(path.relative_to(world.run)): content(path, world.root)
        for path in sorted(world.run.rglob("*"))
        if path.is_file()
    }


def mentions(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted names of the entries that name PrivateTest, by key or by value."""
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += mentions(value, f"{prefix}{key}.")
        elif "private" in f"{key} {value}".lower():
            found.append(f"{prefix}{key}")
    return found


def test_poison_reached_every_private_face_and_nothing_else(faces: FaceSamples) -> None:
    poisoned, private = poison(faces), faces.splits == Split.PRIVATE
    assert (poisoned.labels != faces.labels).tolist() == private.tolist()
    assert (poisoned.images != faces.images).any(axis=(1, 2, 3)).tolist() == private.tolist()


def test_the_two_worlds_do_differ(worlds: tuple[World, World]) -> None:
    of = [json.loads((world.run / "manifest.json").read_text())["data"]["fingerprint"] for world in worlds]
    assert of[0] != of[1]


def test_every_file_of_the_run_folder_is_the_same(worlds: tuple[World, World]) -> None:
    """Weights, optimiser, metrics of every epoch, final metrics, predictions, configuration, manifest."""
    clean, poisoned = files(worlds[0]), files(worlds[1])
    named = {"config.yaml", "manifest.json", "log.jsonl", "metrics.jsonl", "metrics.json", "predictions/public.parquet"}
    assert named | {"checkpoints/best.ckpt", "checkpoints/last.ckpt"} <= set(clean)
    assert set(clean) == set(poisoned)
    for name, said in clean.items():
        assert said == poisoned[name], name
    assert len(clean["checkpoints/best.ckpt"]["state_dict"]) > 0


def test_no_file_of_the_run_folder_names_a_score_of_private(worlds: tuple[World, World]) -> None:
    """What is the same in both worlds may still name the split: its size, and nothing else."""
    metrics = json.loads((worlds[0].run / "metrics.json").read_text())
    epochs = [json.loads(line) for line in (worlds[0].run / "metrics.jsonl").read_text().splitlines()]
    assert [key for line in (metrics, *epochs) for key in line if "private" in key.lower()] == []
    assert [path.name for path in (worlds[0].run / "predictions").iterdir()] == ["public.parquet"]
    table = Predictions.read(worlds[0].run / "predictions" / "public.parquet")
    assert (table.split, len(table)) == ("public", 70)
    manifest = json.loads((worlds[0].run / "manifest.json").read_text())
    # The command is that of these tests, whose file names the split.
    del manifest["command"]
    assert mentions(manifest) == ["data.split_sizes.PrivateTest"]
    assert "private" not in (worlds[0].run / "config.yaml").read_text().lower()


def test_labels_of_private_change_nothing_even_where_its_pixels_take_out_copies(
    faces: FaceSamples, tmp_path: Path
) -> None:
    """`data.dedup` compares pixels across splits, which no label has a part in."""
    overrides = ("data.dedup=true", "data.protocol=stratified", "trainer.max_epochs=1")
    worlds = [
        train(faces, tmp_path / "clean", *overrides),
        train(poison(faces, images=False), tmp_path / "poisoned", *overrides),
    ]
    manifest = json.loads((worlds[0].run / "manifest.json").read_text())
    assert re.search(r"; \d+ copies and contradictions left out", manifest["data"]["protocol"])
    clean, poisoned = files(worlds[0]), files(worlds[1])
    assert clean == poisoned
    held_out = [Predictions.read(world.run / "predictions" / "heldout.parquet") for world in worlds]
    assert fit_calibration(held_out[0]) == fit_calibration(held_out[1])


def test_temperature_and_threshold_are_the_same(reports: tuple[dict[str, Any], dict[str, Any]]) -> None:
    clean, poisoned = reports
    assert clean["file"] == poisoned["file"]
    calibration = Calibration(**clean["file"]["calibration"])
    assert (calibration.split, calibration.n) == ("PublicTest", 70)
    assert calibration.threshold is not None
    assert clean["calibration"]["fitted"] == poisoned["calibration"]["fitted"] == calibration.as_dict()
    assert clean["calibration"]["temperature"] == poisoned["calibration"]["temperature"]


def test_public_scores_are_the_same_and_private_ones_are_not(reports: tuple[dict[str, Any], dict[str, Any]]) -> None:
    clean, poisoned = reports
    assert clean["headline"] == poisoned["headline"] == "private"
    assert clean["public"]["accuracy"]["value"] > 0.4
    for key in ("public", "public_tta"):
        assert clean[key] == poisoned[key]
    for metric in ("accuracy", "nll"):
        assert clean["private"][metric]["value"] != poisoned["private"][metric]["value"]
    for when in ("before", "after"):
        for metric in ("ece", "brier"):
            assert clean["calibration"][when][metric]["value"] != poisoned["calibration"][when][metric]["value"], (
                when,
                metric,
            )
    assert clean["calibration"]["abstention"]["accuracy"] != poisoned["calibration"]["abstention"]["accuracy"]
