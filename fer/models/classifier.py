"""The Lightning system around a net: loss, metrics, optimiser, schedule."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from fer.common.errors import ConfigError, nearest
from fer.models.epoch_metrics import EpochMetrics
from fer.models.heads import merged_logits
from fer.models.optimizer import state_of_earlier_versions
from fer.models.preprocess import Preprocess
from fer.models.protocols import Teaches
from fer.models.restored import restored
from fer.models.schedule import OwnSchedulerConfig, SchedulerConfig, build_scheduler
from fer.models.self_distillation import SelfDistillationTargets


class Classifier(pl.LightningModule):
    """Trains any net on face batches.

    A class derived from it may have steps of its own, and arguments of its own by keyword, which it passes on but for
    those; `build_net`, a static or class method that takes `in_channels`, `num_classes` and `size` as far as it needs
    them, gives its net. Without one it trains the net that `model.name` names.

    Args:
        net: image batch (B, C, H, W) -> logits (B, K).
        preprocess: stored images -> what the net sees.
        loss: (logits, label, target or None) -> scalar.
        optimizer: parameter groups -> optimiser; None for a net without trainable parameters.
        scheduler: the learning rate over the run.
        train_sizes: (share of training done from which it holds, training resolution in pixels), the shares rising
            from 0; None = the net's own.
        description: what a checkpoint needs to be a model on its own, as plain values; saved under "fer".
        channels_last: run convolutions in NHWC memory order.
        teachers: whose predictions are part of the target; None: nobody's.
        votes_share: of a net with two heads, the weight of the votes' in what is validated; None for one head.
        self_distillation: makes the net's own predictions of earlier epochs part of the target; None: they are not.
        metrics: of the selection faces, logged as `valid/NAME`; None: the loss alone.

    Attributes:
        tables: name -> what a metric that is no number said of the last validation, as nested lists.
        undefined: name -> why a metric of the last validation has no value.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        preprocess: Preprocess,
        description: Mapping[str, Any],
        loss: nn.Module,
        optimizer: torch.optim.Optimizer | None,
        scheduler: SchedulerConfig | OwnSchedulerConfig,
        train_sizes: Sequence[tuple[float, int]] | None = None,
        channels_last: bool = True,
        teachers: Teaches | None = None,
        votes_share: float | None = None,
        self_distillation: SelfDistillationTargets | None = None,
        metrics: EpochMetrics | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.preprocess = preprocess
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.train_sizes = train_sizes
        self.description = dict(description)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.teachers = teachers
        self.votes_share = votes_share
        self.self_distillation = self_distillation
        self.metrics = EpochMetrics({}) if metrics is None else metrics
        self.tables: dict[str, list[object]] = {}
        self.undefined: dict[str, str] = {}
        self._moved_on: list[object] = []
        self._train_loss: list[Tensor] = []
        self._valid: list[tuple[Tensor, Tensor]] = []

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls, checkpoint_path: str | Path, map_location: torch.device | str | None = None
    ) -> Self:
        """The system in a checkpoint of `fer-train`, in eval mode: it says itself how net, preprocessing and loss are
        built, so nothing else is needed. No code in the file is run.

        Args:
            checkpoint_path: `best.ckpt` or `last.ckpt` of a run folder.
            map_location: the device; None leaves it on the CPU.

        Raises:
            CheckpointError: missing, damaged, or not ours.
            ConfigError: its net, loss or system is a class of a package that nobody allowed; the message says how.
        """
        system = restored(Path(checkpoint_path), cls=cls, base=Classifier).eval()
        assert isinstance(system, cls)
        return system if map_location is None else system.to(map_location)

    @property
    def train_size(self) -> int:
        """Height and width of training images in this epoch, in pixels."""
        if self.train_sizes is None:
            return self.preprocess.size
        return max((share, size) for share, size in self.train_sizes if share <= self._done)[1]

    @property
    def _done(self) -> float:
        """Share of the training's epochs that are over, in [0, 1)."""
        assert self.trainer.max_epochs is not None
        return self.trainer.current_epoch / self.trainer.max_epochs

    @property
    def view_size(self) -> int:
        """Height and width in which training images are wanted: no less than what the teachers see, in pixels."""
        return self.train_size if self.teachers is None else max(self.train_size, self.teachers.size)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Stored images (B, C, H, W), uint8 or float in [0, 255] -> logits (B, K), of two heads (B, 2 K)."""
        x_BCHW = self.preprocess(image_BCHW).contiguous(memory_format=self.memory_format)
        logits_BK: Tensor = self.net(x_BCHW)
        return logits_BK

    def class_logits(self, image_BCHW: Tensor) -> Tensor:
        """Stored images (B, C, H, W), uint8 or float in [0, 255] -> logits float32 (B, K), of two heads merged."""
        logits: Tensor = self(image_BCHW).float()
        return logits if self.votes_share is None else merged_logits(logits, votes_share=self.votes_share)

    def _training_logits(self, x_BCHW: Tensor) -> Tensor:
        """What the net gives in training.

        Raises:
            ConfigError: something else than logits, or it cannot train on a single face.
        """
        try:
            logits_BK = self.net(x_BCHW)
        except ValueError as error:
            if len(x_BCHW) > 1 or "more than 1 value per channel" not in str(error):
                raise
            raise ConfigError(
                "data.batch_size=1: this net's batch norms have no statistics of one face: give 2 or more"
            ) from error
        if not isinstance(logits_BK, Tensor):
            raise ConfigError(
                f"the net {type(self.net).__name__} gives a {type(logits_BK).__name__} in training, no tensor of "
                "logits: let it give logits alone (of torchvision's, model.params.aux_logits=false), or train it by a "
                "class derived from fer.models.classifier.Classifier"
            )
        return logits_BK

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor] | None:
        """`loss`, and for callbacks `logits` (B, K or 2 K), detached, and `label` (B,) of one batch.

        None (no step) for a net that has nothing to learn.
        """
        x_BCHW = self.preprocess(batch["image"], size=self.train_size).contiguous(memory_format=self.memory_format)
        logits_BK = self._training_logits(x_BCHW)
        loss = self.loss(logits_BK, batch["label"], self._target(batch, logits_BK.shape[1]))
        if self.self_distillation is not None:
            self.self_distillation.remember(batch["index"], logits_BK)
        # Kept on the device and logged once an epoch: `self.log` costs 2 ms each time.
        self._train_loss.append(loss.detach())
        if self.trainer.is_last_batch:
            # The mean over equal shares is the mean over all rows. Of the epoch: loggers are handed the numbers of a
            # step only every so many steps, and this one comes once.
            loss_of_epoch = torch.stack(self._train_loss).mean()
            self.log("train/loss", loss_of_epoch, on_step=False, on_epoch=True, batch_size=1, sync_dist=True)
            self._train_loss.clear()
        if not loss.requires_grad:
            return None
        return {"loss": loss, "logits": logits_BK.detach(), "label": batch["label"]}

    def _target(self, batch: dict[str, Tensor], num_classes: int) -> Tensor | None:
        """The soft target (B, K) of a batch; None where labels say it all."""
        target_BK = batch.get("target")
        if self.teachers is None and self.self_distillation is None:
            return target_BK
        if target_BK is None:
            target_BK = nn.functional.one_hot(batch["label"], num_classes).float()
        if self.teachers is not None:
            target_BK = torch.lerp(target_BK, self.teachers(batch["image"]), self.teachers.weight)
        if self.self_distillation is not None:
            target_BK = self.self_distillation.soften(target_BK, batch["index"], done=self._done)
        return target_BK

    def on_fit_start(self) -> None:
        """Lightning's hook; what the targets come from is no part of this module, which it has moved already."""
        for source in (self.teachers, self.self_distillation):
            if source is not None:
                source.to(self.device)

    def on_train_epoch_start(self) -> None:
        """An interrupted epoch leaves nothing behind."""
        self._train_loss.clear()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Collects logits; the metrics are of the whole set, not means over batches.

        Returns, for callbacks, `loss` (the mean cross-entropy), `logits` float32 (B, K) and `label` (B,).
        """
        logits = self.class_logits(batch["image"])
        self._valid.append((logits, batch["label"]))
        return {"loss": nn.functional.cross_entropy(logits, batch["label"]), "logits": logits, "label": batch["label"]}

    def on_validation_epoch_end(self) -> None:
        """Logs the loss and the metrics of the selection rows, each row of each process counted once."""
        logits_NK = torch.cat([logits for logits, _ in self._valid])
        label_N = torch.cat([label for _, label in self._valid])
        self._valid.clear()
        if self._train_loss and self.trainer.should_stop:
            # A limit by the clock (trainer.max_time) ended the epoch between two batches: the loss is of those it had.
            self.log("train/loss", torch.stack(self._train_loss).mean(), batch_size=1, sync_dist=True)
            self._train_loss.clear()
        loss = nn.functional.cross_entropy(logits_NK, label_N, reduction="sum")
        count = torch.tensor(float(len(label_N)), device=loss.device)
        if self.trainer.world_size > 1:
            loss, count = (self.trainer.strategy.reduce(each, reduce_op="sum") for each in (loss, count))
        scores = self.metrics(logits_NK.softmax(dim=1), label_N)
        self.tables = {f"valid/{name}": table for name, table in scores.tables.items()}
        self.undefined = {f"valid/{name}": reason for name, reason in scores.undefined.items()}
        self.log_dict(
            {"valid/loss": loss / count, **{f"valid/{name}": value for name, value in scores.values.items()}},
            # Equal on all processes already; said so that Lightning does not warn.
            sync_dist=True,
        )

    def configure_optimizers(self) -> Any:
        """The optimiser and its schedule over the whole run."""
        if self.optimizer is None:
            return None
        steps, epochs = int(self.trainer.estimated_stepping_batches), self.trainer.max_epochs
        assert epochs is not None
        return {
            "optimizer": self.optimizer,
            "lr_scheduler": build_scheduler(self.scheduler, self.optimizer, steps=steps, epochs=epochs),
        }

    def on_train_epoch_end(self) -> None:
        """Moves on a schedule that waits for a metric to stall, before the epoch's checkpoint is written.

        Lightning does it afterwards: a training that goes on from the checkpoint would not know of the epoch.

        Raises:
            ConfigError: it waits for what nobody logged.
        """
        logged = self.trainer.callback_metrics
        for config in self.trainer.lr_scheduler_configs:
            schedule, monitor = config.scheduler, config.monitor or ""
            if not isinstance(schedule, ReduceLROnPlateau) or config.interval != "epoch":
                continue
            if monitor not in logged:
                there = ", ".join(sorted(logged))
                raise ConfigError(
                    f"scheduler.monitor={monitor}: nothing of that name was logged{nearest(monitor, logged)}; "
                    f"there are {there}"
                )
            if (self.trainer.current_epoch + 1) % config.frequency == 0:
                schedule.step(logged[monitor])
                self._moved_on.append(schedule)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Lightning's hook; steps what `on_train_epoch_end`, which a class derived from this may replace, did not."""
        if any(scheduler is each for each in self._moved_on):
            self._moved_on.remove(scheduler)
        else:
            super().lr_scheduler_step(scheduler, metric)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what the file needs to be a model on its own, and to go on with the training."""
        checkpoint["fer"] = self.description
        if self.self_distillation is not None:
            checkpoint["self_distillation"] = self.self_distillation.prediction_NK.cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook, when a training goes on."""
        # Checkpoints of earlier versions call it "own_answers".
        kept = checkpoint.get("self_distillation", checkpoint.get("own_answers"))
        if self.self_distillation is not None and kept is not None:
            self.self_distillation.load(kept)
        if self.optimizer is not None:
            states = checkpoint.get("optimizer_states", [])
            checkpoint["optimizer_states"] = [state_of_earlier_versions(state, self.optimizer) for state in states]
