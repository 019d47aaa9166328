"""Any class-per-folder data set, labels and splits by the names of folders; or a table with a face a row."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.common.wording import counted, printable_path
from fer.data.class_folders import class_folder_images
from fer.data.fer2013.counts import OFFICIAL_COUNTS
from fer.data.folder.table import find_table, list_table
from fer.data.image_files import Listing, Release
from fer.data.persons import persons_by_naming, persons_by_pattern
from fer.data.samples import Split
from fer.data.tree import Tree, find_images

READER: Final = "folder-3"
"""Name and version of this reader, for the cache key."""


def _counts(split: Split) -> Mapping[str, int]:
    return dict(zip(EMOTIONS, OFFICIAL_COUNTS[split], strict=True))


_FER2013: Final = Release(
    words="FER-2013 in train/ and test/ (data=fer2013 reads it with its three official splits)",
    total=35_887,
    counts={Split.TRAINING: _counts(Split.TRAINING), Split.PRIVATE: _counts(Split.MERGED_TEST)},
)


def list_folder(tree: Tree, *, person: re.Pattern[str] | None = None) -> Listing:
    """Every image of a tree of class folders, with its person where that is known, or of a CSV where there is no image.

    Args:
        tree: the files.
        person: finds the person in an image's path; None goes by the file names of published data sets.

    Raises:
        DataError: a path in which `person` finds nothing, or a table that cannot be read.
    """
    table = None if find_images(tree) else find_table(tree)
    if table is not None:
        if person is not None:
            raise DataError(
                f"{tree.root}: data.person finds the person in the path of an image, and the faces of "
                f"{printable_path(table.name)} have none: leave it out, or write them as images into a folder for each "
                "class"
            )
        return list_table(tree, table)
    images, notes = class_folder_images(tree, person=person)
    paths = [image.path for image in images]
    if person is not None:
        persons, told_by = persons_by_pattern(paths, person, origin=str(tree.root)), "data.person"
    else:
        persons, sets = persons_by_naming(paths)
        told_by = f"file names, which are those of {' and '.join(sets)}"
    images = [replace(image, subject=subject) for image, subject in zip(images, persons, strict=True)]
    known = sum(map(bool, persons))
    notes.append(
        f"{counted(len(set(persons) - {''}), 'person')} in {known:,} of {counted(len(images), 'image')}, by {told_by}."
        if known > 0
        else "Whose face an image shows is not known: one person may be in several splits, unless data.person tells."
    )
    # Counted as FER-2013 only where it is: on other data its counts mean nothing.
    total = len(images)
    releases = (_FER2013,) if total == _FER2013.total else ()
    return Listing(
        name=f"Folder {printable_path(tree.root.name)}",
        layout="class folders",
        images=images,
        notes=notes,
        releases=releases,
    )
