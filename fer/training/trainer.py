"""Lightning's Trainer for a run, on one process or on several."""

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl
import torch.distributed
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.plugins.layer_sync import LayerSync
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher
from torch import nn

from fer.callbacks.interruption import EpochSeed, OwnSignals, Stopping
from fer.callbacks.monitors import KnownMonitors
from fer.callbacks.progress import progress_callbacks
from fer.common.errors import ConfigError
from fer.common.processes import AGREED_RUN_DIR, environment_with, told_run_dir
from fer.config.instantiate import build
from fer.config.schema import TrainConfig
from fer.folders.run import RunFolder
from fer.models.batch_norm import own_batch_norms, share_batch_norms
from fer.training.atomic_checkpoints import AtomicCheckpointIO
from fer.training.loggers import build_logger

_LIGHTNINGS: Final = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE", "OMP_NUM_THREADS")
"""Environment variables that Lightning sets when it starts processes, and leaves set."""


class SharedBatchNorms(LayerSync):
    """Batch norms take their statistics over all processes, so that a batch means the same on one as on many."""

    def __init__(self) -> None:
        self._were: dict[str, type[Any]] = {}

    def apply(self, model: nn.Module) -> nn.Module:
        """Lightning's hook, before the net is wrapped."""
        self._were = share_batch_norms(model)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Lightning's hook, when the training has ended."""
        own_batch_norms(model, self._were)
        return model


def build_trainer(
    config: TrainConfig, folder: RunFolder, own: Sequence[pl.Callback], *, accelerator: str, precision: str
) -> pl.Trainer:
    """Lightning's Trainer with `own` callbacks, and the configured callbacks and loggers.

    Raises:
        MissingExtraError: a logger's package is not installed.
        ConfigError: arguments the Trainer refuses, or a strategy other than one device or DDP.
    """
    quiet_lightning()
    # Ours come before the checkpoint callbacks, which save the epoch log's state at the same hook.
    callbacks = [
        EpochSeed(config.seed),
        OwnSignals(),
        Stopping(folder.last),
        *own,
        KnownMonitors(),
        *progress_callbacks(),
    ]
    callbacks += [build(node, f"callbacks.{name}") for name, node in config.callbacks.items()]
    loggers = [build_logger(node, f"logger.{name}") for name, node in config.logger.items()]
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
    plugins: list[Any] = [AtomicCheckpointIO(folder.path)]
    if "sync_batchnorm" not in arguments:
        plugins.append(SharedBatchNorms())
    arguments.setdefault("plugins", plugins)
    limit = arguments.get("max_time")
    if limit is not None and not isinstance(limit, str | Mapping):
        # YAML takes 00:02:30:00 without quotes for a number.
        raise ConfigError(f"trainer.max_time={limit}: give days, hours, minutes and seconds, as in '00:02:30:00'")
    try:
        trainer = pl.Trainer(
            accelerator=accelerator,
            devices=config.trainer.devices,
            strategy=config.trainer.strategy,
            max_epochs=config.trainer.max_epochs,
            precision=precision,  # type: ignore[arg-type]
            callbacks=callbacks,
            logger=loggers if loggers else False,
            **arguments,
        )
    except (MisconfigurationException, ValueError) as error:
        raise ConfigError(f"trainer: {str(error).strip()}") from error
    _refuse_what_cannot_work(config, trainer)
    return trainer


def _refuse_what_cannot_work(config: TrainConfig, trainer: pl.Trainer) -> None:
    strategy = trainer.strategy
    subprocesses = isinstance(strategy, DDPStrategy) and isinstance(strategy.launcher, _SubprocessScriptLauncher)
    if not (isinstance(strategy, SingleDeviceStrategy) or subprocesses):
        raise ConfigError(
            f"trainer.strategy={config.trainer.strategy}: runs are trained on one device or with ddp, "
            "whose every process holds the whole net: give trainer.strategy=ddp"
        )
    told = told_run_dir()
    if told is not None and told != str(config.run_dir):
        raise ConfigError(
            f"run_dir={config.run_dir}: the process that started this one trains in {told}; name the folder on the "
            "command line"
        )


def fit(trainer: pl.Trainer, system: pl.LightningModule, data: pl.LightningDataModule, *, resume: Path | None) -> None:
    """Trains, from a checkpoint on where there is one.

    Raises:
        ConfigError: arguments that the Trainer finds fault with only where it sees the data.
    """
    try:
        trainer.fit(system, datamodule=data, ckpt_path=resume, weights_only=True)
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {str(error).strip()}") from error


@contextmanager
def processes_of(trainer: pl.Trainer, config: TrainConfig) -> Iterator[None]:
    """Within, the Trainer may start processes to train with; afterwards none of them is left, whatever happened.

    Raises:
        ConfigError: a process that it started ended with a user's mistake, which it told itself.
    """
    launcher = trainer.strategy.launcher
    if not isinstance(launcher, _SubprocessScriptLauncher):
        yield
        return
    # Lightning's own words for its processes, and the folder, which they cannot know.
    kept = {name: os.environ[name] for name in _LIGHTNINGS if name in os.environ}
    told = {AGREED_RUN_DIR: str(config.run_dir)}
    if config.threads is not None:
        # Lightning shares the cores out among its processes, unless it is told.
        told["OMP_NUM_THREADS"] = str(config.threads)
    try:
        with environment_with(told):
            yield
    except BaseException as error:
        # Where one broke down, the others meet errors of their own: wait for what it has to say.
        statuses = _end(launcher, patience=3.0 if isinstance(error, Exception) else 0.0)
        if isinstance(error, Exception) and 2 in statuses:
            raise ConfigError("another process of this training refused to go on; what it said stands above") from error
        raise
    else:
        _end(launcher, patience=60.0)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name in _LIGHTNINGS:
            os.environ.pop(name, None)
        os.environ.update(kept)


def _end(launcher: _SubprocessScriptLauncher, *, patience: float) -> list[int]:
    """Waits `patience` seconds for the processes that the launcher started, then kills them; their exit statuses.

    They hold nothing that must be saved: the first process writes every file.
    """
    children = list(launcher.procs)
    # Lightning's observer watches this list, and would take an end of theirs for a crash and kill this process.
    launcher.procs.clear()
    statuses = []
    for child in children:
        try:
            child.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            child.kill()
        statuses.append(child.wait())
    return statuses


def quiet_lightning() -> None:
    """Silences what Lightning says of things that are meant to be so."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A profiler that was asked for tells its table this way.
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)
    for message in (
        ".*does not have many workers.*",
        ".*configure_optimizers` returned `None`.*",
        ".*training_step` returned `None`.*",
        ".*Checkpoint directory .* exists and is not empty.*",
        ".*GPU available but not used.*",
        ".*MPS available but not used.*",
        ".*treespec, LeafSpec.*",
        "The dirpath has changed from",
    ):
        warnings.filterwarnings("ignore", message)
