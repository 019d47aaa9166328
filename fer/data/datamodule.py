"""Batches of faces: whole batches indexed from the packed array, augmented on the device."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor

from fer.common.errors import ConfigError, DataError
from fer.common.seeding import epoch_seed
from fer.data.augment import Augment
from fer.data.batch_shard import WHOLE, BatchShard
from fer.data.occlusion import keep
from fer.data.other_labels import check_labels
from fer.data.own_augment import OwnAugment
from fer.data.own_sampler import Order
from fer.data.persons import warn_of_shared_persons
from fer.data.protocol import ProtocolSplit
from fer.data.regions import Region
from fer.data.samples import FaceSamples, Split
from fer.data.sampling import epoch_counts, epoch_order
from fer.data.selection import Selection, Targets
from fer.data.sources import DataConfig, open_samples
from fer.data.steps import select

Batch = dict[str, Tensor]


class BatchLoader:
    """Iterates over `rows` of `samples` in whole batches; each pass asks `order` for its epoch's order.

    A loader of worker processes would only slow this down: one numpy gather reads a batch of 48 px faces in well
    under a millisecond.

    Args:
        samples: N samples.
        rows: those to show, int64 (M,).
        batch_size: rows a batch, over all processes.
        order: gives positions in `rows` for a pass; None keeps their order.
        drop_last: leave out a last batch that is not full.
        labels: gives int64 (N,) labels for a pass in place of the samples' own.
        targets: float32 (N, K) soft targets of the samples, or (N, 2 K) for a net with two heads.
        share: this process's part of every batch. Every process has as many batches as every other, none of them
            empty (with at least as many rows as processes), because they wait for each other.

    Yields:
        dict of `image` uint8 (B, C, H, W), `label` int64 (B,), `index` int64 (B,), the row in `samples`, and with
        `targets` `target` float32 (B, K or 2 K).
    """

    def __init__(
        self,
        samples: FaceSamples,
        rows: npt.NDArray[np.int64],
        *,
        batch_size: int,
        order: Callable[[], npt.NDArray[np.int64]] | None = None,
        drop_last: bool = False,
        labels: Callable[[], npt.NDArray[np.int64]] | None = None,
        targets: npt.NDArray[np.float32] | None = None,
        share: BatchShard = WHOLE,
    ) -> None:
        self.samples = samples
        self.rows = rows
        self.batch_size = batch_size
        self.order = order
        self.drop_last = drop_last
        self.labels = labels
        self.targets = targets
        self.share = share

    @property
    def _length(self) -> int:
        return len(self.rows) if self.order is None else len(self.order())

    def __len__(self) -> int:
        return len(self._bounds(self._length))

    def __iter__(self) -> Iterator[Batch]:
        rows = self.rows if self.order is None else self.rows[self.order()]
        labels = self.samples.labels if self.labels is None else self.labels()
        for start, end in self._bounds(len(rows)):
            # A sorted gather walks a memory-mapped file forwards.
            batch = np.sort(rows[start:end])[self.share.rows]
            shown = {
                "image": torch.from_numpy(np.ascontiguousarray(self.samples.images[batch])),
                "label": torch.from_numpy(labels[batch]),
                "index": torch.from_numpy(batch),
            }
            if self.targets is not None:
                shown["target"] = torch.from_numpy(self.targets[batch])
            yield shown

    def _bounds(self, count: int) -> list[tuple[int, int]]:
        """First row and end of each batch of `count` rows."""
        starts = list(range(0, count, self.batch_size))
        ends = [*starts[1:], count]
        if len(starts) > 0 and count - starts[-1] < self.batch_size and self.drop_last:
            starts, ends = starts[:-1], ends[:-1]
        elif len(starts) > 1 and count - starts[-1] < self.share.of:
            # A last batch with fewer rows than processes would leave some without: it joins the one before.
            starts, ends = starts[:-1], [*ends[:-2], count]
        return list(zip(starts, ends, strict=True))


class FERDataModule(pl.LightningDataModule):
    """The training and the selection rows of one source under one protocol.

    PrivateTest is sealed: `setup` takes the protocol's rows and lets go of all others.

    Args:
        config: which source, protocol and batches.
        augment: applied to training batches on the device; None trains on the images as they are.
        sampler: the order of every epoch; None for that of `data.sampling`.
        seed: of order and augmentation; both depend on (seed, epoch) alone, so a resumed run reproduces them exactly.
        visible: the part of every face that training and selection are shown (`fer.data.occlusion.keep`). It is cut
            after augmentation, at the resolution the net trains at, so that its border always lies where it lies in
            the selection faces.
        share: this process's part of every batch. `data.batch_size` counts the rows of all processes together, and the
            rows of a batch and their augmentation do not depend on how many there are.
    """

    def __init__(
        self,
        config: DataConfig,
        *,
        augment: Augment | OwnAugment | None,
        seed: int,
        sampler: Order | None = None,
        visible: Region = "full",
        share: BatchShard = WHOLE,
    ) -> None:
        super().__init__()
        self.config = config
        self.augment = augment
        self.seed = seed
        self.sampler = sampler
        self.visible: Region = visible
        self.share = share
        self.fingerprint = ""
        self.source = ""
        self.unreadable: tuple[str, ...] = ()
        self.split_sizes: dict[str, int] = {}
        self._selection: Selection | None = None
        self._generator: torch.Generator | None = None
        self._generator_epoch = -1

    def setup(self, stage: str | None = None) -> None:
        """Opens the data once.

        Raises:
            DataError: the source is missing or broken, or too small for the protocol or a batch.
            ConfigError: batches that several processes cannot share equally.
        """
        if self._selection is not None:
            return
        self.share.check(self.config.batch_size)
        packed = open_samples(self.config)
        check_labels(packed.samples, self.labels)
        warn_of_shared_persons(packed.samples)
        selection = select(packed.samples, self.config, seed=self.seed)
        samples, split = selection.samples, selection.split
        if len(split.train) < 2:
            raise DataError(f"{samples.source}: protocol {self.config.protocol} leaves {len(split.train)} rows")
        fewest = min(len(split.train), len(split.valid))
        if fewest < self.share.of:
            raise DataError(
                f"{samples.source}: {fewest} rows are too few for {self.share.of} processes: trainer.devices=1"
            )
        self._selection = selection
        self.fingerprint = packed.fingerprint
        self.source = samples.source
        self.unreadable = samples.unreadable
        self.split_sizes = {str(split): int((samples.splits == split).sum()) for split in Split}

    @property
    def selection(self) -> Selection:
        """What the steps of the configuration made of the source's samples."""
        assert self._selection is not None, "setup() comes first"
        return self._selection

    @property
    def samples(self) -> FaceSamples:
        """All samples; rows outside `split` are not for training."""
        return self.selection.samples

    @property
    def split(self) -> ProtocolSplit:
        """Rows for training and for selection."""
        return self.selection.split

    @property
    def targets(self) -> Targets:
        """What training takes the samples for."""
        return self.selection.targets

    @property
    def labels(self) -> tuple[str, ...]:
        """What is predicted, K names in the order of a model's outputs."""
        return self.config.labels

    @property
    def heads(self) -> int:
        """How many heads the targets are for: 2 for labels and votes (`data.targets=both`), else 1."""
        return self.targets.heads

    @property
    def class_counts(self) -> npt.NDArray[np.int64]:
        """int64 (K,): training rows per label, by the labels that training uses."""
        return np.bincount(self.targets.labels[self.split.train], minlength=len(self.labels))

    @property
    def epoch_counts(self) -> npt.NDArray[np.int64]:
        """int64 (K,): training faces that an epoch shows of each label, after `data.sampling` or by the sampler that is
        in its place."""
        labels = self.targets.labels[self.split.train]
        if self.sampler is None:
            return epoch_counts(labels, mode=self.config.sampling, classes=len(self.labels))
        return np.bincount(labels[self.sampler(labels, seed=self.seed, epoch=0)], minlength=len(self.labels))

    @property
    def balances(self) -> str:
        """The setting by which an epoch shows other numbers of each label than there are; empty for none."""
        if self.sampler is not None:
            return "sampler"
        return "" if self.config.sampling == "shuffle" else f"data.sampling={self.config.sampling}"

    def valid_rows(self) -> FaceSamples:
        """The selection samples, in the order of `val_dataloader`, as the net sees them there."""
        return self.seen(self.split.valid)

    def seen(self, rows: npt.NDArray[np.int64]) -> FaceSamples:
        """The samples of these rows, none augmented, with what is not to be seen of them hidden."""
        samples = self.samples.take(rows)
        if self.visible == "full":
            return samples
        return replace(samples, images=keep(torch.from_numpy(samples.images), self.visible).numpy())

    def train_dataloader(self) -> BatchLoader:
        """Shuffled batches; the last incomplete one is left out (a batch of one has no batch statistics).

        With the Trainer's `overfit_batches` every epoch has the order of the first, so that its batches are the same.
        """
        rows, targets = self.split.train, self.targets
        labels = targets.labels[rows]
        batch_size = min(self.config.batch_size, len(rows) - len(rows) % self.share.of)

        def epoch() -> int:
            trainer: Any = self.trainer
            return 0 if trainer is None or trainer.overfit_batches > 0 else int(trainer.current_epoch)

        # Lightning asks for an epoch's length and then for its batches.
        @lru_cache(maxsize=1)
        def order(epoch: int) -> npt.NDArray[np.int64]:
            if self.sampler is None:
                return epoch_order(labels, mode=self.config.sampling, seed=self.seed, epoch=epoch)
            shown = self.sampler(labels, seed=self.seed, epoch=epoch)
            if len(shown) < batch_size:
                raise ConfigError(
                    f"sampler: it shows {len(shown)} rows in epoch {epoch}, fewer than a batch of {batch_size}: set "
                    f"data.batch_size={max(1, len(shown))} or less, or show more"
                )
            return shown

        return BatchLoader(
            self.samples,
            rows,
            batch_size=batch_size,
            order=lambda: order(epoch()),
            drop_last=True,
            labels=lambda: targets.epoch_labels(seed=self.seed, epoch=epoch()),
            targets=targets.soft,
            # Partners of mixed images may be in another's share: then each process augments the whole batch.
            share=WHOLE if self.augment is not None and self.augment.mixes else self.share,
        )

    def val_dataloader(self) -> BatchLoader:
        """The selection rows in order; each is in the share of one process."""
        return BatchLoader(
            self.samples, self.split.valid, batch_size=max(256, self.config.batch_size), share=self.share
        )

    def plain_dataloader(self, faces: int) -> BatchLoader:
        """So many of the training rows, evenly spread and in order: the same ones at every pass, also after a resume.

        Labels are the samples' own, as the validation's are.
        """
        rows = self.split.train
        some = np.linspace(0, len(rows) - 1, min(faces, len(rows))).round().astype(np.int64)
        return BatchLoader(self.samples, rows[some], batch_size=max(256, self.config.batch_size), share=self.share)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Augments training batches where they are, on the device, and hides what is not to be seen of any batch."""
        batch = self._augmented(batch)
        return batch if self.visible == "full" else {**batch, "image": keep(batch["image"], self.visible)}

    def _augmented(self, batch: Batch) -> Batch:
        trainer = self.trainer
        if self.augment is None or trainer is None or not trainer.training:
            return batch
        image_BCHW = batch["image"]
        if trainer.current_epoch != self._generator_epoch or self._generator is None:
            self._generator_epoch = trainer.current_epoch
            self._generator = torch.Generator(device=image_BCHW.device)
            self._generator.manual_seed(epoch_seed(self.seed, trainer.current_epoch, use="augmentation"))
        # Training has a resolution of its own, and one resampling does both.
        size: Any = trainer.lightning_module.view_size
        return self.augment.batch(batch, size=size, generator=self._generator, share=self.share)
