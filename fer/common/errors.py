"""The errors a user can cause, and mend: every message names the value, the key and the fix."""

import difflib
from collections.abc import Iterable
from typing import Final

from fer.common.wording import printable_message

_LONGEST: Final = 3000
"""Letters of a message; what a file or a command line holds in one piece may have millions."""


class FerError(Exception):
    """A user's mistake, told in one or two lines; commands exit with status 2 on it."""

    def __str__(self) -> str:
        # A name in it may hold bytes that no stream takes, and escape sequences that a terminal obeys.
        text = printable_message(super().__str__())
        if len(text) <= _LONGEST:
            return text
        return f"{text[: _LONGEST * 2 // 3]} [... {len(text) - _LONGEST:,} letters ...] {text[-_LONGEST // 3 :]}"


class ConfigError(FerError, ValueError):
    """A configuration that cannot work: unknown key, wrong type, impossible combination."""


class DataError(FerError, ValueError):
    """A data set that is missing, broken, or not what it claims to be."""


class CheckpointError(FerError, ValueError):
    """A checkpoint that is missing, broken, or of another model."""


class StorageError(FerError, OSError):
    """The disk refused: full, read-only, no permission. What was written before is whole."""


class MissingExtraError(FerError, ImportError):
    """A command needs packages of an extra that is not installed."""


def nearest(name: str, candidates: Iterable[str]) -> str:
    """ " (did you mean 'a' or 'b'?)", or nothing where no candidate is near."""
    near = difflib.get_close_matches(name, list(candidates), n=2, cutoff=0.5)
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
