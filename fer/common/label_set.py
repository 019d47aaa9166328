"""What a run predicts: the seven emotions, another set known by name, or labels of one's own."""

import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from fer.common.errors import ConfigError, nearest
from fer.common.labels import CONTEMPT, DROP, EMOTIONS, LONGEST_LABEL, can_be_label, canonical_name, plain_class
from fer.common.wording import counted, in_words

FER7: Final = "fer7"
"""The set of runs and files that do not say which labels they have."""

LABEL_SETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        FER7: EMOTIONS,
        # FER+ and AffectNet with eight classes (Barsoum et al. 2016, arXiv 1608.01041).
        "ferplus8": (*EMOTIONS, CONTEMPT),
        "five": tuple(emotion for emotion in EMOTIONS if emotion not in ("disgust", "fear")),
    }
)
"""Sets of labels by name, in the order of a model's outputs."""

MAX_LABELS: Final = 100
"""A table of more rows than this is read by nobody, and every face's record holds a number for each."""

_RESERVED: Final = frozenset(
    {
        DROP,
        *("id", "split", "label", "predicted", "given_label", "suggested_label", "true"),
        *("source", "face", "x", "y", "width", "height", "confidence", "uncertain", "status", "reason"),
        *("frame", "seconds", "track", "prior", "all", "accuracy", "macro avg", "weighted avg", "image"),
    }
)
"""Columns and rows of tables that have one for each label too, and the rule that leaves a class out."""


def label_names(choice: object) -> tuple[str, ...]:
    """The labels, in the order of a model's outputs, of what stands behind `labels=`.

    Args:
        choice: a name of `LABEL_SETS`, or a sequence of labels. A list that holds a set's labels is that set.

    Raises:
        ConfigError: no such set, or labels that cannot be told apart, written into tables or learned.
    """
    if isinstance(choice, str):
        if choice not in LABEL_SETS:
            raise ConfigError(
                f"there is no such set{nearest(choice, LABEL_SETS)}; use {', '.join(LABEL_SETS)}, or a list of your "
                "own: 'labels=[pain,no_pain]'"
            )
        return LABEL_SETS[choice]
    if not isinstance(choice, Sequence):
        raise ConfigError(f"give a name ({', '.join(LABEL_SETS)}) or a list of labels: 'labels=[pain,no_pain]'")
    if not 2 <= len(choice) <= MAX_LABELS:
        raise ConfigError(f"{counted(len(choice), 'label')}: give from 2 to {MAX_LABELS}")
    names = tuple(_name(label) for label in choice)
    seen: dict[str, str] = {}
    for name in names:
        known_as = canonical_name(name) or plain_class(name)
        if known_as in seen:
            same = f" and {seen[known_as]!r} are one label" if seen[known_as] != name else " is there twice"
            raise ConfigError(f"{name!r}{same}: name each once")
        seen[known_as] = name
    return names


def _name(label: object) -> str:
    if isinstance(label, bool) or not isinstance(label, str | int):
        raise ConfigError(f'{label!r} is no name: write it in quotation marks, as in \'labels=["yes","no"]\'')
    name = unicodedata.normalize("NFC", str(label).strip())
    if not can_be_label(name):
        raise ConfigError(
            f"{name[:60]!r} can be no label: use 1 to {LONGEST_LABEL} letters, digits, spaces, - and _, a letter or a "
            "digit first"
        )
    if plain_class(name) in _RESERVED:
        raise ConfigError(f"{name!r} can be no label, as tables have a column or a row of that name: choose another")
    return name


def set_name(labels: Sequence[str]) -> str:
    """The set's name, or its labels with commas between them: what stands behind `labels=` in a message."""
    named = next((name for name, members in LABEL_SETS.items() if members == tuple(labels)), None)
    return f"[{','.join(labels)}]" if named is None else named


def told(labels: Sequence[str], *, noun: str = "emotion") -> str:
    """How many labels there are, in words: "seven emotions", or "three labels" where not all are emotions."""
    return f"{in_words(len(labels))} {noun if are_emotions(labels) else 'label'}s"


def are_emotions(labels: Sequence[str]) -> bool:
    """Whether each label is one of the seven emotions, or contempt, under whatever name it is known by."""
    return all(canonical_name(label) is not None for label in labels)


def check_emotions(labels: Sequence[str], what: str) -> None:
    """Refuses labels that what is asked for knows nothing of.

    Raises:
        ConfigError: they are not the seven emotions.
    """
    if tuple(labels) != EMOTIONS:
        raise ConfigError(
            f"{what} knows the seven emotions (labels={FER7}), and this model predicts {set_name(labels)}"
        )


def _choice(choice: Any) -> str | list[str]:
    names = label_names(choice)
    return next((name for name, members in LABEL_SETS.items() if members == names), list(names))


LabelNames = Annotated[tuple[str, ...], BeforeValidator(label_names)]
"""A field that takes what `label_names` takes, and holds the labels."""

LabelChoice = Annotated[str | list[str], BeforeValidator(_choice)]
"""A field that takes the same, and holds the name of a known set, or the labels: as a configuration is written."""
