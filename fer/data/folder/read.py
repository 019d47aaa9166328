"""Any class-per-folder data set: labels by name, splits by folder where there are split folders."""

from collections.abc import Mapping
from typing import Final

from fer.common.labels import EMOTIONS
from fer.common.wording import printable_path
from fer.data.class_folders import class_folder_images
from fer.data.fer2013.counts import OFFICIAL_COUNTS
from fer.data.image_files import Listing, Release
from fer.data.samples import Split
from fer.data.tree import Tree

READER: Final = "folder-2"
"""Name and version of this reader, for the cache key."""


def _counts(split: Split) -> Mapping[str, int]:
    return dict(zip(EMOTIONS, OFFICIAL_COUNTS[split], strict=True))


_FER2013: Final = Release(
    words="FER-2013 in train/ and test/ (data=fer2013 reads it with its three official splits)",
    total=35_887,
    counts={Split.TRAINING: _counts(Split.TRAINING), Split.PRIVATE: _counts(Split.MERGED_TEST)},
)


def list_folder(tree: Tree) -> Listing:
    """Every image of a tree of class folders."""
    images, notes = class_folder_images(tree)
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
