"""`fer-train -m hydra/sweeper=fer`: our search in Hydra's own words."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, Final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.plugins.sweeper import Sweeper

from fer.common.errors import ConfigError

_HYDRAS: Final = "hydra_plugins.fer"
"""Hydra takes plugins of its namespace alone; a package of that name would be loaded by every other Hydra program."""


class FerSweeper(Sweeper):  # type: ignore[misc, unused-ignore]
    """Hands what is swept over to `fer-sweep`.

    `KEY=a,b` and `choice(a, b)` are searched as choices, `interval(a, b)` uniformly, `tag(log, interval(a, b))`
    uniformly by its logarithm, `range(a, b, step)` as a choice of its numbers.

    Args:
        space: a file of conf/space that is searched too; null: what the command line names.
        settings: keys of `fer-sweep` and their values, such as `num_trials`; null is left to it.

    Attributes:
        began: whether a sweep was begun in this process: what is raised from then on is no refusal of Hydra's.
    """

    began: ClassVar[bool] = False

    def __init__(self, space: str | None = None, **settings: Any) -> None:
        self.space = space
        self.settings = settings

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Hydra's hook; trials are processes of fer-sweep, so its launcher has nothing to do."""

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the sweep of a command line, as `fer-sweep` does.

        Raises:
            FerError: as `fer.tuning.run.run_sweep`.
        """
        from fer.tuning.run import run_sweep

        FerSweeper.began = True
        run_sweep(sweep_arguments(arguments, space=self.space, settings=self.settings))


FerSweeper.__module__ = _HYDRAS


def sweep_arguments(arguments: Sequence[str], *, space: str | None, settings: Mapping[str, Any]) -> list[str]:
    """The command line of `fer-sweep` for one of `fer-train -m`.

    Args:
        arguments: KEY=VALUE in Hydra's grammar.
        space: a file of conf/space, or None for no other settings than those named.
        settings: keys of fer-sweep; those that are None are left out.

    Raises:
        ConfigError: a sweep that has no distribution of ours.
    """
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    own = [f"{key}={value}" for key, value in settings.items() if value is not None]
    given = [argument for argument, each in zip(arguments, parsed, strict=True) if not each.is_sweep_override()]
    return [
        *given,
        f"space={'none' if space is None else space}",
        *(f"{each.get_key_element()}={_distribution(each)}" for each in parsed if each.is_sweep_override()),
        *own,
    ]


def _distribution(override: Override) -> str:
    swept = override.value()
    if isinstance(swept, IntervalSweep):
        name = "loguniform" if "log" in swept.tags else "uniform"
        return f"{name}({swept.start}, {swept.end})"
    if isinstance(swept, ChoiceSweep | RangeSweep):
        return f"choice({', '.join(override.sweep_string_iterator())})"
    raise ConfigError(
        f"{override.input_line}: write a,b or interval(low, high), or call fer-sweep with a distribution of its own"
    )


def register() -> None:
    """Makes `hydra/sweeper=fer` known to Hydra in this process."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins

    Plugins.instance().register(FerSweeper)
    try:
        plugins = importlib.import_module(_HYDRAS.partition(".")[0])
    except ImportError:
        # No other plugin is installed.
        plugins = sys.modules[_HYDRAS.partition(".")[0]] = ModuleType(_HYDRAS.partition(".")[0])
    module: Any = ModuleType(_HYDRAS)
    module.FerSweeper = FerSweeper
    plugins.fer = sys.modules[_HYDRAS] = module  # type: ignore[attr-defined]
    keys = ("sweep_dir", "num_trials", "workers", "algorithm", "startup_trials", "objective", "folds", "trial_minutes")
    node = {"_target_": f"{_HYDRAS}.{FerSweeper.__name__}", "space": None, **dict.fromkeys(keys)}
    ConfigStore.instance().store(group="hydra/sweeper", name="fer", node=node, provider="fer")
