"""Photographs as they come, a face somewhere in each, with a CSV of what people call it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS, canonical_name
from fer.common.paths import expanded
from fer.data.csv_table import read_rows
from fer.data.decode import UnreadableError
from fer.data.tree import FolderTree, ZipTree, find_images


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """Labelled photographs, not yet read.

    Attributes:
        root: their folder or zip.
        names: of each, below `root`.
        labels: int64 array (N,), what people call the face: index of an emotion.
        persons: who is on each; None where the CSV does not tell.
        notes: what was left out, a sentence each.
    """

    root: Path
    names: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    persons: npt.NDArray[np.str_] | None
    notes: tuple[str, ...]

    def contents(self) -> Iterator[bytes | DataError]:
        """Each file's bytes, in the order of `names`; the error of one that cannot be read."""
        with _opened(self.root) as tree:
            for name in self.names:
                try:
                    yield tree.read_image(name)
                except UnreadableError as error:
                    yield DataError(f"{self.root}: {name}: {error}")


def read_photographs(root: Path, labels: Path | None) -> Photographs:
    """The labelled photographs of a folder or zip.

    Args:
        root: a folder or a zip.
        labels: CSV with the columns `file` (a path below `root`, or a file name that is there once), `emotion` (one
            of the seven or a synonym) and, where known, `person`; None where the folder of each photograph names its
            emotion.

    Raises:
        DataError: nothing at `root` or `labels`, no such columns, rows that do not fit the files (each kind with its
            count), or no photograph of one of the seven emotions.
    """
    root = expanded(root)
    if not root.exists():
        raise DataError(f"{root} is not there: name the folder or the zip of the photographs")
    with _opened(root) as tree:
        known = [str(path) for path in find_images(tree)]
    if labels is None:
        return _by_folder(root, known)
    return _by_table(root, known, expanded(labels))


def _opened(root: Path) -> FolderTree | ZipTree:
    return FolderTree(root) if root.is_dir() else ZipTree(root)


def _by_folder(root: Path, known: list[str]) -> Photographs:
    emotions = [canonical_name(PurePosixPath(name).parent.name) for name in known]
    rows = [(name, emotion) for name, emotion in zip(known, emotions, strict=True) if emotion in EMOTIONS]
    if not rows:
        raise DataError(
            f"{root}: none of its {len(known):,} images lies in a folder named for one of the seven emotions: name "
            "the folders so, or give a CSV of labels"
        )
    return Photographs(
        root=root,
        names=tuple(name for name, _ in rows),
        labels=np.array([EMOTIONS.index(str(emotion)) for _, emotion in rows], dtype=np.int64),
        persons=None,
        notes=_left_out(Counter(), len(known) - len(rows)),
    )


def _by_table(root: Path, known: list[str], labels: Path) -> Photographs:
    try:
        content = labels.read_bytes()
    except OSError as error:
        raise DataError(f"{labels} cannot be read: {error.strerror or error}") from error
    rows = [row for _, row in read_rows(content, columns=("file", "emotion"), origin=str(labels))]
    names, emotions, persons = [], [], []
    outside: Counter[str] = Counter()
    absent: list[str] = []
    unclear: list[str] = []
    whole, by_end = set(known), _by_end(known)
    for row in rows:
        name, emotion = row["file"].strip().replace("\\", "/").removeprefix("./"), canonical_name(row["emotion"])
        if emotion not in EMOTIONS:
            outside[row["emotion"].strip() or "no emotion"] += 1
            continue
        found = [name] if name in whole else by_end.get(PurePosixPath(name).name, [])
        if len(found) != 1:
            (absent if len(found) == 0 else unclear).append(name)
            continue
        names.append(found[0])
        emotions.append(EMOTIONS.index(emotion))
        persons.append(row.get("person", "").strip())
    _check(names, persons, absent=absent, unclear=unclear, root=root, labels=labels)
    return Photographs(
        root=root,
        names=tuple(names),
        labels=np.array(emotions, dtype=np.int64),
        persons=np.array(persons, dtype=np.str_) if any(persons) else None,
        notes=_left_out(outside, len(known) - len(rows)),
    )


def _by_end(known: list[str]) -> dict[str, list[str]]:
    """File name -> the paths that end with it."""
    found: dict[str, list[str]] = {}
    for name in known:
        found.setdefault(PurePosixPath(name).name, []).append(name)
    return found


def _left_out(outside: Counter[str], unlabelled: int) -> tuple[str, ...]:
    told = []
    if outside:
        told.append(
            f"{sum(outside.values()):,} photographs are left out, labelled {', '.join(sorted(outside))}: none of the "
            "seven emotions."
        )
    if unlabelled > 0:
        told.append(f"{unlabelled:,} further images without a label are left out.")
    return tuple(told)


def _check(
    names: list[str], persons: list[str], *, absent: list[str], unclear: list[str], root: Path, labels: Path
) -> None:
    """Refuses a table that does not fit its photographs, with a count and an example of each kind of fault."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    unknown = [name for name, person in zip(names, persons, strict=True) if any(persons) and not person]
    faults = [
        f"{len(found):,} {what} (the first: {found[0]})"
        for found, what in (
            (absent, "files that it names are not there"),
            (unclear, "file names are there several times: give whole paths"),
            (twice, "photographs are labelled more than once"),
            (unknown, "photographs have no person, and others have: fill the column, or leave it out altogether"),
        )
        if found
    ]
    if faults:
        raise DataError(f"{labels} does not fit the photographs of {root}: " + "; ".join(faults))
    if len(names) == 0:
        raise DataError(f"{labels} labels no photograph with one of the seven emotions: {', '.join(EMOTIONS)}")
