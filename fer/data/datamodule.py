"""Batches of faces: whole batches indexed from the packed array, augmented on the device."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor

from fer.data.augment import Augment
from fer.data.protocol import ProtocolSplit, split_rows
from fer.data.samples import FaceSamples, Split
from fer.data.sampling import epoch_order
from fer.data.sources import DataConfig, open_samples
from fer.errors import DataError
from fer.labels import NUM_CLASSES

Batch = dict[str, Tensor]


class BatchLoader:
    """Iterates over `rows` of `samples` in whole batches; each pass asks `order` for its epoch's order.

    A loader of worker processes would only slow this down: one numpy gather reads a batch of 48 px faces in well
    under a millisecond.

    Yields:
        dict of `image` uint8 (B, C, H, W), `label` int64 (B,), `index` int64 (B,), the row in `samples`.
    """

    def __init__(
        self,
        samples: FaceSamples,
        rows: npt.NDArray[np.int64],
        *,
        batch_size: int,
        order: Callable[[], npt.NDArray[np.int64]] | None = None,
        drop_last: bool = False,
    ) -> None:
        self.samples = samples
        self.rows = rows
        self.batch_size = batch_size
        self.order = order
        self.drop_last = drop_last

    @property
    def _length(self) -> int:
        return len(self.rows) if self.order is None else len(self.order())

    def __len__(self) -> int:
        full, rest = divmod(self._length, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        rows = self.rows if self.order is None else self.rows[self.order()]
        end = len(rows) - len(rows) % self.batch_size if self.drop_last else len(rows)
        for start in range(0, end, self.batch_size):
            # A sorted gather walks a memory-mapped file forwards.
            batch = np.sort(rows[start : start + self.batch_size])
            yield {
                "image": torch.from_numpy(np.ascontiguousarray(self.samples.images[batch])),
                "label": torch.from_numpy(self.samples.labels[batch]),
                "index": torch.from_numpy(batch),
            }


class FERDataModule(pl.LightningDataModule):
    """The training and the selection rows of one source under one protocol.

    PrivateTest is sealed: `setup` takes the protocol's rows and lets go of all others.

    Args:
        config: which source, protocol and batches.
        augment: applied to training batches on the device; None trains on the images as they are.
        seed: of order and augmentation; both depend on (seed, epoch) alone, so a resumed run repeats them exactly.
    """

    def __init__(self, config: DataConfig, *, augment: Augment | None, seed: int) -> None:
        super().__init__()
        self.config = config
        self.augment = augment
        self.seed = seed
        self.fingerprint = ""
        self.source = ""
        self.unreadable: tuple[str, ...] = ()
        self.split_sizes: dict[str, int] = {}
        self._samples: FaceSamples | None = None
        self._split: ProtocolSplit | None = None
        self._generator: torch.Generator | None = None
        self._generator_epoch = -1

    def setup(self, stage: str | None = None) -> None:
        """Opens the data once.

        Raises:
            DataError: the source is missing or broken, or too small for the protocol or a batch.
        """
        if self._samples is not None:
            return
        packed = open_samples(self.config)
        samples = packed.samples
        self._split = split_rows(
            samples,
            protocol=self.config.protocol,
            seed=self.seed,
            folds=self.config.folds,
            fold=self.config.fold,
            holdout=self.config.holdout,
            dedup=self.config.dedup,
        )
        if len(self._split.train) < 2:
            raise DataError(f"{samples.source}: protocol {self.config.protocol} leaves {len(self._split.train)} rows")
        self._samples = samples
        self.fingerprint = packed.fingerprint
        self.source = samples.source
        self.unreadable = samples.unreadable
        self.split_sizes = {str(split): int((samples.splits == split).sum()) for split in Split}

    @property
    def samples(self) -> FaceSamples:
        """All samples; rows outside `split` are not for training."""
        assert self._samples is not None, "setup() comes first"
        return self._samples

    @property
    def split(self) -> ProtocolSplit:
        """Rows for training and for selection."""
        assert self._split is not None, "setup() comes first"
        return self._split

    @property
    def class_counts(self) -> npt.NDArray[np.int64]:
        """int64 (7,): training rows per emotion."""
        return np.bincount(self.samples.labels[self.split.train], minlength=NUM_CLASSES)

    def valid_rows(self) -> FaceSamples:
        """The selection samples, in the order of `val_dataloader`."""
        return self.samples.take(self.split.valid)

    def train_dataloader(self) -> BatchLoader:
        """Shuffled batches; the last incomplete one is left out (a batch of one has no batch statistics)."""
        rows = self.split.train
        labels = self.samples.labels[rows]

        def order() -> npt.NDArray[np.int64]:
            epoch = 0 if self.trainer is None else self.trainer.current_epoch
            return epoch_order(labels, mode=self.config.sampling, seed=self.seed, epoch=epoch)

        return BatchLoader(
            self.samples,
            rows,
            batch_size=min(self.config.batch_size, len(rows)),
            order=order,
            drop_last=True,
        )

    def val_dataloader(self) -> BatchLoader:
        """The selection rows in order."""
        return BatchLoader(self.samples, self.split.valid, batch_size=max(256, self.config.batch_size))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Augments training batches where they are: on the device."""
        trainer = self.trainer
        if self.augment is None or trainer is None or not trainer.training:
            return batch
        image_BCHW = batch["image"]
        if trainer.current_epoch != self._generator_epoch or self._generator is None:
            self._generator_epoch = trainer.current_epoch
            self._generator = torch.Generator(device=image_BCHW.device)
            words = np.random.SeedSequence([self.seed, trainer.current_epoch, trainer.global_rank]).generate_state(1)
            self._generator.manual_seed(int(words[0]))
        # The net trains at a resolution of its own, and one resampling does both.
        size: Any = trainer.lightning_module.train_size
        return self.augment.batch(batch, size=size, generator=self._generator)
