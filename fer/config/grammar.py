"""Values as a person types them, in Hydra's grammar, which has no words for many names of files and classes."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fer.common.parsing import parse_yaml

MAX_WORDS: Final = 500
"""Letters of another package's message, or of a setting, that are passed on."""

PATH_KEYS: Final = frozenset(
    {
        *("root", "run_dir", "sweep_dir", "study_dir", "bench_dir", "baseline", "resume", "run", "out", "data_root"),
        *("pretrained", "leave_out", "ferplus", "dirpath", "save_dir", "path"),
    }
)
"""Last parts of keys that hold a path: whatever stands there is its name, brackets and quotes included."""

_LISTS: Final = frozenset({"run", "teachers"})
"""Last parts of keys that hold several paths."""


def no_setting(override: str) -> str:
    """What is said of an override that the grammar has no words for."""
    return f"{override[:MAX_WORDS]}: not a valid KEY=VALUE; quote special characters, as in 'key=\"a, b\"'"


def quoted(text: str) -> str:
    """A text in double quotes, as Hydra's grammar reads it back: quotes are escaped, and backslashes before one."""
    return '"' + re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), text) + '"'


def understood(overrides: Sequence[str], *, sweeps: bool = False) -> tuple[list[str], dict[str, Mapping[str, Any]]]:
    """Overrides that Hydra's grammar takes, and key -> mapping for those that it has no words for.

    A path that the grammar refuses, or takes for a number or a choice (`archive (1).zip`, `a=b`, `#1`, `2024`), is
    quoted; a list of paths is quoted path by path. A mapping whose keys it refuses (`{"üzgün": sad}`) is read as YAML,
    and so are words and lists of words beyond ASCII (`[Ärger,Freude]`). What still is none of these is left for Hydra
    to refuse.

    Args:
        overrides: as on a command line.
        sweeps: a choice (`a,b`) is one, as in a multirun, and no name with a comma in it.
    """
    from hydra.core.override_parser.types import Sweep

    told: list[str] = []
    mappings: dict[str, Mapping[str, Any]] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        last = key.rpartition(".")[2].lstrip("+~")
        if not equals or not re.fullmatch(r"\+{0,2}[\w./@:-]+", key):
            told.append(override)
            continue
        taken = _taken(override)
        a_list = taken is not _REFUSED or "," in value or value.startswith("[")
        if last == "run" and not isinstance(taken, str) and a_list and not os.path.exists(value):  # noqa: PTH110
            # More likely a list with a mistake in it than a run folder: Hydra's refusal says how to write one.
            told.append(override if taken is not _REFUSED else f"{key}={_list(value) or value}")
            continue
        mapping = _mapping(value) if taken is _REFUSED else None
        if mapping is not None and last not in PATH_KEYS:
            mappings[key.lstrip("+")] = mapping
        elif last in _LISTS and value.startswith("["):
            told.append(override if taken is not _REFUSED else f"{key}={_list(value) or quoted(value)}")
        elif sweeps and isinstance(taken, Sweep):
            told.append(override)
        elif last in PATH_KEYS and value and not isinstance(taken, str | bool | None) and "${" not in value:
            told.append(f"{key}={quoted(value)}")
        elif taken is _REFUSED and not value.isascii() and (words := _words(value)) is not None:
            told.append(f"{key}={words}")
        else:
            told.append(override)
    return told, mappings


_REFUSED: Final = object()


def _taken(override: str) -> object:
    """The value that Hydra's parser gives an override; `_REFUSED` where it gives none."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import QuotedString
    from hydra.errors import HydraException

    try:
        value = OverridesParser.create().parse_override(override).value()
    except (HydraException, ValueError, RecursionError):
        return _REFUSED
    return value.text if isinstance(value, QuotedString) else value


def _mapping(value: str) -> Mapping[str, Any] | None:
    if not value.startswith("{"):
        return None
    try:
        content = parse_yaml(value)
    except ValueError:
        return None
    return content if isinstance(content, dict) and None not in content.values() else None


def _words(value: str) -> str | None:
    """A word or a list of words, each in quotes; None where the text is anything else."""
    if re.fullmatch(r"[\w -]+", value):
        return quoted(value)
    try:
        content = parse_yaml(value)
    except ValueError:
        return None
    # A list that holds numbers or yes and no besides is left for its writer to quote.
    return _list(value) if isinstance(content, list) and all(isinstance(item, str) for item in content) else None


def _list(value: str) -> str | None:
    """A list of paths with each of them quoted; None where the text is no list."""
    try:
        content = parse_yaml(value)
    except ValueError:
        content = None
    if not isinstance(content, list) or not all(isinstance(item, str | int | float) for item in content):
        return None
    return "[" + ",".join(quoted(str(item)) for item in content) + "]"
