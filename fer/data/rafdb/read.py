"""RAF-DB, basic expressions (Li, Deng and Du 2017): 12,271 training and 3,068 test faces, aligned, 100 pixels.

Two layouts: the authors' `list_patition_label.txt` ("train_00001.jpg 5") with `train_00001_aligned.jpg` beside it, and
Kaggle's `DATASET/{train,test}/1..7`. Numbers are matched by RAF-DB's own table, never by alphabet.
"""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS, RAFDB_CODES
from fer.data.class_folders import class_folder_images
from fer.data.image_files import LabelledImage, Listing, Release
from fer.data.samples import Split
from fer.data.tree import Tree, damage_told, find_images

READER: Final = "rafdb-3"
"""Name and version of this reader, for the cache key."""

LIST_NAMES: Final = ("list_patition_label.txt", "list_partition_label.txt")
"""The authors' file of labels, spelt as they do, and as others mend it."""

_PREFIXES: Final = {"train": Split.TRAINING, "test": Split.PRIVATE}


def _counts(*counts: int) -> Mapping[str, int]:
    return dict(zip(EMOTIONS, counts, strict=True))


_RELEASE: Final = Release(
    words="RAF-DB's basic expressions (12,271 for training, 3,068 for testing)",
    total=15_339,
    counts={
        Split.TRAINING: _counts(705, 717, 281, 4772, 1982, 1290, 2524),
        Split.PRIVATE: _counts(162, 160, 74, 1185, 478, 329, 680),
    },
)


def list_rafdb(tree: Tree) -> Listing:
    """Every face of RAF-DB with its official split.

    Raises:
        DataError: no known layout, an unknown number, a listed image that is not there, or a file in the wrong split.
    """
    lists = [name for name in tree.names if PurePosixPath(name).name.lower() in LIST_NAMES]
    if len(lists) > 1:
        raise DataError(f"{tree.root} holds several label lists ({', '.join(lists[:3])}): set data.root to one copy")
    images, notes = _from_list(tree, lists[0]) if lists else _from_folders(tree)
    return Listing(
        name="RAF-DB",
        layout="label list" if lists else "class folders",
        images=images,
        notes=notes,
        releases=(_RELEASE,),
    )


def _from_list(tree: Tree, name: str) -> tuple[list[LabelledImage], list[str]]:
    files: dict[str, list[PurePosixPath]] = {}
    for path in find_images(tree):
        files.setdefault(path.stem.lower(), []).append(path)
    images, missing = [], []
    used: set[str] = set()
    with (
        damage_told(tree, name),
        tree.open_table(name) as file,
        io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace") as text,
    ):
        for number, line in enumerate(text, start=1):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or words[1] not in RAFDB_CODES:
                raise DataError(
                    f"{tree.root}: {name} line {number} is {line.strip()[:80]!r}, expected a file name and a number "
                    "of 1 to 7 (1 surprise, 2 fear, 3 disgust, 4 happy, 5 sad, 6 angry, 7 neutral)"
                )
            shown = words[0][:80]
            # Some lists name the aligned images themselves.
            stem = PurePosixPath(words[0]).stem.lower().removesuffix("_aligned")
            split = _PREFIXES.get(stem.partition("_")[0])
            if split is None:
                raise DataError(f"{tree.root}: {name} line {number} names {shown}, expected train_... or test_...")
            found = files.get(f"{stem}_aligned") or _aligned(files.get(stem, []))
            if not found:
                missing.append(shown)
                continue
            if len(found) > 1:
                raise DataError(
                    f"{tree.root}: the aligned image of {shown} lies in several places ({found[0]}, {found[1]}): leave "
                    "one set of aligned images beside the list, so that it is clear which are meant"
                )
            if str(found[0]) in used:
                raise DataError(f"{tree.root}: {name} line {number} names {shown} a second time: mend the list")
            used.add(str(found[0]))
            images.append(LabelledImage(path=str(found[0]), label=RAFDB_CODES[words[1]], split=split))
    if missing and not images:
        aligned = f"{PurePosixPath(missing[0]).stem.removesuffix('_aligned')}_aligned.jpg"
        raise DataError(
            f"{tree.root}: {name} lists {len(missing):,} images and no aligned one of them is there "
            f"({missing[0]} as {aligned}, ...): unpack aligned.zip beside it"
        )
    listed = len(images) + len(missing)
    notes = []
    if missing:
        told = f"is not there ({missing[0]})" if len(missing) == 1 else f"are not there ({missing[0]}, ...)"
        notes.append(f"{len(missing):,} of the {listed:,} listed images {told}.")
    unlisted = [
        str(path)
        for paths in files.values()
        for path in paths
        if str(path) not in used and (path.stem.lower().endswith("_aligned") or _aligned([path]))
    ]
    if unlisted:
        notes.append(f"{len(unlisted):,} aligned images are not listed and are left out ({min(unlisted)}, ...).")
    return images, notes


def _aligned(paths: list[PurePosixPath]) -> list[PurePosixPath]:
    """Images without the suffix that lie among the aligned ones: the original photographs show more than a face."""
    return [path for path in paths if any("align" in part.lower() for part in path.parts[:-1])]


def _from_folders(tree: Tree) -> tuple[list[LabelledImage], list[str]]:
    found, notes = class_folder_images(tree)
    images = []
    for image in found:
        path = PurePosixPath(image.path)
        named = _PREFIXES.get(path.name.lower().partition("_")[0])
        if image.split is None:
            raise DataError(
                f"{tree.root}: {image.path} lies in neither train/ nor test/, and there is no {LIST_NAMES[0]}: "
                "expected RAF-DB's label list with its aligned images, or DATASET/train/1 to DATASET/test/7"
            )
        if named is not None and named is not image.split:
            raise DataError(
                f"{tree.root}: {image.path} is named {named} but lies in another split: this copy was split anew, "
                "which mixes training and test faces; use a copy with RAF-DB's own split"
            )
        if image.label.isdecimal() and image.label not in RAFDB_CODES:
            raise DataError(
                f"{tree.root}: {image.path} lies in the class {image.label}, and RAF-DB's basic expressions are 1 to 7 "
                "(1 surprise, ... 7 neutral): compound expressions, or a copy that counts otherwise, mean others by "
                "the same numbers; say what each means with data=folder and data.mapping or labels"
            )
        images.append(replace(image, label=RAFDB_CODES.get(image.label, image.label)))
    return images, notes
