"""Batches: the right rows, in an order that (seed, epoch) fixes, and never a sealed one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from fer.config.compose import compose_train
from fer.data.augment import Augment
from fer.data.augment_config import AugmentConfig
from fer.data.datamodule import BatchLoader, FERDataModule
from fer.data.samples import Split
from fer.data.sources import SyntheticConfig


def module(**settings: Any) -> FERDataModule:
    config = SyntheticConfig(name="synthetic", train=140, public=35, private=35, batch_size=32, **settings)
    data = FERDataModule(config, augment=Augment(AugmentConfig(flip_probability=0.5, rotate_degrees=10)), seed=3)
    data.setup()
    return data


def epoch(data: FERDataModule, number: int, overfit_batches: float = 0.0) -> list[int]:
    data.trainer = SimpleNamespace(current_epoch=number, overfit_batches=overfit_batches)  # type: ignore[assignment]
    return [int(row) for batch in data.train_dataloader() for row in batch["index"]]


def test_training_batches_hold_training_rows_once() -> None:
    data = module()
    rows = epoch(data, 0)
    assert len(rows) == len(set(rows)) == 128  # the last, incomplete batch is left out
    assert set(data.samples.splits[rows]) == {Split.TRAINING}
    assert len(data.train_dataloader()) == 4


def test_order_depends_on_seed_and_epoch_alone() -> None:
    assert epoch(module(), 2) == epoch(module(), 2)
    assert epoch(module(), 2) != epoch(module(), 3)


def test_batches_that_are_to_be_learned_by_heart_are_the_same_in_every_epoch() -> None:
    assert epoch(module(), 3, overfit_batches=3) == epoch(module(), 0)
    overfit = compose_train(["debug=overfit", "data=synthetic", "run_dir=unused"])
    assert overfit["trainer"]["overfit_batches"] == 3
    assert overfit["augment"] == compose_train(["augment=none", "run_dir=unused"])["augment"]


def test_validation_rows_are_public_in_order() -> None:
    data = module()
    rows = [int(row) for batch in data.val_dataloader() for row in batch["index"]]
    assert rows == data.split.valid.tolist()
    assert set(data.samples.splits[rows]) == {Split.PUBLIC}


def test_batches_are_uint8_images_with_their_labels() -> None:
    data = module()
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].dtype == torch.uint8
    assert batch["image"].shape == (32, 1, 48, 48)
    index = batch["index"].numpy()
    np.testing.assert_array_equal(batch["image"].numpy(), data.samples.images[index])
    np.testing.assert_array_equal(batch["label"].numpy(), data.samples.labels[index])


@pytest.mark.parametrize("protocol", ["official", "stratified", "kfold", "folder7178"])
def test_no_protocol_hands_out_a_sealed_row(protocol: str) -> None:
    data = module(protocol=protocol)
    handed_out = np.concatenate([data.split.train, data.split.valid])
    assert Split.PRIVATE not in set(data.samples.splits[handed_out])


def test_oversampling_gives_equal_shares() -> None:
    data = module(sampling="oversample")
    counts = np.bincount(data.samples.labels[epoch(data, 0)], minlength=7)
    assert counts.max() - counts.min() <= 32  # one incomplete batch is left out


def test_augmentation_happens_in_training_only_and_repeats() -> None:
    data = module()
    batch = next(iter(data.train_dataloader()))
    system = SimpleNamespace(view_size=48)
    for training in (False, True):
        trainer = SimpleNamespace(training=training, current_epoch=1, global_rank=0, lightning_module=system)
        data.trainer = trainer  # type: ignore[assignment]
        out = data.on_after_batch_transfer(batch, 0)
        assert torch.equal(out["image"].float(), batch["image"].float()) is not training
    again = module()
    again.trainer = data.trainer
    assert torch.equal(again.on_after_batch_transfer(batch, 0)["image"], out["image"])


def test_loader_keeps_the_last_incomplete_batch_where_asked() -> None:
    samples = module().samples
    loader = BatchLoader(samples, np.arange(10), batch_size=4)
    assert [len(batch["label"]) for batch in loader] == [4, 4, 2]
    assert len(loader) == 3
