"""Training faces as they are beside the validation faces: does the net learn emotions, or faces by heart?"""

import logging
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from torch.nn import functional as F

from fer.callbacks.drawing import parting_curves
from fer.callbacks.epoch_log import read_lines
from fer.callbacks.every_n_epochs import EveryNEpochs
from fer.callbacks.figure_log import show
from fer.common.errors import ConfigError
from fer.common.files import write_json
from fer.common.wording import counted
from fer.metrics.parting import parting

log = logging.getLogger(__name__)


class Overfitting(EveryNEpochs):
    """Judges fixed training faces without augmentation as the validation faces are, and says where the two part.

    Logs `plain/loss` and `plain/accuracy`, draws them beside the validation's, and at the end tells in words whether
    the losses part and why the training ended when it did. Augmented faces, which `train/loss` is of, are harder than
    validation faces and hide it.

    Args:
        run_dir: the run folder; it gets `figures/overfitting.png` and `overfitting.json`.
        every_n_epochs: 1 or more.
        faces: how many training faces, over all processes; 1 or more.
    """

    def __init__(self, run_dir: str, *, every_n_epochs: int = 1, faces: int = 2000) -> None:
        super().__init__(run_dir, every_n_epochs=every_n_epochs)
        if faces < 1:
            raise ConfigError(f"faces={faces} must be at least 1")
        self.faces = faces
        self._batches: list[dict[str, torch.Tensor]] | None = None

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook; averaged weights are in their place by then, for `callbacks.ema` stands before."""
        if trainer.sanity_checking or not self.is_due(trainer):
            return
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        if self._batches is None:
            self._batches = list(datamodule.plain_dataloader(self.faces))
        system: Any = pl_module
        # Loss, right ones and faces.
        sums_3 = torch.zeros(3, device=pl_module.device)
        for kept in self._batches:
            batch = {name: tensor.to(pl_module.device) for name, tensor in kept.items()}
            label_B = batch["label"]
            logits_BK = system.class_logits(datamodule.on_after_batch_transfer(batch, 0)["image"])
            sums_3[0] += F.cross_entropy(logits_BK, label_B, reduction="sum")
            sums_3[1] += (logits_BK.argmax(dim=1) == label_B).sum()
            sums_3[2] += len(label_B)
        if trainer.world_size > 1:
            reduced: Any = trainer.strategy.reduce(sums_3, reduce_op="sum")
            sums_3 = reduced
        loss, right, count = sums_3
        pl_module.log_dict({"plain/loss": loss / count, "plain/accuracy": right / count}, sync_dist=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook; the epoch's line is written by then."""
        if trainer.is_global_zero and self.is_due(trainer):
            self._tell(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tells in words what happened."""
        if not trainer.is_global_zero:
            return
        why, words = self._tell(trainer)
        log.info("overfitting: %s %s", why, words or "There are too few epochs to tell whether the losses part.")

    def _tell(self, trainer: pl.Trainer) -> tuple[str, str | None]:
        """Draws, and writes what was found: why the training ended, and where there is enough to tell, how it went."""
        epochs = read_lines(self.run_dir / "metrics.jsonl")
        found = parting(epochs)
        parted = None if found is None else found.epoch
        show(trainer, parting_curves(epochs, parted=parted), self.picture("overfitting"), name="figures/overfitting")
        words = None if found is None else found.words
        why = why_it_ended(trainer, epochs=len(epochs))
        write_json(
            self.run_dir / "overfitting.json",
            {
                "parted_after_epoch": None if parted is None else parted + 1,
                "words": words,
                "end": why,
            },
        )
        return why, words


def why_it_ended(trainer: pl.Trainer, *, epochs: int) -> str:
    """Why a training trains no further epoch, in a sentence.

    Args:
        trainer: with its callbacks for early stopping.
        epochs: trained so far.
    """
    for stopping in trainer.early_stopping_callbacks:
        assert isinstance(stopping, EarlyStopping)
        if stopping.stopping_reason is EarlyStoppingReason.NOT_STOPPED:
            continue
        told = f"Stopped early after {epochs} of {trainer.max_epochs} epochs: "
        if stopping.stopping_reason is not EarlyStoppingReason.PATIENCE_EXHAUSTED:
            return told + str(stopping.stopping_reason_message).removesuffix(" Signaling Trainer to stop.")
        verb = "rise above" if stopping.mode == "max" else "fall below"
        best = float(stopping.best_score)
        least = abs(float(stopping.min_delta))
        enough = f" by more than {least:g}" if least > 0 else ""
        return f"{told}{stopping.monitor} did not {verb} {best:.4f}{enough} in {counted(stopping.patience, 'epoch')}."
    return f"Trained {epochs} of {trainer.max_epochs} epochs."
