"""AffectNet (Mollahosseini et al. 2017) in the form of Kaggle's noamsegal/affectnet-training-data.

Eight class folders (the seven emotions and contempt) of 96 x 96 RGB faces, and `labels.csv` with the columns pth, label
and relFCs. Folder and CSV disagree about some faces, because labels were revised with a recognition model's help; which
of the two counts is an option, and the disagreements are counted either way.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final, Literal

from fer.common.errors import DataError
from fer.common.labels import canonical_name
from fer.data.class_folders import class_folder_images
from fer.data.csv_table import read_rows
from fer.data.image_files import LabelledImage, Listing, Release
from fer.data.tree import Tree, damage_told

READER: Final = "affectnet-4"
"""Name and version of this reader, for the cache key."""

LabelFrom = Literal["folder", "csv"]

_RELEASE: Final = Release(words="Kaggle's noamsegal/affectnet-training-data", total=29_042, counts={})


def list_affectnet(tree: Tree, *, label_from: LabelFrom = "folder") -> Listing:
    """Every face with the label of its folder or of `labels.csv`.

    Args:
        tree: the files.
        label_from: which of the two counts where they disagree; with "csv", faces that it does not list are left out.

    Raises:
        DataError: `labels.csv` is wanted and not there, or cannot be read.
    """
    tables = [name for name in tree.names if PurePosixPath(name).name.lower() == "labels.csv"]
    images, notes = class_folder_images(tree, read=tables)
    if len(tables) > 1:
        raise DataError(f"{tree.root} holds several labels.csv ({', '.join(tables[:3])}): set data.root to one copy")
    if tables:
        images, table_notes = _compare(
            images, _read_labels(tree, tables[0]), label_from=label_from, origin=str(tree.root)
        )
        notes += table_notes
    elif label_from == "csv":
        raise DataError(
            f"{tree.root} has no labels.csv, which data.label_from=csv asks for: use data.label_from=folder, or a copy "
            "with that file"
        )
    else:
        notes.append("There is no labels.csv, so the folders' labels could not be compared with it.")
    return Listing(
        name="AffectNet",
        layout=f"class folders, labels of the {'folders' if label_from == 'folder' else 'CSV'}",
        images=images,
        notes=notes,
        releases=(_RELEASE,),
    )


def _read_labels(tree: Tree, name: str) -> Mapping[str, str]:
    """Path relative to the CSV's own folder -> label."""
    labels: dict[str, str] = {}
    with damage_told(tree, name), tree.open_table(name) as file:
        data = file.read()
    for line, row in read_rows(data, columns=("pth", "label"), origin=f"{tree.root}: {name}"):
        if not row["pth"] or not row["label"]:
            raise DataError(f"{tree.root}: {name} line {line} lacks its path or label")
        path = row["pth"].replace("\\", "/").lower()
        if labels.setdefault(path, row["label"]) != row["label"]:
            raise DataError(
                f"{tree.root}: {name} line {line} calls {row['pth'][:200]} {row['label'][:40]!r}, "
                f"an earlier line {labels[path][:40]!r}: mend one of them"
            )
    return labels


def _compare(
    images: Sequence[LabelledImage], table: Mapping[str, str], *, label_from: LabelFrom, origin: str
) -> tuple[list[LabelledImage], list[str]]:
    """The images by the chosen label, and how the two sources of labels relate."""
    rows = _rows_of([image.path for image in images], table)
    doubled = [row for row, count in Counter(row for row in rows if row is not None).items() if count > 1]
    if doubled and label_from == "csv":
        raise DataError(
            f"{origin}: labels.csv names {doubled[0]}, and several images end so: name its images with the folders "
            "above their class, or use data.label_from=folder"
        )
    kept, listed, differing, unlisted = [], 0, 0, 0
    for image, row in zip(images, rows, strict=True):
        if row is None or row in doubled:
            unlisted += row is None
            if label_from == "folder":
                kept.append(image)
            continue
        revised = table[row]
        listed += 1
        if (canonical_name(revised) or revised.strip().lower()) != (canonical_name(image.label) or image.label.lower()):
            differing += 1
        kept.append(image if label_from == "folder" else replace(image, label=revised.strip()))
    notes = []
    if listed > 0:
        notes.append(
            f"Folder and labels.csv disagree about {differing:,} of {listed:,} faces ({differing / listed:.1%}); the "
            f"{'folder' if label_from == 'folder' else 'CSV'} counts (data.label_from={label_from})."
        )
    if unlisted > 0:
        fate = "keep their folder's label" if label_from == "folder" else "are left out"
        notes.append(f"{unlisted:,} faces are not in labels.csv and {fate}.")
    if doubled:
        notes.append(
            f"{len(doubled):,} lines of labels.csv fit several images each ({doubled[0]}, ...) and say nothing."
        )
    absent = len(table) - listed - len(doubled)
    if absent > 0:
        notes.append(f"{absent:,} faces of labels.csv are not there.")
    return kept, notes


def _rows_of(paths: Sequence[str], table: Mapping[str, str]) -> list[str | None]:
    """The key in `table` of each image; None for those that it does not list.

    The CSV names the class folder and the file, in some copies folders above them too; what lies above differs between
    copies. So one of the two paths ends with the other: the longest line that ends the image's decides, else the only
    line that ends with it.
    """
    by_end: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for key in table:
        parts = PurePosixPath(key).parts
        by_end.setdefault(parts[-2:], []).append(parts)
    names = {PurePosixPath(key).parts: key for key in table}
    found: list[str | None] = []
    for path in paths:
        image = PurePosixPath(path.lower()).parts
        alike = by_end.get(image[-2:], [])
        ends = [row for row in alike if image[-len(row) :] == row]
        longer = [row for row in alike if row[-len(image) :] == image]
        fitting = max(ends, key=len) if ends else longer[0] if len(longer) == 1 else None
        found.append(None if fitting is None else names[fitting])
    return found
