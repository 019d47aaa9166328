"""What every contender trains: one net, one set of faces, one length."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from fer.bench.training.repeated import RepeatedData
from fer.common.errors import ConfigError
from fer.config.schema import TrainConfig, validate
from fer.data.augment import Augment
from fer.data.augment_config import AugmentConfig
from fer.models.accelerator import Accelerator, resolve_accelerator, resolve_precision
from fer.models.loss_config import LossConfig
from fer.training.system import build_classifier

_PRECISIONS: Final[Mapping[str, torch.dtype | None]] = {
    "32-true": None,
    "32": None,
    "bf16-mixed": torch.bfloat16,
    "bf16": torch.bfloat16,
}
"""Lightning's names of the precisions a bare loop has a line for, and what autocast computes in."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is trained.

    Attributes:
        config: one epoch of `warmup + steps` batches at the net's full size.
        augment: its augmentation, one of ours.
        loss: its loss, one of ours.
        data: set up.
        accelerator: where.
        precision: Lightning's name.
        steps: batches timed.
        warmup: batches before them.
    """

    config: TrainConfig
    augment: AugmentConfig
    loss: LossConfig
    data: RepeatedData
    accelerator: Accelerator
    precision: str
    steps: int
    warmup: int

    @property
    def device(self) -> torch.device:
        """The accelerator as torch names it."""
        return torch.device(self.accelerator)

    @property
    def batch_size(self) -> int:
        """Images a step."""
        return self.data.train_dataloader().loader.batch_size

    @property
    def autocast(self) -> torch.dtype | None:
        """What autocast computes in; None where it is off."""
        return _PRECISIONS[self.precision]


def open_subject(tree: Mapping[str, Any], *, steps: int, warmup: int) -> Subject:
    """Opens the data and fixes what is compared.

    Args:
        tree: a configuration of fer-train.
        steps: batches timed.
        warmup: batches before them.

    Raises:
        ConfigError: a configuration that cannot be, or whose precision is not compared here.
        DataError: the data cannot be opened.
    """
    batches = steps + warmup
    length = {"max_epochs": 1, "limit_train_batches": batches, "limit_val_batches": 1}
    config = validate(
        {
            **tree,
            "trainer": {**tree["trainer"], **length},
            # One resolution throughout, the net's own: the others have no growing one.
            "model": {**tree["model"], "train_sizes": None},
            "logger": {},
        }
    )
    accelerator = resolve_accelerator(config.trainer.accelerator)
    precision = resolve_precision(config.trainer.precision, accelerator)
    if precision not in _PRECISIONS:
        raise ConfigError(
            f"trainer.precision={precision} is not compared here: measure with one of {', '.join(_PRECISIONS)}"
        )
    if not isinstance(config.augment, AugmentConfig) or not isinstance(config.loss, LossConfig):
        raise ConfigError("augment._target_ and loss._target_ are not compared here: the other contenders lack them")
    data = RepeatedData(
        config.data, augment=Augment(config.augment, num_classes=len(config.label_names)), seed=config.seed
    )
    data.batches = batches
    data.setup()
    if build_classifier(config, data).optimizer is None:
        raise ConfigError(
            f"model={config.model.name} has nothing to learn, so its training has no speed: choose another model, or "
            "leave training out of bench.what"
        )
    return Subject(
        config=config,
        augment=config.augment,
        loss=config.loss,
        data=data,
        accelerator=accelerator,
        precision=precision,
        steps=steps,
        warmup=warmup,
    )
