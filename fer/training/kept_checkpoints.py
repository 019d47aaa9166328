"""A run folder's contract, held against the configuration before anything is trained: it keeps best.ckpt and last.ckpt.

What reports, exports and resumes a run reads these two. A training that does not write them has to say so at once, not
when it is over.
"""

import inspect
import os
from collections.abc import Mapping
from typing import Any

from fer.common.errors import ConfigError
from fer.config.instantiate import located_class
from fer.config.schema import TrainConfig
from fer.folders.run import RunFolder


def check_kept(config: TrainConfig) -> None:
    """Refuses callbacks and arguments of the Trainer with which a run would not keep its checkpoints.

    Raises:
        ConfigError: naming the key, and what it has to be.
    """
    from pytorch_lightning.callbacks import ModelCheckpoint

    assert config.run_dir is not None
    arguments = config.trainer.arguments
    every = arguments.get("check_val_every_n_epoch", 1)
    if every != 1:
        raise ConfigError(
            f"trainer.check_val_every_n_epoch={every}: every epoch is judged, so that the best is kept: 1"
        )
    inside = arguments.get("val_check_interval", 1.0)
    if inside not in (1.0, None):
        raise ConfigError(
            f"trainer.val_check_interval={inside}: an epoch is judged at its end, with the weights that are kept: "
            "leave it out"
        )
    steps = arguments.get("max_steps", -1)
    if steps != -1:
        raise ConfigError(
            f"trainer.max_steps={steps}: it would end within an epoch, which nobody judged: trainer.max_epochs counts "
            "whole ones"
        )
    for limit in ("limit_train_batches", "limit_val_batches"):
        if arguments.get(limit, 1) == 0:
            raise ConfigError(
                f"trainer.{limit}=0: without a batch there is no epoch to keep: leave it out, or 1 and more"
            )
    if arguments.get("fast_dev_run"):
        raise ConfigError("trainer.fast_dev_run: it keeps no checkpoint, and so no run: debug=fdr trains on one batch")
    folder = RunFolder(config.run_dir)
    for name, path in (("checkpoint", folder.best), ("last", folder.last)):
        key, kept = f"callbacks.{name}", f"checkpoints/{path.name}"
        node = config.callbacks.get(name)
        if node is None:
            raise ConfigError(f"{key} may not be left out: it writes the run's {kept}, which all that follows reads")
        target = located_class(node["_target_"], key, kind=object)
        if not issubclass(target, ModelCheckpoint):
            continue
        told = {each.name: each.default for each in inspect.signature(target).parameters.values()} | dict(node)
        _refuse(key, told, kept=kept, name=path.stem, home=str(path.parent), epochs=config.trainer.max_epochs)
        if name == "last" and told.get("monitor") is not None:
            raise ConfigError(f"{key}.monitor={told['monitor']}: {kept} is the last epoch's, whatever it scored: null")


def _refuse(key: str, told: Mapping[str, Any], *, kept: str, name: str, home: str, epochs: int) -> None:
    why = f"the run's {kept} would not be there, or not be what its name says"
    if os.path.realpath(str(told["dirpath"])) != os.path.realpath(home):
        raise ConfigError(f"{key}.dirpath={told['dirpath']}: {why}: leave it as it is")
    if told["filename"] != name:
        raise ConfigError(f"{key}.filename={told['filename']}: {why}: leave it as it is ({name})")
    if told["save_top_k"] != 1:
        raise ConfigError(f"{key}.save_top_k={told['save_top_k']}: {why}, as a run keeps one of each: 1")
    for flag in ("enable_version_counter", "save_weights_only"):
        if told[flag]:
            raise ConfigError(f"{key}.{flag}={told[flag]}: {why}: false")
    for by in ("every_n_train_steps", "train_time_interval"):
        if told[by]:
            raise ConfigError(f"{key}.{by}={told[by]}: a run is saved, and goes on, at the ends of epochs: null")
    every = told["every_n_epochs"]
    if every is not None and not (isinstance(every, int) and 1 <= every <= epochs):
        raise ConfigError(f"{key}.every_n_epochs={every} saves nothing in trainer.max_epochs={epochs}: 1 to {epochs}")
