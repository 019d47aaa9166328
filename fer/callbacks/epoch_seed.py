"""Randomness that depends on (seed, epoch) alone, so that a resumed run repeats the uninterrupted one."""

import numpy as np
import pytorch_lightning as pl


class EpochSeed(pl.Callback):
    """Reseeds torch, NumPy and Python before every training epoch (dropout, drop-path, anything a callback draws)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        words = np.random.SeedSequence([self.seed, trainer.current_epoch, trainer.global_rank]).generate_state(1)
        pl.seed_everything(int(words[0]), verbose=False)
