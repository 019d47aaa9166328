"""The steps from a source's samples to those that train and select, each of which can be replaced.

    source -> split -> leave_out -> targets -> (steps of one's own) -> balance

`fer.data.sources.open_samples` is the source, `fer.data.sampling.epoch_order` the balance, which is drawn anew every
epoch. The steps between turn one `Selection` into the next. No step asks where the samples come from: a source that
knows more than labels (FER+'s votes) brings a step of its own (`DataConfig.targets_step`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from fer.common.errors import ConfigError, FerError
from fer.common.paths import expanded
from fer.common.plugins import own_callable
from fer.data.leave_out import leave_out
from fer.data.protocol import ProtocolSplit, split_rows
from fer.data.samples import FaceSamples
from fer.data.selection import LabelTargets, Selection, Step
from fer.data.source_config import DataConfig

STEPS: Final = ("split", "leave_out", "targets")
"""The steps there are, in order; `data.steps.NAME` replaces one, and any other name comes after them."""


def select(samples: FaceSamples, config: DataConfig, *, seed: int, only: tuple[str, ...] | None = None) -> Selection:
    """The training and selection rows of samples, and their targets.

    Args:
        samples: of the source that `config` names.
        config: protocol, leave-out, targets, and steps of one's own.
        seed: of random partitions.
        only: names of the steps to take; None for all.

    Raises:
        DataError: the samples do not allow what is asked.
        ConfigError: a step of one's own that cannot be, or gives no `Selection`.
    """
    nowhere = np.empty(0, dtype=np.int64)
    split = ProtocolSplit(train=nowhere, valid=nowhere, valid_name="heldout", description="nothing")
    selection = Selection(samples=samples, split=split, targets=LabelTargets(samples.labels))
    for name, step in steps_of(config, seed=seed).items():
        if only is None or name in only:
            selection = step(selection)
    return selection


def steps_of(config: DataConfig, *, seed: int) -> dict[str, Step]:
    """The steps of a configuration by name, in order; see `select`."""
    steps: dict[str, Step] = {"split": _split(config, seed=seed)}
    if config.leave_out is not None:
        path = expanded(config.leave_out)
        steps["leave_out"] = lambda given: replace(given, split=leave_out(given.split, given.samples, path=path))
    targets = config.targets_step()
    if targets is not None:
        steps["targets"] = targets
    own = {name: _own(node, f"data.steps.{name}") for name, node in config.steps.items()}
    return {name: own.get(name, steps.get(name)) for name in STEPS if name in own or name in steps} | {
        name: step for name, step in own.items() if name not in STEPS
    }  # type: ignore[return-value]


def _split(config: DataConfig, *, seed: int) -> Step:
    def step(given: Selection) -> Selection:
        split = split_rows(
            given.samples,
            protocol=config.protocol,
            seed=seed,
            folds=config.folds,
            fold=config.fold,
            holdout=config.holdout,
            dedup=config.dedup,
        )
        return replace(given, split=split)

    return step


def _own(node: Mapping[str, Any], key: str) -> Step:
    """A step that a configuration names: a function or object that turns a `Selection` into the next."""
    call = own_callable(node, key, handed=1)

    def step(given: Selection) -> Selection:
        try:
            taken = call(given)
        except FerError:
            raise
        # Whatever the code of others raises; FER_DEBUG=1 shows where.
        except Exception as error:
            raise ConfigError(
                f"{key}._target_={node['_target_']} fails with {type(error).__name__}: {error}"
            ) from error
        if not isinstance(taken, Selection):
            raise ConfigError(
                f"{key}._target_={node['_target_']} gives a {type(taken).__name__}: a step turns a "
                "fer.data.selection.Selection into another"
            )
        _check_rows(taken, key)
        return taken

    return step


def _check_rows(taken: Selection, key: str) -> None:
    train, valid, count = taken.split.train, taken.split.valid, len(taken.samples)
    rows = np.concatenate([train, valid])
    if len(rows) and not (rows.min() >= 0 and rows.max() < count):
        raise ConfigError(f"{key} names rows outside the {count:,} samples")
    if len(np.unique(rows)) < len(rows):
        raise ConfigError(f"{key} names rows twice, or rows that both train and select: no score would mean anything")
