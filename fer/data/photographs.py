"""Photographs as they come, a face somewhere in each, with a CSV of what people call it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS, canonical_name
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


def read_photographs(root: Path, labels: Path) -> Photographs:
    """The photographs that a CSV labels.

    Args:
        root: a folder or a zip.
        labels: CSV with the columns `file` (a path below `root`, or a file name that is there once), `emotion` (one
            of the seven or a synonym) and, where known, `person`.

    Raises:
        DataError: no such file, no such columns, a file that is not there, there several times or labelled twice, a
            photograph without a person among others with one, or no photograph of one of the seven emotions.
    """
    root, labels = root.expanduser(), labels.expanduser()
    try:
        content = labels.read_bytes()
    except OSError as error:
        raise DataError(f"{labels} cannot be read: {error.strerror or error}") from error
    rows = [row for _, row in read_rows(content, columns=("file", "emotion"), origin=str(labels))]
    if not root.exists():
        raise DataError(f"{root} is not there: name the folder or the zip of the photographs")
    with _opened(root) as tree:
        known = [str(path) for path in find_images(tree)]
    names, emotions, persons = [], [], []
    outside: Counter[str] = Counter()
    whole, by_end = set(known), _by_end(known)
    for row in rows:
        name, emotion = row["file"].strip().replace("\\", "/").removeprefix("./"), canonical_name(row["emotion"])
        if emotion not in EMOTIONS:
            outside[row["emotion"].strip() or "no emotion"] += 1
            continue
        found = [name] if name in whole else by_end.get(PurePosixPath(name).name, [])
        if len(found) != 1:
            what = "is not there" if len(found) == 0 else f"is there {len(found)} times: give its whole path"
            raise DataError(f"{labels} labels {name}, which {what} in {root}")
        names.append(found[0])
        emotions.append(EMOTIONS.index(emotion))
        persons.append(row.get("person", "").strip())
    _check(names, persons, root=root, labels=labels)
    notes = [
        f"{sum(outside.values())} photographs are left out, labelled {', '.join(sorted(outside))}: none of the seven "
        "emotions."
    ] * bool(outside)
    if len(known) > len(rows):
        notes.append(f"{len(known) - len(rows):,} further images without a label are left out.")
    return Photographs(
        root=root,
        names=tuple(names),
        labels=np.array(emotions, dtype=np.int64),
        persons=np.array(persons, dtype=np.str_) if any(persons) else None,
        notes=tuple(notes),
    )


def _opened(root: Path) -> FolderTree | ZipTree:
    return FolderTree(root) if root.is_dir() else ZipTree(root)


def _by_end(known: list[str]) -> dict[str, list[str]]:
    """File name -> the paths that end with it."""
    found: dict[str, list[str]] = {}
    for name in known:
        found.setdefault(PurePosixPath(name).name, []).append(name)
    return found


def _check(names: list[str], persons: list[str], *, root: Path, labels: Path) -> None:
    if len(names) == 0:
        raise DataError(f"{labels} labels no photograph with one of the seven emotions: {', '.join(EMOTIONS)}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{labels} labels {twice[0]} of {root} more than once: leave one of the rows")
    unknown = [name for name, person in zip(names, persons, strict=True) if not person]
    if any(persons) and unknown:
        raise DataError(f"{labels} tells no person for {unknown[0]}: fill the column, or leave it out altogether")
