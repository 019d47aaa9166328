"""File systems of a few kilobytes, which fill up, or are read-only."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount(*arguments: str | Path) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no right to mount: {done.stderr.strip()}")


@contextmanager
def small_disks(below: Path) -> Iterator[Callable[..., Path]]:
    """`sized("220k")`: a file system of that size; called again, it has the new size, and the new mode."""
    places = set()

    def sized(size: str, *, mode: str = "rw", name: str = "disk") -> Path:
        place = below / name
        if place in places:
            mount("-o", f"remount,{mode},size={size}", place)
        else:
            place.mkdir()
            mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", place)
            places.add(place)
        return place

    try:
        yield sized
    finally:
        for place in places:
            subprocess.run(["umount", "-l", place], capture_output=True, check=False)
