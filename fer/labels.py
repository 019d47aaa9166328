"""The seven emotions, their order everywhere, and how each source's labels map onto them by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fer.errors import DataError

EMOTIONS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Class order of every array, file and answer (that of the Kaggle challenge's CSV, arXiv 1307.0414)."""

NUM_CLASSES: Final = len(EMOTIONS)

SYNONYMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "anger": "angry",
        "disgusted": "disgust",
        "disgusting": "disgust",
        "fearful": "fear",
        "happiness": "happy",
        "sadness": "sad",
        "surprised": "surprise",
    }
)
"""Names other sources use for the same emotion."""

ALPHABETICAL: Final = tuple(sorted(EMOTIONS))
"""Class order of tools that number class folders by name (torchvision's ImageFolder and most hub copies)."""


def emotion_index(name: str) -> int:
    """Index of an emotion in `EMOTIONS`, whatever the case or synonym.

    Raises:
        DataError: for a name outside the seven-emotion vocabulary; it is never guessed.
    """
    plain = name.strip().lower()
    plain = SYNONYMS.get(plain, plain)
    if plain not in EMOTIONS:
        raise DataError(f"unknown emotion {name!r}: expected one of {', '.join(EMOTIONS)}")
    return EMOTIONS.index(plain)
