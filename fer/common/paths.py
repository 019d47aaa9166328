"""Paths as people write them."""

import os
from pathlib import Path

from fer.common.errors import ConfigError


def expanded(path: str | Path) -> Path:
    """With the home folder in the place of a leading `~` or `~name`; as it is where there is no such person.

    That is what shells do. `Path.expanduser` raises a RuntimeError instead.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111


def in_home(path: str, *, variable: str) -> Path:
    """A path below the home folder, or one from the root of the file system.

    Args:
        path: as `~/.cache`.
        variable: of the environment, which names another place for what lies there.

    Raises:
        ConfigError: this user has no home folder (HOME is not set, as in some containers): a folder that is called `~`
            would be made.
    """
    place = expanded(path)
    if str(place).startswith("~"):
        raise ConfigError(f"this user has no home folder for {place}: set {variable} to a folder")
    return place
