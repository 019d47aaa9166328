"""A run that is shown a part of the face sees nothing else, in training or in selection."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from fer.data.augment import Augment
from fer.data.augment_config import AugmentConfig
from fer.data.datamodule import FERDataModule
from fer.data.occlusion import keep, region_mask
from fer.data.regions import HALVES, Region
from fer.data.sources import AnyDataConfig


def module(
    visible: Region, *, augment: AugmentConfig | None = None, training: bool = True, size: int = 48
) -> FERDataModule:
    config = TypeAdapter(AnyDataConfig).validate_python(
        {"name": "synthetic", "train": 28, "public": 14, "private": 7, "batch_size": 14}
    )
    data = FERDataModule(config, augment=None if augment is None else Augment(augment), seed=0, visible=visible)
    data.setup()
    data.trainer = SimpleNamespace(  # type: ignore[assignment]
        training=training,
        current_epoch=0,
        overfit_batches=0.0,
        global_rank=0,
        lightning_module=SimpleNamespace(view_size=size),
    )
    return data


@pytest.mark.parametrize("half", HALVES)
def test_training_batches_show_the_part_alone_where_selection_shows_it(half: Region) -> None:
    data = module(half, augment=AugmentConfig(rotate_degrees=20, translate_fraction=0.2, flip_probability=0.5), size=32)
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert batch["image"].shape[-2:] == (32, 32)
    hidden = batch["image"][..., ~region_mask(half, height=32, width=32)]
    assert (hidden.amax(-1) == hidden.amin(-1)).all()
    shown = batch["image"][..., region_mask(half, height=32, width=32)]
    assert (shown.amax(-1) > shown.amin(-1)).all()


def test_selection_batches_and_rows_are_masked_alike() -> None:
    data, whole = module("upper", training=False), module("full", training=False)
    (batch,) = (data.on_after_batch_transfer(batch, 0) for batch in data.val_dataloader())
    expected = keep(torch.from_numpy(whole.valid_rows().images), "upper")
    assert torch.equal(batch["image"], expected)
    assert np.array_equal(data.valid_rows().images, expected.numpy())
    assert np.array_equal(data.valid_rows().labels, whole.valid_rows().labels)


def test_whole_faces_pass_as_they_are() -> None:
    data = module("full", training=False)
    batch = next(iter(data.val_dataloader()))
    assert data.on_after_batch_transfer(batch, 0) is batch
    assert np.array_equal(data.valid_rows().images, data.samples.images[data.split.valid])
