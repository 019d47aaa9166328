"""What a configuration trains: net, preprocessing, loss, optimiser, and what its targets are softened with."""

from dataclasses import replace

import torch
from torch import nn

from fer.common.errors import ConfigError
from fer.config.schema import TrainConfig
from fer.data.datamodule import FERDataModule
from fer.models.arithmetic import slow_in_bfloat16
from fer.models.checkpoint import NetSpec, describe
from fer.models.classifier import Classifier
from fer.models.heads import TwoHeadLoss, last_linear
from fer.models.losses import build_loss
from fer.models.optimizer import build_optimizer
from fer.models.preprocess import Preprocess
from fer.models.protocols import UsesClassCounts
from fer.models.self_distillation import SelfDistillationTargets
from fer.training.distillation import Teachers


def build_classifier(config: TrainConfig, data: FERDataModule, *, teachers: Teachers | None = None) -> Classifier:
    """Net, preprocessing, loss and optimiser of a configuration, for the rows `data` trains on, and its teachers."""
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
        last_linear(net, outputs=spec.heads * spec.num_classes)
    if isinstance(net, UsesClassCounts):
        net.set_class_counts(torch.from_numpy(data.class_counts))
    preprocess = Preprocess(channels=model.channels, size=model.size)
    system = Classifier(
        net,
        preprocess=preprocess,
        description=describe(spec, preprocess, data_fingerprint=data.fingerprint, labels=data.labels),
        loss=loss_of(config, data),
        votes_share=spec.votes_share if spec.heads > 1 else None,
        optimizer=build_optimizer(config.optimizer, net),
        scheduler=config.scheduler,
        train_sizes=model.train_sizes,
        channels_last=config.channels_last,
        teachers=teachers,
        self_distillation=self_distillation_targets(config, data),
    )
    if config.channels_last:
        net.to(memory_format=torch.channels_last)
    if config.compile:
        # `net.compile()` keeps the parameters' names; `torch.compile(net)` prefixes them.
        net.compile()
    return system


def loss_of(config: TrainConfig, data: FERDataModule) -> nn.Module:
    """The loss of a configuration, for the heads that `data` has targets for."""
    loss = build_loss(config.loss, class_counts=data.class_counts, labels=data.labels)
    return loss if data.heads == 1 else TwoHeadLoss(loss, votes_weight=config.loss.votes_weight)


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
