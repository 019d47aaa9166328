"""Which part of every batch a process of a distributed training takes."""

from dataclasses import dataclass

from fer.common.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class BatchShard:
    """Every `of`-th row, from row `rank` on.

    Strided, because batches are sorted by row and sources by class: neighbouring rows are of one class.

    Attributes:
        rank: number of this process, in [0, of).
        of: number of processes.
    """

    rank: int = 0
    of: int = 1

    @property
    def rows(self) -> slice:
        """This process's rows of a batch."""
        return slice(self.rank, None, self.of)

    def check(self, batch_size: int) -> None:
        """Refuses batches that cannot be shared equally: the mean of unequal shares' means is not the batch's mean.

        Raises:
            ConfigError: `batch_size` is no multiple of the number of processes.
        """
        if batch_size % self.of != 0:
            below = batch_size - batch_size % self.of
            near = " or ".join(str(size) for size in (below, below + self.of) if size > 0)
            raise ConfigError(
                f"data.batch_size={batch_size} is the size of a batch over all processes and cannot be shared equally "
                f"by {self.of}: give {near}"
            )


WHOLE = BatchShard()
"""One process takes all."""
