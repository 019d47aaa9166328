"""Writes docs/LICENCES.md: every package that an installation brings, its licence, and who needs it.

    python scripts/list_licences.py

It reads what is installed, so run it where every extra is (`uv sync --all-extras`). Ends with status 1 where a licence
is not among those that go with this project's own.
"""

import importlib.metadata
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).parents[1] / "docs" / "LICENCES.md"

_GOES_WITH = re.compile(
    r"MIT|BSD|Apache|Python Software Foundation|\bPSF|ISC|MPL|Mozilla|Unlicense|Zlib|Zope|LGPL|Lesser General|NVIDIA",
    re.IGNORECASE,
)
"""Licences under which a package may be installed beside ours: permissive ones, those that bind changes to the package
itself alone, and NVIDIA's for the CUDA libraries of torch."""

_BINDS_ALL = re.compile(r"\bA?GPL|Affero|(?<!Lesser )General Public", re.IGNORECASE)
"""Licences that would ask the same of whatever is handed out together with the package."""

_STATED = {
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",
    "huey": "MIT",
    "kagglesdk": "Apache-2.0",
    "skops": "MIT",
}
"""Packages whose metadata name no licence, and what their source repositories state."""

_HEAD = """\
# Licences

Every package that `pip install ferlab` (base), `ferlab[train]` and `ferlab[spark]` bring, itself or through another,
with the licence its metadata states; ferlab's own is MIT. Written by `python scripts/list_licences.py` from an
installation on Linux; other systems leave some out. The packages under NVIDIA's licence are the CUDA libraries that
torch's default build for Linux brings; its CPU builds need none of them. None of the packages is handed out with
ferlab: installers fetch them.

Handed out with ferlab: FER+'s votes (`fer/data/fer2013/ferplus_votes.npz`), copyright (c) Microsoft Corporation, MIT
licence, whose text lies beside them in `FERPLUS_LICENSE.txt`; and `fer/data/fer2013/original.npz`, measurements of
FER-2013's pictures, which holds no picture.

| package | licence | brought by |
|---|---|---|
"""


@dataclass(frozen=True)
class Package:
    """One package of the closure.

    Attributes:
        name: canonical.
        licence: as its metadata states it, shortened to one line.
        brought_by: base, train or spark: the first that needs it.
    """

    name: str
    licence: str
    brought_by: str


def closure() -> list[Package]:
    """Every installed package that ferlab's base and extras need, by name."""
    found: dict[str, Package] = {}
    for part in ("", "train", "spark"):
        for name in _needed("ferlab", {part}):
            if name not in found and name != "ferlab":
                found[name] = Package(name, licence_of(name), part or "base")
    return [found[name] for name in sorted(found)]


def _needed(root: str, extras: set[str]) -> Iterator[str]:
    waiting, seen = [(root, frozenset(extras))], set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            # For another system, or another Python.
            continue
        yield canonicalize_name(name)
        for line in requirements:
            requirement = Requirement(line)
            environments = [{"extra": extra} for extra in wanted | {""}]
            if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))


def licence_of(name: str) -> str:
    """The licence of an installed package: its SPDX expression, else its classifiers, else its licence field."""
    if name in _STATED:
        return _STATED[name]
    metadata = importlib.metadata.metadata(name)
    if metadata.get("License-Expression"):
        return str(metadata["License-Expression"])
    classifiers = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if line.startswith("License :: ")
    ]
    # These two name no licence.
    named = [each for each in classifiers if each not in ("OSI Approved", "Other/Proprietary License")]
    if named:
        return ", ".join(named)
    # Some put the whole text there; its first line names it.
    lines = [line.strip() for line in str(metadata.get("License") or "").splitlines() if line.strip()]
    return lines[0] if lines else "not stated"


def page(packages: list[Package]) -> str:
    """The page's text."""
    rows = "".join(f"| {each.name} | {each.licence} | {each.brought_by} |\n" for each in packages)
    return f"{_HEAD}{rows}"


def refused(packages: list[Package]) -> list[Package]:
    """Packages whose licence does not go with this project's."""
    return [
        each
        for each in packages
        if not _GOES_WITH.search(each.licence) or (_BINDS_ALL.search(each.licence) and " OR " not in each.licence)
    ]


if __name__ == "__main__":
    every = closure()
    PAGE.write_text(page(every), encoding="utf-8")
    for each in refused(every):
        print(f"{each.name}: {each.licence} does not go with MIT", file=sys.stderr)
    print(f"{PAGE}: {len(every)} packages")
    sys.exit(bool(refused(every)))
