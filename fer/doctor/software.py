"""Versions: of this package, of Python, and of every package it needs."""

import importlib.metadata
import platform
import re
import sys
from collections.abc import Iterator
from typing import Final

from fer.common.environment import environment, version_of
from fer.doctor.finding import Finding

_OPENCV: Final = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
"""Distributions that each install the same module, `cv2`."""

_MALICIOUS: Final = {"pytorch-lightning": ("2.6.2", "2.6.3")}
"""Versions that somebody else uploaded."""


def examine() -> Iterator[Finding]:
    """The software, from what installers recorded: nothing is imported."""
    here = environment()
    revision = here["git_revision"]
    changed = ", with changes" if revision is not None and revision.endswith("+") else ""
    checkout = "" if revision is None else f", checkout {revision.rstrip('+')}{changed}"
    yield Finding("ferlab", f"{importlib.metadata.version('ferlab')}{checkout}")
    yield Finding("Python", f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}")
    yield Finding("system", here["machine"]["system"])
    yield from _packages("")
    yield from _packages("train")
    yield from _packages("spark")
    yield from _opencv()


def _packages(extra: str) -> Iterator[Finding]:
    """The packages of an extra, "" for those that are always needed: one line, and one for each that is wrong."""
    needed = {name: wanted for name, wanted, of in requirements() if of == extra}
    installed = {name: version for name in needed if (version := version_of(name)) is not None}
    title = f"extra {extra}" if extra else "needed always"
    missing = [name for name in needed if name not in installed]
    if extra and len(missing) == len(needed):
        yield Finding(title, f"not installed (pip install 'ferlab[{extra}]')")
        return
    yield Finding(title, ", ".join(f"{name} {version}" for name, version in installed.items()))
    if missing:
        command = f"pip install 'ferlab[{extra}]'" if extra else "pip install ferlab"
        yield Finding(
            title, f"missing: {', '.join(missing)}", "note" if extra else "problem", f"Install the rest: {command}."
        )
    for name, version in installed.items():
        if version in _MALICIOUS.get(name, ()):
            yield Finding(
                name,
                f"{version} is a malicious upload",
                "problem",
                f"Remove it at once, install {name}{needed[name]}, and change the secrets of this machine.",
            )
        elif not _satisfies(version, needed[name]):
            yield Finding(
                name,
                f"{version} is not {needed[name]}",
                "problem",
                f"Install another: pip install '{name}{needed[name]}'.",
            )


def requirements() -> list[tuple[str, str, str]]:
    """What ferlab's metadata asks for: (package, versions such as ">=2.8", extra or "")."""
    found = []
    for line in importlib.metadata.requires("ferlab") or ():
        name = re.match(r"[A-Za-z0-9._-]+", line)
        assert name is not None, line
        wanted, _, marker = line[name.end() :].partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        found.append((name[0], wanted.strip().strip("()"), "" if extra is None else extra[1]))
    return found


def _satisfies(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version, prereleases=True)


def _opencv() -> Iterator[Finding]:
    found = {name: version for name in _OPENCV if (version := version_of(name)) is not None}
    if len(found) > 1:
        told = ", ".join(f"{name} {version}" for name, version in found.items())
        others = " ".join(name for name in found if name != _OPENCV[0])
        yield Finding(
            "OpenCV",
            f"installed more than once, each over the other: {told}",
            "note",
            f"If cv2 fails: pip uninstall {others}, then pip install --force-reinstall '{_OPENCV[0]}<5'.",
        )
    for name, version in found.items():
        if int(version.partition(".")[0]) >= 5:
            yield Finding(
                "OpenCV",
                f"{name} {version} has no Haar cascades, which find the faces",
                "problem",
                f"Install one below 5: pip install '{name}<5'.",
            )
