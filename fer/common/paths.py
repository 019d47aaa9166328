"""Paths as people write them."""

import os
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """With the home folder in the place of a leading `~` or `~name`; as it is where there is no such person.

    That is what shells do. `Path.expanduser` raises a RuntimeError instead.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111
