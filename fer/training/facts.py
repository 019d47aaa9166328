"""What a run says of itself before it trains: to its manifest, and to the person who waits."""

import logging
from collections.abc import Mapping
from typing import Any, Final

import pytorch_lightning as pl
import torch
from torch import nn

from fer.common.label_set import FER7, set_name
from fer.config.schema import TrainConfig
from fer.data.datamodule import FERDataModule
from fer.data.fer2013.copy import CopyFacts
from fer.models.accelerator import Accelerator, device_name
from fer.models.schedule import SchedulerConfig

log = logging.getLogger(__name__)

_MOST_TOLD: Final = 12
"""Labels whose counts fit into a line."""


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
        "class_counts": dict(zip(data.labels, data.class_counts.tolist(), strict=True)),
        "epoch_counts": dict(zip(data.labels, data.epoch_counts.tolist(), strict=True)),
        "unreadable": list(data.unreadable),
        "reading": list(data.samples.notes),
        "copy": dict(data.samples.copy),
    }


def announce(config: TrainConfig, data: FERDataModule, system: nn.Module, facts: Mapping[str, Any]) -> None:
    """Tells in a few lines what is about to happen."""
    millions = sum(parameter.numel() for parameter in system.parameters()) / 1e6
    log.info("data     %s, %s", data.source, data.split.description)
    if data.samples.copy and (warning := CopyFacts.from_json(data.samples.copy).warning):
        log.warning("data     %s", warning)
    if data.balances:
        counts = data.epoch_counts
        shares = ", ".join(
            f"{emotion} {count:,} ({count / counts.sum():.2%})"
            for emotion, count in zip(data.labels, counts.tolist(), strict=True)
        )
        log.info("classes  %s faces an epoch, %s: %s", f"{counts.sum():,}", data.balances, shares)
    for teacher in facts.get("teachers", ()):
        log.info("teacher  %s, %s, %d px", teacher["origin"], teacher["model"], teacher["size"])
    if set_name(data.labels) != FER7:
        told = ", ".join(f"{name} {n:,}" for name, n in facts["data"]["class_counts"].items())
        log.info("labels   %s", told if len(data.labels) <= _MOST_TOLD else f"{len(data.labels)} of them")
    if data.visible != "full":
        log.info("visible  %s alone, in training and in selection", data.visible)
    log.info("model    %s, %.2f M parameters, %d px", config.model.name, millions, config.model.size)
    if isinstance(config.scheduler, SchedulerConfig) and (idle := config.scheduler.without_effect):
        log.warning("schedule %s has no %s: without effect", config.scheduler.name, ", ".join(idle))
    device = facts["device"]
    on = f"{device['processes']} x {device['name']}" if device["processes"] > 1 else device["name"]
    log.info("device   %s, %s -> %s", on, device["precision"], config.run_dir)
