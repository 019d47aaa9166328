"""What `fer-sweep` is asked to do: the sweep's own keys, the settings of every trial, and the space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from fer.common.errors import ConfigError, nearest
from fer.common.processes import cores
from fer.common.section import Section
from fer.config.conf_files import group_options
from fer.config.overrides import key_of
from fer.config.search_path import in_search_path
from fer.metrics.objectives import METRICS, Objective
from fer.tuning.distributions import is_distribution, parse
from fer.tuning.pruning import PruningSettings
from fer.tuning.space import Space
from fer.tuning.suggest import Algorithm

if TYPE_CHECKING:
    from fer.config.schema import TrainConfig

_NAMED_BY_SWEEP: Final = ("run_dir", "resume", "visible")
"""Keys of fer-train that mean nothing for a trial, or that the sweep sets."""


class SweepSettings(Section):
    """The sweep's own keys.

    Attributes:
        sweep_dir: the sweep's folder; None names it `outputs/<date>_<time>_sweep_<model>`.
        num_trials: trials in all, those of earlier parts of the sweep included.
        workers: trials at a time; None takes one a CPU core, or one where a GPU trains.
        algorithm: how the next point is chosen.
        startup_trials: trials drawn at random before tpe believes their losses.
        objective: what the best trial is best at, on the selection faces (PublicTest).
        folds: train each trial on this many folds of Training and take the mean; None trains once.
        pruning: when trials are given up.
        trial_minutes: a trial that takes longer has failed; None waits.
        max_failures: trials failed in a row after which the sweep gives up.
        keep: whose checkpoints stay: the best trial's, or all.
        backend: local processes, or a Spark cluster.
        report: write the sweep's page at the end (it does not open PrivateTest).
    """

    sweep_dir: Path | None = None
    num_trials: int = Field(default=40, ge=1)
    workers: int | None = Field(default=None, ge=1)
    algorithm: Algorithm = "tpe"
    startup_trials: int = Field(default=10, ge=1)
    objective: Objective = "accuracy"
    folds: int | None = Field(default=None, ge=2)
    pruning: PruningSettings = PruningSettings()
    trial_minutes: float | None = Field(default=None, gt=0)
    max_failures: int = Field(default=10, ge=1)
    keep: Literal["best", "all"] = "best"
    backend: Literal["local", "spark"] = "local"
    report: bool = True


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep to run.

    Attributes:
        settings: its own keys.
        space: what is searched.
        overrides: of fer-train, for every trial.
        tree: the configuration of a trial before its params, as plain values.
        config: the same, typed.
    """

    settings: SweepSettings
    space: Space
    overrides: tuple[str, ...]
    tree: Mapping[str, Any]
    config: "TrainConfig"

    @property
    def on_cpu(self) -> bool:
        """Whether trials train on the CPU as far as the configuration alone tells."""
        return self.config.trainer.accelerator == "cpu"


def compose_sweep(arguments: Sequence[str]) -> Sweep:
    """The sweep of a command line.

    A key of fer-train fixes what it names, in the space too; `KEY=uniform(0, 1)` and the like add to the space.

    Raises:
        ConfigError: an unknown key, a value of the wrong type, a space that cannot be read, nothing to search.
    """
    from fer.config.compose import compose_train
    from fer.config.schema import typed

    described = [(key_of(argument), _described(argument)) for argument in arguments]
    searched = {key: parse(value, key=key) for key, value in described if is_distribution(value)}
    fixed = [argument for argument in arguments if key_of(argument) not in searched]
    for override in fixed:
        if key_of(override) in _NAMED_BY_SWEEP:
            raise ConfigError(
                f"{override}: a sweep trains each trial in a folder of its own: leave {key_of(override)} out "
                "(sweep_dir=PATH names the sweep's folder, and the same command with it goes on where it stopped)"
            )
    tree = compose_train(fixed, config_name="sweep")
    settings = SweepSettings.taken_from(tree)
    _refuse_unknown_space(fixed)
    space = Space.parse(tree.pop("space", {})).with_settings(searched)
    config = typed(tree)
    settings = settings.model_copy(update={"objective": _objective(settings.objective, config)})
    own = {*SweepSettings.model_fields, "space"}
    overrides = tuple(override for override in fixed if key_of(override).partition(".")[0] not in own)
    if config.trainer.devices != 1:
        raise ConfigError(
            f"trainer.devices={config.trainer.devices}: a trial trains on one device; let more workers= share the "
            "cores, or train the best trial on several afterwards"
        )
    space = space.fixed({key_of(override): override.partition("=")[2] for override in overrides})
    if not space.settings:
        raise ConfigError(
            "there is nothing to search: choose a space (space=cnn), or name settings, as in "
            "'optimizer.lr=loguniform(1e-4, 1e-1)'"
        )
    tree |= {"report": False, "resume": "auto"}
    return Sweep(settings=settings, space=space, overrides=overrides, tree=tree, config=config)


def _described(argument: str) -> str:
    """The value of an argument; a distribution out of the quotes in which Python and cautious people hand it over."""
    value = argument.partition("=")[2]
    inner = value[1:-1].replace('\\"', '"')
    return inner if value[:1] == value[-1:] and value[:1] in ('"', "'") and is_distribution(inner) else value


def _objective(asked: Objective, config: "TrainConfig") -> Objective:
    """An objective that trials log, with its direction.

    Raises:
        ConfigError: there is no such metric, or it does not say which direction is better.
    """
    name = asked.removeprefix("-")
    known = ["nll", *config.metrics]
    if name not in known:
        raise ConfigError(
            f"objective={asked}: no metric of that name is computed{nearest(name, known)}; there are "
            f"{', '.join(known)}, and +metrics.{name}._target_=CLASS adds one"
        )
    if name in METRICS or asked != name:
        return name if name in METRICS else asked
    from torchmetrics import Metric

    from fer.config.instantiate import located_class

    target = located_class(config.metrics[name].get("_target_"), f"metrics.{name}", kind=Metric)
    better = getattr(target, "higher_is_better", None)
    if better is None:
        raise ConfigError(
            f"objective={asked}: {target.__name__} does not say which direction is better (higher_is_better): write "
            f"objective=-{name} where it is the lower one, or set it in the class"
        )
    return name if better else f"-{name}"


def _refuse_unknown_space(overrides: Sequence[str]) -> None:
    """A model of one's own may come without a space; a space that was asked for has to be there."""
    for override in overrides:
        key, _, name = override.lstrip("+").partition("=")
        spaces = group_options("space")
        if key == "space" and name not in spaces and not in_search_path(f"space/{name}.yaml", overrides):
            near = nearest(name, spaces)
            raise ConfigError(f"{override}: there is no such space{near}; choose one of {', '.join(spaces)}")


def worker_count(sweep: Sweep) -> int:
    """Trials at a time: as asked, else as many as the CPU has cores for their threads, or one where a GPU trains."""
    if sweep.settings.workers is not None:
        return sweep.settings.workers
    return max(1, cores() // (sweep.config.threads or 1)) if sweep.on_cpu else 1


def thread_count(sweep: Sweep) -> int:
    """CPU threads of each trial: as asked, else their share of the cores."""
    return sweep.config.threads or max(1, cores() // worker_count(sweep))
