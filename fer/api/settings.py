"""Settings as a person writes them in Python, as the overrides of a command line."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fer.common.errors import ConfigError
from fer.common.paths import expanded
from fer.config.overrides import as_mapping, key_of, setting_overrides
from fer.config.run_paths import in_run_dir


def overrides_of(given: Iterable[str | Mapping[str, Any]], keys: Mapping[str, Any]) -> list[str]:
    """Overrides in the order in which they are given, keywords last.

    Args:
        given: overrides as on the command line ("model=cnn"), or mappings of settings, nested or with dotted keys. Of a
            run's whole configuration (`Run.config`) beside another `run_dir`, paths inside the old one move too.
        keys: further settings: `seed=1`, `model="cnn"`, `trainer={"max_epochs": 3}`.

    Raises:
        ConfigError: something else was given.
    """
    given = list(given)
    place = _run_dir([*given, keys])
    overrides: list[str] = []
    for each in given:
        if isinstance(each, str):
            overrides.append(each)
        elif isinstance(each, Mapping):
            moves = place is not None and isinstance(each.get("run_dir"), str)
            overrides += setting_overrides(in_run_dir(each, str(place)) if moves else each)
        else:
            raise ConfigError(
                f"{each!r:.100} is no setting: give 'KEY=VALUE' as on the command line, a mapping, or KEY=VALUE "
                "keywords"
            )
    return overrides + setting_overrides(keys)


def _run_dir(given: Iterable[str | Mapping[str, Any]]) -> Path | None:
    """The run folder that is named last, which is the one that counts."""
    named: Any = None
    for each in given:
        if isinstance(each, str):
            about = key_of(each) == "run_dir" and "=" in each
            named = as_mapping([each.lstrip("+")]).get("run_dir", named) if about else named
        elif isinstance(each, Mapping):
            named = each.get("run_dir", named)
    return None if named is None else expanded(str(named))
