"""One training run, from configuration to run folder."""

import logging
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from fer.accelerator import device_name, resolve_accelerator, resolve_precision
from fer.callbacks.epoch_log import EpochLog
from fer.callbacks.epoch_seed import EpochSeed
from fer.callbacks.progress import progress_callbacks
from fer.checkpoint import NetSpec, describe, load_model
from fer.config import TrainConfig, build
from fer.data.augment import Augment
from fer.data.datamodule import FERDataModule
from fer.labels import EMOTIONS
from fer.metrics import Predictions, headline
from fer.models.classifier import Classifier
from fer.models.losses import build_loss
from fer.models.optimizer import build_optimizer
from fer.models.protocols import UsesClassCounts
from fer.preprocess import Preprocess
from fer.resume import checkpoint_to_resume
from fer.run_folder import RunFolder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResult:
    """What a finished run leaves behind.

    Attributes:
        run_dir: the run folder.
        metrics: content of its `metrics.json`.
    """

    run_dir: Path
    metrics: Mapping[str, Any]


def run(config: TrainConfig, tree: Mapping[str, Any]) -> RunResult:
    """Trains one model and fills its run folder.

    Args:
        config: the validated configuration.
        tree: the same as plain values, for `config.yaml`.

    Raises:
        FerError: data, device, checkpoint or configuration cannot work; nothing of an earlier run is lost.
    """
    assert config.run_dir is not None
    folder = RunFolder(config.run_dir)
    accelerator = resolve_accelerator(config.trainer.accelerator)
    precision = resolve_precision(config.trainer.precision, accelerator)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with folder.owned():
        resume = checkpoint_to_resume(folder, config, tree)
        started = time.time()
        pl.seed_everything(config.seed, verbose=False)

        data = FERDataModule(config.data, augment=Augment(config.augment), seed=config.seed, visible=config.visible)
        data.setup()
        system = build_classifier(config, data)
        epochs = EpochLog(folder.epochs)
        trainer = build_trainer(config, folder, epochs, accelerator=accelerator, precision=precision)
        facts = {
            "status": "running",
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
            "seed": config.seed,
            "resumed_from": None if resume is None else str(resume),
            "device": {"accelerator": accelerator, "name": device_name(accelerator), "precision": precision},
            "data": describe_data(data),
        }
        if trainer.is_global_zero:
            folder.write_config(tree)
            folder.write_manifest(facts)
        announce(config, data, system, facts)

        trainer.fit(system, datamodule=data, ckpt_path=resume, weights_only=True)

        metrics: dict[str, Any] = {}
        if trainer.is_global_zero:
            metrics = {
                **evaluate_best(folder, data),
                "epochs": trainer.current_epoch,
                "train_seconds": round(epochs.train_seconds, 3),
                "images_per_second": round(epochs.train_images / epochs.train_seconds, 1),
                "num_parameters": sum(parameter.numel() for parameter in system.net.parameters()),
            }
            folder.write_metrics(metrics)
            folder.write_manifest({**facts, "status": "finished", "wall_seconds": round(time.time() - started, 3)})
    return RunResult(folder.path, metrics)


def build_classifier(config: TrainConfig, data: FERDataModule) -> Classifier:
    """Net, preprocessing, loss and optimiser of a configuration, for the rows `data` trains on."""
    model = config.model
    spec = NetSpec(name=model.name, channels=model.channels, size=model.size, params=model.params)
    net = spec.build()
    if model.pretrained:
        from fer.models.pretrained import load_pretrained

        load_pretrained(net, source=model.pretrained)
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
    )
    if config.channels_last:
        net.to(memory_format=torch.channels_last)
    if config.compile:
        # `net.compile()` keeps the parameters' names; `torch.compile(net)` prefixes them.
        net.compile()
    return system


def build_trainer(
    config: TrainConfig, folder: RunFolder, epochs: EpochLog, *, accelerator: str, precision: str
) -> pl.Trainer:
    """Lightning's Trainer with the configured callbacks and loggers."""
    quiet_lightning()
    # `epochs` comes before the checkpoint callbacks, which save its state at the same hook.
    callbacks = [EpochSeed(config.seed), epochs, *progress_callbacks()]
    callbacks += [build(node, f"callbacks.{name}") for name, node in config.callbacks.items()]
    loggers = [build(node, f"logger.{name}") for name, node in config.logger.items()]
    arguments: dict[str, Any] = {
        "default_root_dir": folder.path,
        "enable_model_summary": False,
        "enable_progress_bar": sys.stdout.isatty(),
        "num_sanity_val_steps": 0,
        "gradient_clip_val": config.optimizer.grad_clip,
        "log_every_n_steps": 50,
        "deterministic": "warn" if accelerator == "cuda" else None,
        **config.trainer.arguments,
    }
    return pl.Trainer(
        accelerator=accelerator,
        devices=config.trainer.devices,
        max_epochs=config.trainer.max_epochs,
        precision=precision,  # type: ignore[arg-type]
        callbacks=callbacks,
        logger=loggers if loggers else False,
        **arguments,
    )


def quiet_lightning() -> None:
    """Silences what Lightning says of things that are meant to be so."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*`configure_optimizers` returned `None`.*",
        ".*`training_step` returned `None`.*",
        ".*Checkpoint directory .* exists and is not empty.*",
        ".*GPU available but not used.*",
        ".*MPS available but not used.*",
        ".*treespec, LeafSpec.*",
        "The dirpath has changed from",
    ):
        warnings.filterwarnings("ignore", message)


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
    }


def announce(config: TrainConfig, data: FERDataModule, system: nn.Module, facts: Mapping[str, Any]) -> None:
    """Tells in three lines what is about to happen."""
    millions = sum(parameter.numel() for parameter in system.parameters()) / 1e6
    log.info("data     %s, %s", data.source, data.split.description)
    if data.visible != "full":
        log.info("visible  %s alone, in training and in selection", data.visible)
    log.info("model    %s, %.2f M parameters, %d px", config.model.name, millions, config.model.size)
    device = facts["device"]
    log.info("device   %s, %s -> %s", device["name"], device["precision"], config.run_dir)


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
