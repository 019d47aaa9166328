"""Values of the form that the configuration's grammar would take for something else, told by their key."""

import re
from collections.abc import Sequence
from typing import Final

from fer.common.errors import ConfigError
from fer.config.grammar import understood
from fer.config.own_parts import with_own_parts
from fer.studio.experiments import fixed_of

_DECIMAL: Final = re.compile(r"([+-]?)(\d+|\d{1,3}(?:\.\d{3})+),(\d+(?:[eE][+-]?\d+)?)")
"""A number with a comma for its point, and points between its thousands."""


def check_written(kind: str, overrides: Sequence[str]) -> None:
    """Whether each override gives one value that can be read.

    Args:
        kind: what is to be started; a sweep may draw values.
        overrides: as on a command line.

    Raises:
        ConfigError: one does not; the message begins with its key.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    for override in understood(with_own_parts(fixed_of(kind, overrides)))[0]:
        _, equals, value = override.partition("=")
        if not equals:
            continue
        try:
            several = parser.parse_override(override).is_sweep_override()
        except (HydraException, ValueError, RecursionError) as error:
            raise ConfigError(
                f"{override}: this cannot be read; write a number as 0.001, a list as [1,2], and put a text with "
                "special characters between double quotes"
            ) from error
        if several:
            raise ConfigError(f"{override}: {_one_of(value.strip(), searched=kind == 'sweep')}")


def _one_of(value: str, *, searched: bool) -> str:
    """How several values with commas between them should have been written."""
    more = f", and to search several choice({value})" if searched else ""
    found = _DECIMAL.fullmatch(value)
    if found is None:
        return f"one value is taken here; write a list as [{value}]{more}"
    sign, whole, rest = found.groups()
    return f"write {sign}{whole.replace('.', '')}.{rest}, with a point; a list is written [{value}]{more}"
