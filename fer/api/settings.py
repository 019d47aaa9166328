"""Settings as a person writes them in Python, as the overrides of a command line."""

from collections.abc import Iterable, Mapping
from typing import Any

from fer.common.errors import ConfigError
from fer.config.overrides import leaf_overrides


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
            overrides += leaf_overrides(each)
        else:
            raise ConfigError(
                f"{each!r:.100} is no setting: give 'KEY=VALUE' as on the command line, a mapping, or KEY=VALUE "
                "keywords"
            )
    return overrides + leaf_overrides(keys)
