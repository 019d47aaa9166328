"""A training system out of its checkpoint: `Classifier.load_from_checkpoint`."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field, ValidationError
from torch import nn

from fer.common.errors import CheckpointError, ConfigError
from fer.common.plugins import check_allowed, located, targets
from fer.common.section import Section
from fer.models.checkpoint import KEY, net_of, read_checkpoint
from fer.models.checkpoint_safety import Preprocessing
from fer.models.heads import build_head_loss
from fer.models.loss_config import AnyLossConfig, LossConfig
from fer.models.optimizer import OptimizerConfig, build_optimizer
from fer.models.own_net import net_class
from fer.models.preprocess import Preprocess
from fer.models.schedule import AnySchedulerConfig, SchedulerConfig


class Training(Section):
    """How a net is trained, as its checkpoint keeps it.

    Attributes:
        loss: the loss section of the configuration.
        class_counts: training faces of each label; None in checkpoints of earlier versions.
        shown_counts: those that an epoch shows, after balancing; None where all are shown once, and in checkpoints of
            earlier versions.
        optimizer: the optimizer section; None in checkpoints of earlier versions, which then train no further.
        scheduler: the scheduler section.
        train_sizes: of the model section.
        channels_last: NHWC memory order.
        system: `module:qualname` of a class derived from Classifier; None for Classifier itself.
        system_params: its own arguments.
    """

    loss: AnyLossConfig = LossConfig()
    class_counts: tuple[int, ...] | None = None
    shown_counts: tuple[int, ...] | None = None
    optimizer: OptimizerConfig | None = None
    scheduler: AnySchedulerConfig = SchedulerConfig(name="constant")
    train_sizes: tuple[tuple[float, int], ...] | None = None
    channels_last: bool = True
    system: str | None = None
    system_params: dict[str, Any] = Field(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        """The same as plain values."""
        return self.model_dump(mode="json", by_alias=True)


def restored(path: Path, *, cls: type[nn.Module], base: type[nn.Module]) -> nn.Module:
    """The system that a checkpoint describes: net with its weights, preprocessing, loss, optimiser and schedule.

    Teachers and what a self-distillation remembers are no part of it.

    Args:
        path: a checkpoint of `fer-train`.
        cls: the class that was asked for it; where it is `base` itself, the class that the checkpoint names.
        base: Classifier, from which every system derives.

    Raises:
        CheckpointError: missing, damaged, or not ours.
        ConfigError: it names a class of a package that nobody allowed (`fer.common.plugins`).
    """
    content = read_checkpoint(path)
    description = content[KEY]
    try:
        training = Training.model_validate(description.get("training", {}))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise CheckpointError(f"{path} does not tell how its net was trained ({key}: {first['msg']})") from error
    # A schedule is built when the training starts, and its class is refused now.
    for target in targets(training.plain):
        check_allowed(target, str(path), libraries=True)
    spec, net = net_of(content, path)
    system_class = cls
    if cls is base and training.system is not None:
        system_class = net_class(training.system, str(path))
        if not issubclass(system_class, base):
            raise CheckpointError(f"{path} was trained by {training.system}, which is no Classifier any more")
    config = training.optimizer
    if config is not None and not _is_optimizer(located(config.target, str(path), libraries=True)):
        raise ConfigError(f"{path} was trained with {config.target}, which is no optimiser")
    preprocess = Preprocessing.model_validate(description["preprocess"])
    labels = tuple(description["labels"])
    counts = np.array(training.class_counts or [1] * len(labels), dtype=np.int64)
    shown = None if training.shown_counts is None else np.array(training.shown_counts, dtype=np.int64)
    return system_class(
        net,
        preprocess=Preprocess(**preprocess.model_dump()),
        description=description,
        loss=build_head_loss(training.loss, class_counts=counts, shown_counts=shown, labels=labels, heads=spec.heads),
        votes_share=spec.votes_share if spec.heads > 1 else None,
        optimizer=None if config is None else build_optimizer(config, net),
        scheduler=training.scheduler,
        train_sizes=training.train_sizes,
        channels_last=training.channels_last,
        **training.system_params,
    )


def _is_optimizer(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, torch.optim.Optimizer)
