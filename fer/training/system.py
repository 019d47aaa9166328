"""What a configuration trains: net, preprocessing, loss, optimiser, and what its targets are softened with."""

from dataclasses import replace
from typing import Any

import torch

from fer.common.errors import ConfigError, FerError
from fer.common.plugins import class_name
from fer.config.schema import TrainConfig
from fer.data.batch_shard import WHOLE, BatchShard
from fer.data.datamodule import FERDataModule
from fer.data.own_augment import build_augment
from fer.data.own_sampler import build_sampler
from fer.models.arithmetic import slow_in_bfloat16
from fer.models.checkpoint import NetSpec, describe
from fer.models.classifier import Classifier
from fer.models.epoch_metrics import EpochMetrics
from fer.models.heads import build_head_loss, heads_layer
from fer.models.optimizer import build_optimizer
from fer.models.own_net import resolved
from fer.models.preprocess import Preprocess
from fer.models.protocols import UsesClassCounts
from fer.models.restored import Training
from fer.models.self_distillation import SelfDistillationTargets
from fer.training.distillation import Teachers
from fer.training.metrics import build_metrics


def build_classifier(
    config: TrainConfig,
    data: FERDataModule,
    *,
    teachers: Teachers | None = None,
    metrics: EpochMetrics | None = None,
) -> Classifier:
    """Net, preprocessing, loss and optimiser of a configuration, for the rows `data` trains on, and its teachers.

    `metrics` are the configuration's, where they were built before.
    """
    model = config.model
    spec = NetSpec.of(model, num_classes=len(data.labels))
    if data.heads > 1:
        spec = replace(spec, heads=data.heads, votes_share=model.votes_share)
    net = spec.build()
    if model.pretrained:
        from fer.models.pretrained import load_pretrained

        load_pretrained(net, source=model.pretrained)
    if data.share.of > 1 and not any(parameter.requires_grad for parameter in net.parameters()):
        raise ConfigError(f"model={model.name} has nothing to learn, and nothing to share: trainer.devices=1")
    if spec.heads > 1:
        # Known before the training, not when it is merged.
        heads_layer(net, outputs=spec.heads * spec.num_classes)
    if isinstance(net, UsesClassCounts):
        net.set_class_counts(torch.from_numpy(data.class_counts))
    preprocess = Preprocess(channels=model.channels, size=model.size)
    own = None if model.target is None else resolved(model.target, model.params, name=model.name)
    system_class, own_arguments = Classifier, {}
    if own is not None and own.system is not None:
        system_class, own_arguments = own.system, dict(own.system_params)
    shown_counts = data.epoch_counts if data.balances else None
    training = Training(
        loss=config.loss,
        class_counts=tuple(data.class_counts.tolist()),
        shown_counts=None if shown_counts is None else tuple(shown_counts.tolist()),
        optimizer=config.optimizer,
        scheduler=config.scheduler,
        train_sizes=model.train_sizes,
        channels_last=config.channels_last,
        system=None if system_class is Classifier else class_name(system_class),
        system_params=own_arguments,
    )
    soft = data.targets.soft is not None or config.augment.mixes or config.loss.self_distillation > 0
    soft = soft or teachers is not None
    arguments: dict[str, Any] = {
        "preprocess": preprocess,
        "description": describe(
            spec, preprocess, data_fingerprint=data.fingerprint, labels=data.labels, training=training.plain
        ),
        "loss": build_head_loss(
            config.loss,
            class_counts=data.class_counts,
            shown_counts=shown_counts,
            labels=data.labels,
            heads=data.heads,
            soft=soft,
        ),
        "votes_share": spec.votes_share if spec.heads > 1 else None,
        "optimizer": build_optimizer(config.optimizer, net),
        "scheduler": config.scheduler,
        "train_sizes": model.train_sizes,
        "channels_last": config.channels_last,
        "teachers": teachers,
        "self_distillation": self_distillation_targets(config, data),
        "metrics": build_metrics(config.metrics, labels=data.labels) if metrics is None else metrics,
    }
    try:
        system = system_class(net, **arguments, **own_arguments)
    except FerError:
        raise
    except Exception as error:
        if system_class is Classifier:
            raise
        raise ConfigError(f"model._target_={model.target} cannot be built: {type(error).__name__}: {error}") from error
    if config.channels_last:
        net.to(memory_format=torch.channels_last)
    if config.compile:
        # `net.compile()` keeps the parameters' names; `torch.compile(net)` prefixes them.
        net.compile()
    return system


def build_data(config: TrainConfig, *, share: BatchShard = WHOLE) -> FERDataModule:
    """The data module of a configuration, not set up yet.

    Args:
        config: which source, steps, order and augmentation.
        share: this process's part of every batch.
    """
    return FERDataModule(
        config.data,
        augment=build_augment(config.augment, num_classes=len(config.label_names)),
        sampler=build_sampler(config.sampler),
        seed=config.seed,
        visible=config.visible,
        share=share,
    )


def slow_on_cpu(config: TrainConfig) -> bool:
    """Whether a CPU trains the configured net faster in float32 than in bfloat16."""
    spec = NetSpec.of(config.model, num_classes=len(config.label_names))
    return slow_in_bfloat16(spec.build(), channels=spec.channels, size=spec.size)


def self_distillation_targets(config: TrainConfig, data: FERDataModule) -> SelfDistillationTargets | None:
    """The memory of a training that learns from its own predictions; None for any other.

    Raises:
        ConfigError: its batches do not show one face a row, or not all of them to this process.
    """
    weight = config.loss.self_distillation
    if weight == 0:
        return None
    if config.augment.mixes:
        raise ConfigError(
            "loss.self_distillation remembers what was predicted for each face; mixup and CutMix show two in one"
        )
    if data.heads > 1:
        raise ConfigError("loss.self_distillation remembers the predictions of one head: data.targets=both has two")
    if data.share.of > 1:
        raise ConfigError("loss.self_distillation remembers its predictions in one process: trainer.devices=1")
    return SelfDistillationTargets(len(data.samples), num_classes=len(data.labels), weight=weight)
