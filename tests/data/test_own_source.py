"""Sources, steps and orders that are named by their class or function."""

from dataclasses import replace
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
from fer.data.samples import Split
from fer.data.selection import Selection
from fer.data.sources import OwnDataConfig, open_samples


class Loaders(pl.LightningDataModule):
    """Faces in shuffled loaders, as tuples or dicts, of floats in [0, `top`]."""

    def __init__(self, *, top: float = 1.0, classes: int = 7, mapped: bool = False) -> None:
        super().__init__()
        self.top, self.classes, self.mapped = top, classes, mapped

    def _loader(self, count: int, *, shuffle: bool) -> Any:
        generator = torch.Generator().manual_seed(count)
        images = self.top * torch.rand(count, 1, 24, 24, generator=generator)
        loader = DataLoader(TensorDataset(images, torch.arange(count) % self.classes), batch_size=8, shuffle=shuffle)
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


@pytest.fixture(autouse=True)
def named_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names above, where they can be imported."""
    monkeypatch.setattr(plugins, "_told", {"support", "torch"})
    for thing in (Loaders, nothing, fails, every_third, overlapping, backwards, Halved):
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
        ("Loaders", {"classes": 9}, "labels outside 0 to 6"),
        ("Loaders", {"tops": 3.0}, "did you mean 'top'"),
    ],
)
def test_what_is_no_source_is_told(target: str, params: dict[str, Any], words: str) -> None:
    with pytest.raises((DataError, ConfigError), match=words):
        open_own(f"support.own_parts.{target}", params)


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
    few = FERDataModule(config(batch_size=35), augment=None, sampler=lambda *_, **__: np.arange(5), seed=0)
    few.setup()
    with pytest.raises(ConfigError, match=r"shows 5 rows in epoch 0.*data\.batch_size=5 or less"):
        len(few.train_dataloader())
    with pytest.raises(ConfigError, match="gives positions 35 to 35 of 35"):
        order(np.zeros(35, dtype=np.int64), seed=0, epoch=7)
    assert build_sampler({}) is None


def test_an_augmentation_of_ones_own_keeps_the_size_of_the_training() -> None:
    augment = build_augment(OwnAugmentConfig(target="support.own_parts.Halved"))
    image_BCHW = torch.full((2, 1, 48, 48), 201, dtype=torch.uint8)
    batch = augment.batch({"image": image_BCHW, "label": torch.zeros(2)}, size=24, generator=torch.Generator())
    torch.testing.assert_close(batch["image"], torch.full((2, 1, 24, 24), 100.0))
    broken = build_augment(OwnAugmentConfig.model_validate({"_target_": "torch.nn.Flatten"}))
    with pytest.raises(ConfigError, match="it must give as many images"):
        broken.batch({"image": image_BCHW}, size=24, generator=torch.Generator())
