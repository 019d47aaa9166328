"""The contenders of a training bench do the same work, and are timed over the batches they say."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.tiny import TINY

from fer.bench.settings import Bench, compose_bench
from fer.bench.training.repeated import RepeatedLoader
from fer.bench.training.subject import Subject, open_subject
from fer.bench.training.throughput import measure_training
from fer.bench.training.timing import rate_of
from fer.bench.training.usual import absent, lengthened, transforms, usual_loader, write_folder
from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.config.compose import compose_train
from fer.config.schema import ModelConfig
from fer.data.augment_config import AugmentConfig

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

NET = ("model.params.blocks=[0,0,0]", "model.params.widths=[8,8,8]")


def bench(tmp_path: Path, *more: str) -> Bench:
    overrides = [each for each in TINY if not each.startswith("trainer.max_epochs")]
    small = ["bench.steps=7", "bench.warmup=1", "bench.repeats=2", "bench.workers=0"]
    return compose_bench([*overrides, *NET, *small, *more], run_dir=tmp_path / "run")


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return open_subject(bench(tmp_path_factory.mktemp("subject")).tree, steps=7, warmup=1)


def test_the_table_has_every_contender_and_ratios_of_each_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.bench.training.throughput._DATA_SECONDS", 0.1)
    asked = bench(tmp_path)
    found = measure_training(asked)
    rows = {row.label: row for row in found.rows}
    assert list(rows) == [
        "fer-train",
        "bare loop",
        "usual stack",
        "data alone: fer-train, 32 px",
        "data alone: fer-train, 40 px",
        "data alone: fer-train, 48 px",
        "data alone: usual stack, 48 px",
        "fer-train / bare loop",
        "fer-train / usual stack",
        "data alone: fer-train / usual stack",
    ]
    assert all(len(row.values) == 2 and min(row.values) > 0 for row in found.rows)
    ours, bare = rows["fer-train"].values, rows["bare loop"].values
    assert rows["fer-train / bare loop"].values == tuple(a / b for a, b in zip(ours, bare, strict=True))
    assert "batches of 32" in found.title
    assert "32-true" in found.title
    # The run did train: its one epoch is as long as was asked, though the data are shorter.
    (epoch,) = (json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    assert epoch["size"] == 48


def test_fewer_faces_than_batches_are_shown_again(subject: Subject) -> None:
    loader = subject.data.train_dataloader()
    assert len(loader) == 8
    assert loader.loader.batch_size == subject.batch_size == 32
    assert len(loader.loader) < 8
    batches = list(loader)
    assert [len(batch["label"]) for batch in batches] == [32] * 8
    assert isinstance(loader, RepeatedLoader)


@pytest.mark.parametrize(("workers", "warmup", "steps"), [(0, 1, 7), (1, 3, 7), (4, 9, 8), (16, 33, 16)])
def test_what_workers_load_ahead_is_not_timed(subject: Subject, workers: int, warmup: int, steps: int) -> None:
    """Else a machine of many cores would have all timed batches ready before its clock starts."""
    theirs = lengthened(subject, workers=workers)
    assert (theirs.warmup, theirs.steps) == (warmup, steps)


def test_the_files_of_the_usual_stack_are_the_training_faces(subject: Subject, tmp_path: Path) -> None:
    count = write_folder(subject, tmp_path)
    files = sorted(tmp_path.rglob("*.jpg"))
    train = subject.data.split.train
    assert count == len(files) == len(train)
    for file in files[::40]:
        row = int(file.stem)
        assert row in train
        assert file.parent.name == EMOTIONS[subject.data.samples.labels[row]]
        written = np.asarray(Image.open(file)).astype(float)
        assert written.shape == (48, 48)
        # JPEG, but the same face.
        assert np.abs(written - subject.data.samples.images[row][0]).mean() < 4


def test_both_stacks_give_the_net_images_of_one_kind(subject: Subject, tmp_path: Path) -> None:
    write_folder(subject, tmp_path)
    theirs, label_B = next(iter(usual_loader(subject, tmp_path, workers=0)))
    augment = subject.data.augment
    assert augment is not None
    batch = next(iter(subject.data.train_dataloader()))
    from fer.models.preprocess import Preprocess

    drawn = augment.batch(batch, size=48, generator=torch.Generator().manual_seed(0))
    ours = Preprocess(channels=1, size=48)(drawn["image"])
    assert theirs.shape == ours.shape == (32, 1, 48, 48)
    assert theirs.dtype == ours.dtype == torch.float32
    assert theirs.mean().item() == pytest.approx(ours.mean().item(), abs=0.3)
    assert theirs.std().item() == pytest.approx(ours.std().item(), abs=0.3)
    assert label_B.dtype == torch.int64


def test_without_augmentation_the_transforms_are_our_preprocessing() -> None:
    from fer.models.preprocess import Preprocess

    pixels = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    theirs = transforms(AugmentConfig(), ModelConfig(name="cnn"), mean=0.5136, std=0.3067)(Image.fromarray(pixels))
    ours = Preprocess(channels=1, size=48)(torch.from_numpy(pixels)[None, None])[0]
    torch.testing.assert_close(theirs, ours)


def test_augmentations_the_usual_stack_lacks_are_told() -> None:
    assert absent(AugmentConfig(flip_probability=0.5, rotate_degrees=10)) == []
    assert absent(AugmentConfig(mixup_alpha=0.2, gamma=0.3)) == ["gamma", "mixup"]
    assert absent(AugmentConfig(blur_probability=0.2, jpeg_probability=0.3)) == ["blur", "JPEG compression"]


def test_every_augmentation_is_done_or_told() -> None:
    """A new kind of augmentation must not be left out in silence."""
    switches = [name for name in AugmentConfig.model_fields if name.endswith(("_probability", "_std", "_alpha"))]
    silent = []
    for name in switches:
        on = AugmentConfig(**{name: 0.5})
        done = len(transforms(on, ModelConfig(name="cnn"), mean=0.5, std=0.3).transforms) > 5
        silent += [] if done or absent(on) else [name]
    # It has no effect alone: mixup and CutMix are told.
    assert silent == ["mix_probability"]


def test_a_rate_leaves_the_warm_up_out() -> None:
    def batches() -> Iterator[int]:
        yield 10**9
        while True:
            time.sleep(0.01)
            yield 1

    # At most a hundred a second, where the first batch would have made it millions.
    assert 0 < rate_of(batches(), device=torch.device("cpu"), warmup=1, seconds=0.05) < 110


def test_a_net_that_learns_nothing_has_no_speed(tmp_path: Path) -> None:
    tree = compose_train([*TINY, "model=majority", f"run_dir={tmp_path}"])
    with pytest.raises(ConfigError, match="nothing to learn"):
        open_subject(tree, steps=1, warmup=1)


def test_a_precision_without_a_line_in_the_bare_loop_is_refused(tmp_path: Path) -> None:
    tree = compose_train([*TINY, "trainer.precision=16-mixed", f"run_dir={tmp_path}"])
    with pytest.raises(ConfigError, match=r"trainer\.precision=16-mixed"):
        open_subject(tree, steps=1, warmup=1)
