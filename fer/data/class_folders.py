"""Class folders, perhaps below split folders: `<class>/x.jpg` or `<split>/<class>/x.jpg`, at any depth."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fer.common.errors import DataError
from fer.data.image_files import LabelledImage
from fer.data.samples import Split
from fer.data.tree import Tree, find_images

SPLIT_FOLDERS: Final[Mapping[str, Split]] = MappingProxyType(
    {
        **dict.fromkeys(("train", "training", "train_set", "trainset"), Split.TRAINING),
        **dict.fromkeys(("valid", "validation", "val", "dev", "val_set", "valset", "publictest"), Split.PUBLIC),
        **dict.fromkeys(("test", "testing", "test_set", "testset", "privatetest"), Split.PRIVATE),
    }
)
"""Folder names (in lower case) that tell a split. A validation part becomes PublicTest, a test part PrivateTest."""


def class_folder_images(tree: Tree) -> tuple[list[LabelledImage], list[str]]:
    """Every image by the folder it lies in, and a note on those that lie in none.

    The folder of the file is its class; the nearest folder above that has the name of a split is its split.

    Raises:
        DataError: some class folders lie in split folders and others do not.
    """
    images, strays = [], []
    for path in find_images(tree.names):
        folders = path.parts[:-1]
        if len(folders) == 0 or folders[-1].lower() in SPLIT_FOLDERS:
            strays.append(path)
            continue
        split = next(
            (SPLIT_FOLDERS[name.lower()] for name in reversed(folders[:-1]) if name.lower() in SPLIT_FOLDERS), None
        )
        images.append(LabelledImage(path=str(path), label=folders[-1], split=split))
    without = [image.path for image in images if image.split is None]
    if without and len(without) < len(images):
        raise DataError(
            f"{tree.root}: {len(without):,} images lie outside the split folders that the others lie in: "
            f"{_few(without)}; move them into train/, valid/ or test/, or set data.root to one of the parts"
        )
    notes = []
    if strays:
        notes.append(f"{len(strays):,} images lie in no class folder and are not read: {_few(map(str, strays))}.")
    return images, notes


def _few(paths: "list[str] | map[str]") -> str:
    listed = list(paths)
    return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")
