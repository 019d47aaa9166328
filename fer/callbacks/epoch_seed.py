"""Randomness that depends on (seed, epoch) alone, so that a resumed run repeats the uninterrupted one."""

import pytorch_lightning as pl

from fer.common.seeding import epoch_seed, seed_everything


class EpochSeed(pl.Callback):
    """Reseeds torch, NumPy and Python before every training epoch (dropout, drop-path, anything a callback draws).

    Each process of a distributed training draws its own.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        seed_everything(epoch_seed(self.seed, trainer.current_epoch, use="layers", process=trainer.global_rank))
