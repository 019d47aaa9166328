"""Settings as a person writes them in Python, as the overrides of a command line."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fer.common.errors import ConfigError
from fer.config.overrides import override


def overrides_of(given: Iterable[str | Mapping[str, Any]], keys: Mapping[str, Any]) -> list[str]:
    """Overrides in the order in which they are given, keywords last.

    Args:
        given: overrides as on the command line ("model=cnn"), or mappings of settings, nested or with dotted keys.
        keys: further settings: `seed=1`, `model="cnn"`, `trainer={"max_epochs": 3}`.

    Raises:
        ConfigError: something else was given.
    """
    overrides: list[str] = []
    for each in given:
        if isinstance(each, str):
            overrides.append(each)
        elif isinstance(each, Mapping):
            overrides += _flat(each)
        else:
            raise ConfigError(
                f"{each!r:.100} is no setting: give 'KEY=VALUE' as on the command line, a mapping, or KEY=VALUE "
                "keywords"
            )
    return overrides + _flat(keys)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    overrides = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            overrides += _flat(value, f"{prefix}{key}.")
        else:
            overrides.append(override(f"{prefix}{key}", _plain(value)))
    return overrides


def _plain(value: Any) -> Any:
    """Paths, NumPy's numbers and arrays, tuples and sets as the plain values that a command line can hold."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, tuple | set | frozenset | list):
        return [_plain(item) for item in value]
    return value
