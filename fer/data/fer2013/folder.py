"""The class-folder form (Kaggle msambare/fer2013), and what is left of it where folders were lost.

`train/<class>/Training_N.jpg` and `test/<class>/{PublicTest,PrivateTest}_N.jpg`; or `<class>/` alone, or images alone.
"""

import difflib
import logging
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS, SYNONYMS, emotion_index
from fer.common.wording import printable_path
from fer.data.decode import DecodedFaces, decode_faces
from fer.data.fer2013.raw import NO_SPLIT, SIDE, RawCopy
from fer.data.samples import FaceSamples, Split
from fer.data.tree import Tree

logger = logging.getLogger(__name__)

# `test` holds Public and Private alike; only the file name tells them apart.
_SPLIT_FOLDERS: Final = {
    "train": Split.TRAINING,
    "training": Split.TRAINING,
    "test": Split.MERGED_TEST,
    "publictest": Split.PUBLIC,
    "privatetest": Split.PRIVATE,
}
_OFFICIAL = (Split.TRAINING, Split.PUBLIC, Split.PRIVATE)


def find_tops(images: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    """Folders that hold a `train/<class>/` or `test/<class>/` with images, sorted; usually one, and "." most often."""
    return sorted({path.parents[2] for path in images if len(path.parts) >= 3 and _split_folder(path) is not None})


def read_folder(tree: Tree, *, images: Sequence[PurePosixPath], top: PurePosixPath) -> RawCopy:
    """Reads the class-folder form below `top`.

    Ids are paths relative to `top`: file names alone are not unique (Training_8475486 and Training_52789098 occur in
    two classes). Test files whose names tell no split become `Split.MERGED_TEST`.

    Raises:
        DataError: an unknown class or split folder, an image outside the class folders, a file name that contradicts
            its folder, no readable image.
    """
    paths, strays = _partition(tree, images, top)
    if strays:
        logger.warning(
            "%s: %d images lie outside train/ and test/ and are not read: %s", tree.root, len(strays), _few(strays)
        )
    logger.debug("%s: %d files are no images and are ignored", tree.root, len(tree.names) - len(images))
    labels = np.array([_label(tree, path) for path in paths], dtype=np.int64)
    splits = np.array([_split(tree, path) for path in paths], dtype="U11")
    if Split.MERGED_TEST in splits:
        logger.info(
            "%s: %d files of test/ do not begin with PublicTest_ or PrivateTest_; their official split is looked up by "
            "their pictures",
            tree.root,
            np.count_nonzero(splits == Split.MERGED_TEST),
        )
    decoded = decode_faces([str(path) for path in paths], tree.read_image, side=SIDE, origin=str(tree.root))
    ids = np.array([str(path.relative_to(top)) for path in paths])
    return _raw(
        decoded, labels=labels, splits=splits, ids=ids, source=f"FER-2013 (class folders, {tree.kind})", labelled=True
    )


def find_classes(images: Sequence[PurePosixPath]) -> PurePosixPath | None:
    """The folder in which every image lies in a folder of an emotion; None where it is not so."""
    tops = {path.parents[1] if len(path.parts) >= 2 and _is_emotion(path.parts[-2]) else None for path in images}
    return tops.pop() if len(tops) == 1 else None


def read_flat(tree: Tree, *, images: Sequence[PurePosixPath], top: PurePosixPath | None) -> RawCopy:
    """Reads images that say no split: in class folders below `top`, or in no class folder where it is None.

    Raises:
        DataError: no readable image.
    """
    labels = np.array([0 if top is None else _label(tree, path) for path in images], dtype=np.int64)
    decoded = decode_faces([str(path) for path in images], tree.read_image, side=SIDE, origin=str(tree.root))
    words = "images alone" if top is None else "class folders without splits"
    return _raw(
        decoded,
        labels=labels,
        splits=np.full(len(images), NO_SPLIT, dtype="U11"),
        ids=np.array([str(path if top is None else path.relative_to(top)) for path in images]),
        source=f"FER-2013 ({words}, {tree.kind})",
        labelled=top is not None,
    )


def _raw(
    decoded: DecodedFaces,
    *,
    labels: npt.NDArray[np.int64],
    splits: npt.NDArray[np.str_],
    ids: npt.NDArray[np.str_],
    source: str,
    labelled: bool,
) -> RawCopy:
    samples = FaceSamples(
        images=decoded.images,
        labels=labels[decoded.rows],
        splits=splits[decoded.rows],
        ids=ids[decoded.rows],
        source=source,
        unreadable=decoded.unreadable,
    )
    return RawCopy(samples=samples, labelled=labelled, sizes=decoded.sizes)


def _partition(
    tree: Tree, images: Sequence[PurePosixPath], top: PurePosixPath
) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """(images in `top`/<split>/<class>/, images elsewhere that may be left alone)."""
    paths: list[PurePosixPath] = []
    strays: list[PurePosixPath] = []
    misplaced: list[PurePosixPath] = []
    for path in images:
        below = path.relative_to(top).parts if path.is_relative_to(top) else ()
        in_split = len(below) > 1 and below[0].lower() in _SPLIT_FOLDERS
        if in_split and len(below) == 3:
            paths.append(path)
        elif in_split:
            misplaced.append(path)
        elif len(below) == 3 and _is_emotion(below[1]):
            raise DataError(
                f"{tree.root}: {below[0]}/ is no split folder of FER-2013 (train/ and test/, or Training/, PublicTest/ "
                "and PrivateTest/): this copy was split anew; read it with data=folder"
            )
        else:
            strays.append(path)
    if misplaced:
        raise DataError(
            f"{tree.root}: {len(misplaced):,} images are in no class folder: {_few(misplaced)}; "
            "move each to train/<emotion>/ or test/<emotion>/"
        )
    return paths, strays


def _split_folder(path: PurePosixPath) -> Split | None:
    return _SPLIT_FOLDERS.get(path.parts[-3].lower())


def _is_emotion(name: str) -> bool:
    return name.lower() in EMOTIONS or name.lower() in SYNONYMS


def _label(tree: Tree, path: PurePosixPath) -> int:
    name = path.parent.name
    try:
        return emotion_index(name)
    except DataError as error:
        near = difflib.get_close_matches(name.lower(), [*EMOTIONS, *SYNONYMS], n=1)
        hint = f"rename it to {near[0]!r}" if near else "another data set? read it with data=folder"
        raise DataError(
            f"{tree.root}: {path.parent}/ is no class of FER-2013 ({', '.join(EMOTIONS)}): {hint}"
        ) from error


def _split(tree: Tree, path: PurePosixPath) -> Split:
    """Split by the folder and, where it has one of the challenge's prefixes, by the file name."""
    folder = _SPLIT_FOLDERS[path.parts[-3].lower()]
    named = next((split for split in _OFFICIAL if path.name.startswith(f"{split}_")), None)
    if named is None or named is folder:
        return folder
    if folder is Split.MERGED_TEST and named is not Split.TRAINING:
        return named
    raise DataError(
        f"{tree.root}: {path} lies in {path.parts[-3]}/ but is named {named}: this copy was split anew, "
        "which mixes training and test images; download FER-2013 with `fer-data fetch fer2013`"
    )


def _few(paths: Sequence[PurePosixPath]) -> str:
    return ", ".join(map(printable_path, map(str, paths[:3]))) + (", ..." if len(paths) > 3 else "")
