"""Training batches without end: passes over the data, one after the other, as one epoch of a chosen length."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from fer.data.datamodule import Batch, BatchLoader, FERDataModule

_T = TypeVar("_T")


def passes(loader: Iterable[_T]) -> Iterator[_T]:
    """Batches without end, of a loader with at least one."""
    while True:
        yield from loader


class RepeatedLoader:
    """Shows so many batches of a loader, in as many passes over it as they take.

    Args:
        loader: what is shown; at least one batch a pass.
        batches: how many.
    """

    def __init__(self, loader: BatchLoader, *, batches: int) -> None:
        self.loader = loader
        self.batches = batches

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        return islice(passes(self.loader), self.batches)


class RepeatedData(FERDataModule):
    """fer-train's data, in one epoch of `batches` batches, however few the data are."""

    batches: int = 1

    def train_dataloader(self) -> RepeatedLoader:  # type: ignore[override]
        """Lightning's hook."""
        return RepeatedLoader(super().train_dataloader(), batches=self.batches)
