"""The seven emotions, their order everywhere, and how each source's labels map onto them by name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from fer.common.errors import ConfigError, DataError, nearest

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

RAFDB_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {"1": "surprise", "2": "fear", "3": "disgust", "4": "happy", "5": "sad", "6": "angry", "7": "neutral"}
)
"""RAF-DB's numbers for the basic expressions (Li, Deng and Du 2017, the data set's readme)."""

CONTEMPT: Final = "contempt"
"""The one class of AffectNet, CK+ and FER+ that none of the seven emotions stands for."""

DROP: Final = "drop"
"""The rule that leaves a class out."""


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


def canonical_name(name: str) -> str | None:
    """The emotion (or "contempt") that a name stands for, whatever the case or synonym; None for any other name."""
    plain = name.strip().lower()
    plain = SYNONYMS.get(plain, plain)
    return plain if plain in EMOTIONS or plain == CONTEMPT else None


def check_rule(rule: str | None) -> str | None:
    """The plain form of a rule for a class: "drop", an emotion's own name, or None where there is no rule.

    Raises:
        ConfigError: anything else.
    """
    if rule is None or rule.strip().lower() == DROP:
        return None if rule is None else DROP
    name = canonical_name(rule)
    if name is None or name == CONTEMPT:
        near = nearest(rule, (DROP, *EMOTIONS))
        raise ConfigError(f"{rule!r} is no rule for a class{near}: use drop, or one of {', '.join(EMOTIONS)}")
    return name


def resolve_classes(
    names: Iterable[str], *, mapping: Mapping[str, str], contempt: str | None, origin: str
) -> dict[str, int | None]:
    """The emotion index of each class of a source, by name; None for a class that a rule leaves out.

    Args:
        names: the source's classes, as it names them.
        mapping: class (any case) -> emotion or "drop"; goes before the vocabulary.
        contempt: what becomes of contempt: "drop", an emotion, or None, which refuses it: it is never guessed.
        origin: what was read, for messages.

    Raises:
        DataError: a class outside the vocabulary without a rule, or a rule for a class that is not there.
    """
    names = sorted(set(names))
    rules = {name.strip().lower(): rule for name, rule in mapping.items()}
    absent = [rule for rule in rules if rule not in {name.strip().lower() for name in names}]
    if absent:
        raise DataError(
            f"data.mapping names {absent[0]!r}, which is no class of {origin}{nearest(absent[0], names)}: "
            f"it has {', '.join(names)}"
        )
    resolved: dict[str, int | None] = {}
    for name in names:
        rule = rules.get(name.strip().lower())
        emotion = canonical_name(name) if rule is None else check_rule(rule)
        if emotion == CONTEMPT:
            emotion = contempt
            if emotion is None:
                raise DataError(
                    f"{origin} has faces of contempt, which none of the seven emotions stands for: say what becomes of "
                    "them with data.contempt=drop, or data.contempt=disgust (or another emotion) to count them as that "
                    "(fer-data: --set contempt=drop)"
                )
        if emotion is None:
            raise DataError(
                f"{origin} has a class {name!r} that is no emotion known here{nearest(name, (*EMOTIONS, *SYNONYMS))}: "
                f"say what it is with 'data.mapping={{{name}: happy}}' (a key of data=folder; or "
                f"another of {', '.join(EMOTIONS)}, or drop)"
            )
        resolved[name] = None if emotion == DROP else EMOTIONS.index(emotion)
    return resolved
