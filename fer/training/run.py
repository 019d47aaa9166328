"""One training run, from configuration to run folder."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from fer.callbacks.epoch_log import EpochLog
from fer.callbacks.run_end import RunEnd
from fer.common.environment import environment
from fer.common.processes import started_by_another
from fer.common.seeding import seed_everything
from fer.config.saved import with_places
from fer.config.schema import TrainConfig
from fer.config.secrets import refuse_hidden, without_secrets
from fer.data.batch_shard import BatchShard
from fer.folders.refused import nothing_of_a_refused
from fer.folders.run import RunFolder
from fer.folders.same_data import refuse_other_data
from fer.models.accelerator import resolve_accelerator, resolve_precision
from fer.training.directions import check_directions
from fer.training.distillation import load_teachers
from fer.training.evaluation import evaluate_best
from fer.training.facts import announce, describe_data, describe_device
from fer.training.kept_checkpoints import check_kept
from fer.training.loggers import tell_settings
from fer.training.metrics import build_metrics
from fer.training.reproduce import Origin
from fer.training.resume import checkpoint_to_resume
from fer.training.system import build_classifier, build_data, slow_on_cpu
from fer.training.trainer import build_trainer, fit, processes_of


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
    command: str | None = None,
) -> RunResult:
    """Trains one model and fills its run folder.

    Every process of a distributed training calls this with the same configuration; the first one keeps the folder.

    Args:
        config: the validated configuration.
        tree: the same as plain values, for `config.yaml`.
        callbacks: further ones, which listen and do not change the training.
        origin: the run that this one reproduces.
        command: trains it from a shell, where that is not how this process was started (notebooks and scripts).

    Raises:
        FerError: data, device, checkpoint or configuration cannot work; nothing of an earlier run is lost.
        SystemExit: with status 0, in a process that another one started to train with, when the training is done.
    """
    assert config.run_dir is not None
    folder = RunFolder(config.run_dir)
    refuse_hidden(tree)
    check_kept(config)
    check_directions(config)
    accelerator = resolve_accelerator(config.trainer.accelerator)
    precision = resolve_precision(config.trainer.precision, accelerator, slow=lambda: slow_on_cpu(config))
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    metrics = build_metrics(config.metrics, labels=config.label_names)
    epochs = EpochLog(folder.epochs)
    trainer = build_trainer(config, folder, [epochs, *callbacks], accelerator=accelerator, precision=precision)
    with ExitStack() as held:
        if trainer.is_global_zero:
            held.enter_context(nothing_of_a_refused(folder))
            held.enter_context(folder.owned())
        resume = checkpoint_to_resume(folder, config, tree)
        if trainer.is_global_zero:
            # Not before: a folder that is refused keeps its own log.
            held.enter_context(folder.logged())
        seed_everything(config.seed)
        data = build_data(config, share=BatchShard(rank=trainer.global_rank, of=trainer.world_size))
        data.setup()
        described = describe_data(data)
        if resume == folder.last:
            refuse_other_data(folder, described)
        teachers, taught_by = load_teachers(
            config.loss,
            data_fingerprint=data.fingerprint,
            protocol=data.split.description,
            labels=data.labels,
            heads=data.heads,
        )
        system = build_classifier(config, data, teachers=teachers, metrics=metrics)
        facts: dict[str, Any] = {
            "seed": config.seed,
            "resumed_from": None if resume is None else str(resume),
            "device": describe_device(trainer, accelerator=accelerator, precision=precision),
            "data": described,
            **({"teachers": taught_by} if taught_by else {}),
        }
        if command is not None:
            facts["command"] = command
        if origin is not None:
            facts["from"] = origin.compared(facts, environment())
        if not trainer.is_global_zero:
            with processes_of(trainer, config):
                fit(trainer, system, data, resume=resume)
            if started_by_another():
                sys.exit(0)
            return RunResult(folder.path, {}, first=False)

        told = without_secrets(tree)
        folder.write_config(with_places(told))
        with folder.recorded(facts, goes_on=resume == folder.last):
            announce(config, data, system, facts)
            tell_settings(trainer.loggers, told)
            with processes_of(trainer, config):
                fit(trainer, system, data, resume=resume)
            final = {
                **evaluate_best(folder, data, metrics=metrics),
                "epochs": trainer.current_epoch,
                "train_seconds": round(epochs.train_seconds, 3),
                "images_per_second": round(epochs.train_images / epochs.train_seconds, 1),
                "num_parameters": sum(parameter.numel() for parameter in system.net.parameters()),
            }
            folder.write_metrics(final)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, RunEnd):
            callback.on_run_end(folder.path)
    return RunResult(folder.path, final)
