"""The files below a folder, without what operating systems leave there."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MAX_DEPTH: Final = 8
"""Levels of folders below the root that are looked into: stops at links that point back up."""

_JUNK_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


def walk_files(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below `root` as (relative name with `/` between folders, entry), in no fixed order; follows links.

    Raises:
        OSError: a folder that cannot be listed.
    """
    pending = [("", root, 0)]
    while pending:
        prefix, folder, depth = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_junk(entry.name):
                    continue
                if not entry.is_dir():
                    yield prefix + entry.name, entry
                elif depth < MAX_DEPTH:
                    pending.append((f"{prefix}{entry.name}/", Path(entry.path), depth + 1))


def is_junk(name: str) -> bool:
    """Whether a relative name is hidden, or one of the operating system's own files (__MACOSX, Thumbs.db)."""
    parts = name.split("/")
    return any((part.startswith(".") and part != "..") or part.lower() in _JUNK_NAMES for part in parts)
