"""One training run, from configuration to run folder."""

import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from fer.callbacks.epoch_log import EpochLog
from fer.common.environment import environment
from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.common.processes import started_by_another
from fer.common.seeding import seed_everything
from fer.config.schema import TrainConfig
from fer.data.augment import Augment
from fer.data.datamodule import FERDataModule
from fer.data.fer2013.copy import CopyFacts
from fer.data.share import Share
from fer.folders.run import RunFolder
from fer.metrics import Predictions, headline
from fer.models.accelerator import Accelerator, device_name, resolve_accelerator, resolve_precision
from fer.models.arithmetic import slow_in_bfloat16
from fer.models.checkpoint import NetSpec, describe, load_model
from fer.models.classifier import Classifier
from fer.models.losses import build_loss
from fer.models.optimizer import build_optimizer
from fer.models.own_answers import OwnAnswers
from fer.models.preprocess import Preprocess
from fer.models.protocols import UsesClassCounts
from fer.training.distillation import Teachers, load_teachers
from fer.training.reproduce import Origin
from fer.training.resume import checkpoint_to_resume
from fer.training.trainer import build_trainer, processes_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResult:
    """What a finished run leaves behind.

    Attributes:
        run_dir: the run folder.
        metrics: content of its `metrics.json`; empty in all but the first process of a distributed training.
        first: whether this is the process that keeps the run folder and talks to the user.
    """

    run_dir: Path
    metrics: Mapping[str, Any]
    first: bool = True


def run(
    config: TrainConfig,
    tree: Mapping[str, Any],
    *,
    callbacks: Sequence[pl.Callback] = (),
    origin: Origin | None = None,
) -> RunResult:
    """Trains one model and fills its run folder.

    Every process of a distributed training calls this with the same configuration; the first one keeps the folder.

    Args:
        config: the validated configuration.
        tree: the same as plain values, for `config.yaml`.
        callbacks: further ones, which listen and do not change the training.
        origin: the run that this one repeats.

    Raises:
        FerError: data, device, checkpoint or configuration cannot work; nothing of an earlier run is lost.
        SystemExit: with status 0, in a process that another one started to train with, when the training is done.
    """
    assert config.run_dir is not None
    folder = RunFolder(config.run_dir)
    accelerator = resolve_accelerator(config.trainer.accelerator)
    precision = resolve_precision(config.trainer.precision, accelerator, slow=lambda: slow_on_cpu(config))
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    epochs = EpochLog(folder.epochs)
    trainer = build_trainer(config, folder, [epochs, *callbacks], accelerator=accelerator, precision=precision)
    with ExitStack() as held:
        if trainer.is_global_zero:
            held.enter_context(folder.owned())
        resume = checkpoint_to_resume(folder, config, tree)
        if trainer.is_global_zero:
            # Not before: a folder that is refused keeps its own log.
            held.enter_context(folder.logged())
        seed_everything(config.seed)
        data = FERDataModule(
            config.data,
            augment=Augment(config.augment),
            seed=config.seed,
            visible=config.visible,
            share=Share(rank=trainer.global_rank, of=trainer.world_size),
        )
        data.setup()
        teachers, taught_by = load_teachers(
            config.loss, data_fingerprint=data.fingerprint, protocol=data.split.description
        )
        system = build_classifier(config, data, teachers=teachers)
        facts: dict[str, Any] = {
            "seed": config.seed,
            "resumed_from": None if resume is None else str(resume),
            "device": describe_device(trainer, accelerator=accelerator, precision=precision),
            "data": describe_data(data),
            **({"teachers": taught_by} if taught_by else {}),
        }
        if origin is not None:
            facts["from"] = origin.compared(facts, environment())
        if not trainer.is_global_zero:
            with processes_of(trainer, config):
                trainer.fit(system, datamodule=data, ckpt_path=resume, weights_only=True)
            if started_by_another():
                sys.exit(0)
            return RunResult(folder.path, {}, first=False)

        folder.write_config(tree)
        with folder.recorded(facts, goes_on=resume == folder.last):
            announce(config, data, system, facts)
            with processes_of(trainer, config):
                trainer.fit(system, datamodule=data, ckpt_path=resume, weights_only=True)
            metrics = {
                **evaluate_best(folder, data),
                "epochs": trainer.current_epoch,
                "train_seconds": round(epochs.train_seconds, 3),
                "images_per_second": round(epochs.train_images / epochs.train_seconds, 1),
                "num_parameters": sum(parameter.numel() for parameter in system.net.parameters()),
            }
            folder.write_metrics(metrics)
    return RunResult(folder.path, metrics)


def build_classifier(config: TrainConfig, data: FERDataModule, *, teachers: Teachers | None = None) -> Classifier:
    """Net, preprocessing, loss and optimiser of a configuration, for the rows `data` trains on, and its teachers."""
    model = config.model
    spec = NetSpec.of(model)
    net = spec.build()
    if model.pretrained:
        from fer.models.pretrained import load_pretrained

        load_pretrained(net, source=model.pretrained)
    if data.share.of > 1 and not any(parameter.requires_grad for parameter in net.parameters()):
        raise ConfigError(f"model={model.name} has nothing to learn, and nothing to share: trainer.devices=1")
    if isinstance(net, UsesClassCounts):
        net.set_class_counts(torch.from_numpy(data.class_counts))
    preprocess = Preprocess(channels=model.channels, size=model.size)
    system = Classifier(
        net,
        preprocess=preprocess,
        description=describe(spec, preprocess, data_fingerprint=data.fingerprint),
        loss=build_loss(config.loss, class_counts=data.class_counts),
        optimizer=build_optimizer(config.optimizer, net),
        scheduler=config.scheduler,
        train_sizes=model.train_sizes,
        channels_last=config.channels_last,
        teachers=teachers,
        own_answers=own_answers(config, data),
    )
    if config.channels_last:
        net.to(memory_format=torch.channels_last)
    if config.compile:
        # `net.compile()` keeps the parameters' names; `torch.compile(net)` prefixes them.
        net.compile()
    return system


def slow_on_cpu(config: TrainConfig) -> bool:
    """Whether a CPU trains the configured net faster in float32 than in bfloat16."""
    spec = NetSpec.of(config.model)
    return slow_in_bfloat16(spec.build(), channels=spec.channels, size=spec.size)


def own_answers(config: TrainConfig, data: FERDataModule) -> OwnAnswers | None:
    """The memory of a training that learns from its own answers; None for any other.

    Raises:
        ConfigError: its batches do not show one face a row, or not all of them to this process.
    """
    weight = config.loss.self_distillation
    if weight == 0:
        return None
    if config.augment.mixes:
        raise ConfigError(
            "loss.self_distillation remembers what was said of each face; mixup and CutMix show two in one"
        )
    if data.share.of > 1:
        raise ConfigError("loss.self_distillation remembers its answers in one process: trainer.devices=1")
    return OwnAnswers(len(data.samples), weight=weight)


def describe_device(trainer: pl.Trainer, *, accelerator: Accelerator, precision: str) -> dict[str, Any]:
    """The hardware's facts for the manifest."""
    return {
        "accelerator": accelerator,
        "name": device_name(accelerator),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "processes": trainer.world_size,
    }


def describe_data(data: FERDataModule) -> dict[str, Any]:
    """The data's facts for the manifest."""
    return {
        "source": data.source,
        "fingerprint": data.fingerprint,
        "protocol": data.split.description,
        "split_sizes": data.split_sizes,
        "train_rows": len(data.split.train),
        "valid_rows": len(data.split.valid),
        "valid_name": data.split.valid_name,
        "visible": data.visible,
        "class_counts": dict(zip(EMOTIONS, data.class_counts.tolist(), strict=True)),
        "unreadable": list(data.unreadable),
        "reading": list(data.samples.notes),
        "copy": dict(data.samples.copy),
    }


def announce(config: TrainConfig, data: FERDataModule, system: nn.Module, facts: Mapping[str, Any]) -> None:
    """Tells in three lines what is about to happen, and in one more what is odd about the data."""
    millions = sum(parameter.numel() for parameter in system.parameters()) / 1e6
    log.info("data     %s, %s", data.source, data.split.description)
    if data.samples.copy and (warning := CopyFacts.from_json(data.samples.copy).warning):
        log.warning("data     %s", warning)
    for teacher in facts.get("teachers", ()):
        log.info("teacher  %s, %s, %d px", teacher["origin"], teacher["model"], teacher["size"])
    if data.visible != "full":
        log.info("visible  %s alone, in training and in selection", data.visible)
    log.info("model    %s, %.2f M parameters, %d px", config.model.name, millions, config.model.size)
    device = facts["device"]
    on = f"{device['processes']} x {device['name']}" if device["processes"] > 1 else device["name"]
    log.info("device   %s, %s -> %s", on, device["precision"], config.run_dir)


def evaluate_best(folder: RunFolder, data: FERDataModule) -> dict[str, float]:
    """Metrics of the best checkpoint on the selection rows, which are also saved as predictions."""
    valid = data.valid_rows()
    predictions = Predictions(
        ids=valid.ids,
        labels=valid.labels,
        probabilities=load_model(folder.best).probabilities(valid.images),
        split=data.split.valid_name,
    )
    predictions.write(folder.predictions(data.split.valid_name))
    return {f"{data.split.valid_name}.{name}": value for name, value in headline(predictions).items()}
