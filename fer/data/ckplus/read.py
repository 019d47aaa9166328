"""CK+48 (Lucey et al. 2010, extended Cohn-Kanade): the three last frames of each posed sequence, cropped to 48 pixels.

Seven class folders with contempt and without neutral. The file name begins with the person (`S010_004_00000017.png`),
and the three frames of a sequence are nearly equal: a split that does not keep persons together tests on what it
trained on.
"""

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from fer.common.errors import DataError
from fer.data.class_folders import class_folder_images
from fer.data.image_files import Listing, Release
from fer.data.tree import Tree

READER: Final = "ckplus-2"
"""Name and version of this reader, for the cache key."""

_SUBJECT = re.compile(r"^(S\d{3})_", re.IGNORECASE)

_RELEASE: Final = Release(
    words="CK+48 as handed out on Kaggle",
    total=981,
    counts={
        "all": {
            "angry": 135,
            "contempt": 54,
            "disgust": 177,
            "fear": 75,
            "happy": 207,
            "sad": 84,
            "surprise": 249,
        }
    },
)


def list_ckplus(tree: Tree) -> Listing:
    """Every image of CK+48, with its person.

    Raises:
        DataError: a file name that names no person.
    """
    images, notes = class_folder_images(tree)
    with_subject = []
    for image in images:
        found = _SUBJECT.match(PurePosixPath(image.path).name)
        if found is None:
            raise DataError(
                f"{tree.root}: {image.path} does not begin with its person (S010_...), as every file of CK+48 does, "
                "and without persons the same face would be trained and tested on; keep the original file names, or "
                "read another data set with data=folder"
            )
        with_subject.append(replace(image, subject=found[1].upper()))
    persons = len({image.subject for image in with_subject})
    return Listing(
        name="CK+48",
        layout="class folders",
        images=with_subject,
        notes=[*notes, f"{persons:,} persons; posed expressions at their peak, and no neutral faces."],
        releases=(_RELEASE,),
    )
