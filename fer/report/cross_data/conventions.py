"""What the labels of a data set mean: what a reader must know before holding two sets against each other."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CONVENTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fer2013": "FER-2013: faces found by searching the web for words of emotion; people agree with 65 ± 5 % of the "
        "labels (arXiv 1307.0414).",
        "affectnet": "AffectNet: faces from the web, each labelled by one trained annotator, with labels revised in "
        "some copies; the classes are near to balanced here and not in life.",
        "ckplus": "CK+48: expressions posed in a laboratory at their peak, without neutral faces, three nearly equal "
        "frames of each sequence: the faces are not independent, so the true intervals are wider than those shown.",
        "rafdb": "RAF-DB: photographs from the web, each labelled by about forty people, most often happy or neutral.",
        "synthetic": "Drawn faces: their label is the expression that was drawn. A score on them says nothing about "
        "real faces.",
        "folder": "A folder of one's own: its labels mean what whoever sorted it meant.",
        "merged": "Merged sets: labels of several conventions, in the proportions of the sets.",
    }
)
"""Source -> how its labels came about."""

TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fer2013": "FER-2013",
        "affectnet": "AffectNet",
        "ckplus": "CK+48",
        "rafdb": "RAF-DB",
        "synthetic": "Drawn faces",
        "folder": "Folder",
        "merged": "Merged sets",
    }
)
"""Source -> its name in tables."""
