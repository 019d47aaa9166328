"""fer-train's own step: its loader, its callbacks, Lightning's loop."""

import io
from contextlib import redirect_stdout
from typing import Any

import pytorch_lightning as pl

from fer.bench.training.subject import Subject
from fer.bench.training.timing import now
from fer.callbacks.epoch_log import EpochLog
from fer.common.seeding import seed_everything
from fer.folders.run import RunFolder
from fer.training.system import build_classifier
from fer.training.trainer import build_trainer


class _Clock(pl.Callback):
    """Times from the end of the last batch of the warm-up to the end of the last batch.

    Args:
        subject: how many batches, and where.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.begin = self.end = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        """Lightning's hook; it comes before the configured callbacks', of which each batch thus counts one set."""
        batch = int(args[-1]) + 1
        if batch == self.subject.warmup:
            self.begin = now(self.subject.device)
        elif batch == self.subject.warmup + self.subject.steps:
            self.end = now(self.subject.device)


def fer_train_rate(subject: Subject) -> float:
    """Images a second of the configured training, callbacks included, validation and loggers left out."""
    config = subject.config
    assert config.run_dir is not None
    folder = RunFolder(config.run_dir)
    folder.path.mkdir(parents=True, exist_ok=True)
    seed_everything(config.seed)
    clock = _Clock(subject)
    own = [EpochLog(folder.epochs), clock]
    # What it says of its epoch is no result of the bench; nor is there a terminal for a bar within.
    with redirect_stdout(io.StringIO()):
        trainer = build_trainer(config, folder, own, accelerator=subject.accelerator, precision=subject.precision)
        trainer.fit(build_classifier(config, subject.data), datamodule=subject.data)
    # The data module serves the other contenders too, who train without a trainer.
    subject.data.trainer = None
    return subject.steps * subject.batch_size / (clock.end - clock.begin)
