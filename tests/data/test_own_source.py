"""Sources, steps and orders that are named by their class or function."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from support import own_parts
from torch.utils.data import DataLoader, TensorDataset

from fer.common import plugins
from fer.common.errors import ConfigError, DataError
from fer.data.augment_config import OwnAugmentConfig
from fer.data.datamodule import FERDataModule
from fer.data.dataset_argument import validated
from fer.data.own_augment import build_augment
from fer.data.own_sampler import build_sampler
from fer.data.own_source import open_own
from fer.data.samples import FaceSamples, Split
from fer.data.selection import Selection
from fer.data.sources import OwnDataConfig, open_samples


class Loaders(pl.LightningDataModule):
    """Faces in shuffled loaders, as tuples or dicts, of floats in [0, `top`]."""

    def __init__(self, *, top: float = 1.0, classes: int = 7, mapped: bool = False, shift: float = 0.0) -> None:
        super().__init__()
        self.top, self.classes, self.mapped, self.shift = top, classes, mapped, shift

    def _loader(self, count: int, *, shuffle: bool) -> Any:
        generator = torch.Generator().manual_seed(count)
        images = self.top * torch.rand(count, 1, 24, 24, generator=generator)
        labels = torch.arange(count) % self.classes
        labels = labels + self.shift if self.shift else labels
        loader = DataLoader(TensorDataset(images, labels), batch_size=8, shuffle=shuffle)
        return [{"image": image, "label": label} for image, label in loader] if self.mapped else loader

    def train_dataloader(self) -> Any:
        return self._loader(21, shuffle=True)

    def val_dataloader(self) -> Any:
        return self._loader(14, shuffle=False)


def nothing() -> None:
    return None


def fails() -> None:
    raise OSError("the disk is on fire")


def every_third(given: Selection, *, of: int = 3) -> Selection:
    """Trains on every third row."""
    return replace(given, split=replace(given.split, train=given.split.train[::of], description="every third"))


def overlapping(given: Selection) -> Selection:
    return replace(given, split=replace(given.split, valid=given.split.train))


def backwards(labels: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    return np.arange(len(labels))[::-1] if epoch < 7 else np.array([len(labels)])


class Halved:
    """Every image at half its light."""

    def __call__(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        return image_BCHW // 2


class Scaled:
    """Every image in [0, 1], as torchvision's ToDtype(scale=True) leaves it."""

    def __call__(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        return image_BCHW / 255


class Raises:
    def __call__(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        raise TypeError("a PIL image is wanted\nno tensor")


def first_four(labels: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    return np.arange(4)


def renamed(*, classes: list[Any]) -> FaceSamples:
    """The noise, with its seven classes called otherwise."""
    return replace(own_parts.faces(), classes=tuple(classes))


@pytest.fixture(autouse=True)
def named_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names above, where they can be imported."""
    monkeypatch.setattr(plugins, "_told", {"support", "torch"})
    for thing in (
        Loaders,
        nothing,
        fails,
        every_third,
        overlapping,
        backwards,
        Halved,
        Scaled,
        Raises,
        first_four,
        renamed,
    ):
        monkeypatch.setattr(own_parts, thing.__name__, thing, raising=False)


def config(**settings: Any) -> OwnDataConfig:
    section = validated({"_target_": "support.own_parts.faces", "name": "noise", **settings}, prefix="")
    assert isinstance(section, OwnDataConfig)
    return section


def test_a_function_gives_the_samples() -> None:
    packed = open_samples(config(params={"count": 28}))
    assert len(packed.samples) == 28
    assert packed.fingerprint == open_samples(config(params={"count": 28})).fingerprint
    assert config().title == "noise"
    assert len(packed.samples.take(packed.samples.splits == Split.TRAINING)) == 14


@pytest.mark.parametrize("mapped", [False, True])
def test_a_lightning_data_module_is_read_once(mapped: bool) -> None:
    samples = open_own("support.own_parts.Loaders", {"mapped": mapped}).samples
    assert samples.images.shape == (35, 1, 24, 24)
    assert samples.class_counts(Split.TRAINING).tolist() == [3] * 7
    assert samples.class_counts(Split.PUBLIC).tolist() == [2] * 7
    # The train loader shuffles: order and names are those of the content.
    again = open_own("support.own_parts.Loaders", {"mapped": mapped}).samples
    np.testing.assert_array_equal(samples.ids, again.ids)
    np.testing.assert_array_equal(samples.images, again.images)
    expected = torch.rand(14, 1, 24, 24, generator=torch.Generator().manual_seed(14))
    public = samples.take(samples.splits == Split.PUBLIC).images
    assert sorted(public.sum(axis=(1, 2, 3)).tolist()) == sorted((expected * 255).round().sum(dim=(1, 2, 3)).tolist())


@pytest.mark.parametrize(
    ("target", "params", "words"),
    [
        ("nothing", {}, "gives a NoneType"),
        ("fails", {}, "fails with OSError: the disk is on fire"),
        ("Loaders", {"top": 3.0}, r"give uint8, or floats in \[0, 1\]"),
        ("Loaders", {"top": float("nan")}, r"shows float32 images in \[nan, nan\]: give uint8"),
        ("Loaders", {"classes": 9}, "labels outside 0 to 6"),
        ("Loaders", {"shift": float("nan")}, "labels outside 0 to 6"),
        ("Loaders", {"classes": 6, "shift": 0.5}, r"shows the label \d\.5: give whole numbers"),
        ("Loaders", {"tops": 3.0}, "did you mean 'top'"),
    ],
)
def test_what_is_no_source_is_told(target: str, params: dict[str, Any], words: str) -> None:
    with pytest.raises((DataError, ConfigError), match=words):
        open_own(f"support.own_parts.{target}", params)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"splits": np.array(["train"] * 7)}, "gives the split 'train': splits are Training, PublicTest, "),
        ({"labels": np.arange(7.0)}, "AssertionError: labels are float64, no integers"),
    ],
)
def test_splits_and_labels_are_those_of_samples(
    changed: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_parts, "changed", lambda: replace(own_parts.faces(count=7), **changed), raising=False)
    with pytest.raises(DataError, match=words):
        open_own("support.own_parts.changed", {})


def test_labels_are_matched_by_name_in_whatever_order_a_source_has_them() -> None:
    mine = ["Neutral", "happy", "sad", "anger", "fear", "disgust", "surprise"]
    plain = open_own("support.own_parts.faces", {}).samples
    samples = open_own("support.own_parts.renamed", {"classes": mine}).samples
    assert samples.classes == plain.classes
    name_of = {face: plain.classes[label] for face, label in zip(samples.ids, samples.labels, strict=True)}
    # In `faces` the number of a face says its number in the order of its classes.
    assert name_of["noise 0"] == "neutral"
    assert name_of["noise 3"] == "angry"
    assert name_of["noise 13"] == "surprise"
    with pytest.raises(DataError, match="names of classes are text"):
        open_own("support.own_parts.renamed", {"classes": [1, 2, 3, 4, 5, 6, 7]})
    with pytest.raises(DataError, match="labels lie outside 0 to 5"):
        open_own("support.own_parts.renamed", {"classes": mine[:6]})


def module(**settings: Any) -> FERDataModule:
    made = FERDataModule(config(batch_size=5, **settings), augment=None, seed=0)
    made.setup()
    return made


def test_a_step_of_ones_own_replaces_ours_or_follows() -> None:
    plain = module()
    assert len(plain.split.train) == 35
    followed = module(steps={"thinned": {"_target_": "support.own_parts.every_third", "of": 5}})
    np.testing.assert_array_equal(followed.split.train, plain.split.train[::5])
    assert followed.class_counts.sum() == 7
    with pytest.raises(ConfigError, match="rows twice, or rows that both train and select"):
        module(steps={"mixed": {"_target_": "support.own_parts.overlapping"}})
    with pytest.raises(DataError, match="leaves 0 rows"):
        # In the place of our split there is none yet to thin.
        module(steps={"split": {"_target_": "support.own_parts.every_third"}})


def test_an_order_of_ones_own() -> None:
    order = build_sampler({"_target_": "support.own_parts.backwards"})
    assert order is not None
    made = FERDataModule(config(batch_size=35), augment=None, sampler=order, seed=0)
    made.setup()
    (batch,) = made.train_dataloader()
    assert len(batch["label"]) == 35
    with pytest.raises(ConfigError, match="gives positions 35 to 35 of 35"):
        order(np.zeros(35, dtype=np.int64), seed=0, epoch=7)
    assert build_sampler({}) is None


def test_an_order_of_ones_own_is_asked_for_once_an_epoch() -> None:
    asked = []

    def order(labels: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
        asked.append(epoch)
        return np.arange(len(labels))

    made = FERDataModule(config(batch_size=35), augment=None, sampler=order, seed=0)
    made.setup()
    loader = made.train_dataloader()
    for epoch in (0, 1):
        made.trainer = SimpleNamespace(current_epoch=epoch, overfit_batches=0.0)  # type: ignore[assignment]
        assert len(loader) == len(list(loader)) == 1
    assert asked == [0, 1]


def test_an_order_of_less_than_a_batch_is_refused() -> None:
    order = build_sampler({"_target_": "support.own_parts.first_four"})
    made = FERDataModule(config(batch_size=5), augment=None, sampler=order, seed=0)
    made.setup()
    # What an epoch is told to show is what its order shows, whatever data.sampling says.
    shown = np.bincount(made.samples.labels[made.split.train[:4]], minlength=7)
    assert (made.epoch_counts.tolist(), made.balances) == (shown.tolist(), "sampler")
    with pytest.raises(ConfigError, match=r"shows 4 rows in epoch 0.*data\.batch_size=4 or less"):
        len(made.train_dataloader())


def test_an_augmentation_of_ones_own_keeps_the_size_of_the_training() -> None:
    augment = build_augment(OwnAugmentConfig(target="support.own_parts.Halved"))
    image_BCHW = torch.full((2, 1, 48, 48), 201, dtype=torch.uint8)
    batch = augment.batch({"image": image_BCHW, "label": torch.zeros(2)}, size=24, generator=torch.Generator())
    torch.testing.assert_close(batch["image"], torch.full((2, 1, 24, 24), 100.0))
    broken = build_augment(OwnAugmentConfig.model_validate({"_target_": "torch.nn.Flatten"}))
    with pytest.raises(ConfigError, match="it must give as many images"):
        broken.batch({"image": image_BCHW}, size=24, generator=torch.Generator())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Raises", r"fails on uint8 images \(2, 1, 48, 48\) with TypeError: a PIL image is wanted$"),
        ("Scaled", r"values from 0\.788 to 0\.788: it must give images in \[0, 255\]"),
    ],
)
def test_an_augmentation_that_cannot_be_used_is_told_in_one_line(name: str, words: str) -> None:
    image_BCHW = torch.full((2, 1, 48, 48), 201, dtype=torch.uint8)
    augment = build_augment(OwnAugmentConfig(target=f"support.own_parts.{name}"))
    with pytest.raises(ConfigError, match=words):
        augment.batch({"image": image_BCHW}, size=24, generator=torch.Generator())


def test_dark_images_are_no_scaled_ones() -> None:
    dark_BCHW = torch.full((2, 1, 48, 48), 5, dtype=torch.uint8)
    augment = build_augment(OwnAugmentConfig(target="support.own_parts.Halved"))
    batch = augment.batch({"image": dark_BCHW}, size=48, generator=torch.Generator())
    torch.testing.assert_close(batch["image"], torch.full((2, 1, 48, 48), 2.0))
