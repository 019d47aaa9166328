"""The seven emotions, their order, and how a source's classes map by name onto them or onto another set of labels."""

import difflib
import json
import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from fer.common.emotion_words import EMOTION_WORDS
from fer.common.errors import ConfigError, DataError, nearest
from fer.common.wording import printable_path, without_accents

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


def label_of(name: str, labels: Sequence[str] = EMOTIONS) -> str | None:
    """The label of a set that a class's name stands for, whatever the case or synonym; None for no label of it."""
    plain = plain_class(name)
    by_name = next((label for label in labels if plain_class(label) == plain), None)
    emotion = canonical_name(name)
    if by_name is not None or emotion is None:
        return by_name
    return next((label for label in labels if canonical_name(label) == emotion), None)


def check_rule(rule: str | None, labels: Sequence[str] = EMOTIONS) -> str | None:
    """The plain form of a rule for a class: "drop", a label's own name, or None where there is no rule.

    Raises:
        ConfigError: anything else.
    """
    if rule is None or rule.strip().lower() == DROP:
        return None if rule is None else DROP
    name = label_of(rule, labels)
    if name is None:
        near = nearest(rule, (DROP, *labels))
        raise ConfigError(f"{rule!r} is no rule for a class{near}: use drop, or one of {', '.join(labels)}")
    return name


def resolve_classes(
    names: Iterable[str],
    *,
    mapping: Mapping[str, str],
    contempt: str | None,
    origin: str,
    labels: Sequence[str] = EMOTIONS,
    folders: bool = True,
) -> dict[str, int | None]:
    """The index in `labels` of each class of a source, by name; None for a class that is left out.

    An emotion that is no label of the set is left out; a class of any other name needs a rule.

    Args:
        names: the source's classes, as it names them.
        mapping: class (any case) -> label or "drop"; goes before the vocabulary.
        contempt: what becomes of contempt where it is no label: "drop", a label, or None, which refuses it: it is never
            guessed.
        origin: what was read, for messages.
        labels: the set.
        folders: classes are names of folders, for messages.

    Raises:
        DataError: a class outside the vocabulary without a rule, or a rule for a class that is not there.
    """
    names = sorted(set(names))
    rules = {plain_class(name): rule for name, rule in mapping.items()}
    absent = [rule for rule in rules if rule not in {plain_class(name) for name in names}]
    if absent:
        raise DataError(
            f"data.mapping names {absent[0]!r}, which is no class of {origin}{nearest(absent[0], names)}: "
            f"it has {', '.join(names)}"
        )
    unknown = [
        name
        for name in names
        if plain_class(name) not in rules and label_of(name, labels) is None and canonical_name(name) is None
    ]
    if unknown:
        raise DataError(_unknown_classes(unknown, names, mapping, origin=origin, labels=labels, folders=folders))
    resolved: dict[str, int | None] = {}
    for name in names:
        rule = rules.get(plain_class(name))
        label = label_of(name, labels) if rule is None else check_rule(rule, labels)
        if label is None and canonical_name(name) == CONTEMPT:
            label = contempt
            if label is None:
                raise DataError(
                    f"{origin} has faces of contempt, which {_none_of(labels)} stands for: say what becomes of "
                    f"them with data.contempt=drop, or data.contempt={_example(labels)} (or another "
                    f"{'emotion' if labels == EMOTIONS else 'label'}) to count them as that, or give them a label of "
                    "their own with labels=ferplus8 (fer-data: --set contempt=drop)"
                )
        resolved[name] = None if label in (None, DROP) else labels.index(label)
    return resolved


def _none_of(labels: Sequence[str]) -> str:
    return "none of the seven emotions" if labels == EMOTIONS else "no label of this run"


def _example(labels: Sequence[str]) -> str:
    return "disgust" if "disgust" in labels else labels[0]


def plain_class(name: str) -> str:
    """A class's name as rules find it: macOS writes letters and their accents apart."""
    return unicodedata.normalize("NFC", name).strip().lower()


def guessed_emotion(name: str) -> str | None:
    """The emotion that a class's name most likely stands for (`0_angry`, `suprise`, `Üzgün`); None for no idea."""
    words = [word for word in re.split(r"[\W\d_]+", unicodedata.normalize("NFC", name).lower()) if word]
    known = {emotion: emotion for emotion in EMOTIONS} | dict(SYNONYMS)
    known |= {word: emotion for emotion, others in EMOTION_WORDS.items() for word in others.split()}
    # Folders are often named without accents: `kizgin`, `degout`, and `aerger` in German.
    bare = {form: emotion for word, emotion in known.items() for form in _accentless(word)}
    known = bare | known
    for exact in (True, False):
        for word in ["".join(words), *words]:
            for form in (word, word.removesuffix("s"), word.removesuffix("es")):
                near = [form] if exact else difflib.get_close_matches(form, known, n=1, cutoff=0.75)
                if near and near[0] in known:
                    return known[near[0]]
    return None


_UMLAUTS: Final = {ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue"}
_WHOLE: Final = {ord("ı"): "i", ord("ł"): "l", ord("ß"): "ss"}
"""Letters without an accent to take off."""


def _accentless(word: str) -> list[str]:
    """A word as keyboards without its letters have it, and as German does."""
    return [without_accents(each) for each in (word.translate(_WHOLE), word.translate(_WHOLE | _UMLAUTS))]


def _guess(name: str, labels: Sequence[str]) -> str:
    """A rule for a class that is no label: the label that its name comes near to, else to leave it out."""
    emotion = guessed_emotion(name)
    label = None if emotion is None else label_of(emotion, labels)
    if label is not None or labels == EMOTIONS:
        return label or DROP
    near = difflib.get_close_matches(plain_class(name), labels, n=1, cutoff=0.75)
    return near[0] if near else DROP


_MOST_LISTED: Final = 20
"""Classes that a message names all."""


def _unknown_classes(
    unknown: Sequence[str],
    names: Sequence[str],
    mapping: Mapping[str, str],
    *,
    origin: str,
    labels: Sequence[str],
    folders: bool,
) -> str:
    """What is wrong, and one line that mends it when it is pasted."""
    unreadable = [name for name in unknown if not name.isprintable()]
    if unreadable:
        shown = ", ".join(map(printable_path, unreadable[:4])) + (", ..." if len(unreadable) > 4 else "")
        return (
            f"{origin} has classes whose names hold control characters, or bytes that are no UTF-8 ({shown}): rename "
            + ("their folders" if folders else "them")
        )
    guesses = {name: _guess(name, labels) for name in unknown}
    if folders and len(names) == 1 and guesses[names[0]] == DROP:
        return (
            f"{origin}: all images lie in folders called {names[0]!r}, which is no {_kind(labels)}, and the folder of "
            f"an image is its class: {ELSEWHERE}"
        )
    kept = {name: mapping[name] for name in mapping if name in names}
    flow = ", ".join(f"{_key(name)}: {rule}" for name, rule in {**kept, **guesses}.items())
    setting = f"mapping={{{flow}}}"
    shown = ", ".join(repr(name) for name in unknown[:8]) + (", ..." if len(unknown) > 8 else "")
    few = len(unknown) == 1
    kind = _kind(labels)
    guessless = f" (drop leaves a class out: put its {kind} there if it has one)" if DROP in guesses.values() else ""
    known = "emotion known here" if labels == EMOTIONS else f"label of this run ({', '.join(labels)[:200]})"
    everything = f"labels=[{','.join(map(_key, names))}]"
    as_they_are = (
        f". To predict its classes as they are: {shlex.quote(everything)}"
        if labels == EMOTIONS and 2 <= len(names) <= _MOST_LISTED and all(map(can_be_label, names))
        else ""
    )
    return (
        f"{origin} has {'a class' if few else 'classes'} {shown} that {'is' if few else 'are'} no {known}: "
        f"say what {'it is' if few else 'they are'} with {shlex.quote('data.' + setting)} (data=folder; fer-data: "
        f"--set {shlex.quote(setting)}); the rules are guesses{guessless}{as_they_are}"
        f"{_what_else(names, guesses, labels)}"
    )


ELSEWHERE: Final = (
    "where its name, a table or a file beside it tells the class, copy the images into a folder for each class, or "
    "read them by a function of your own (data=own, docs/extend/index.md)"
)
"""What to do about images whose folders are no classes."""


def _kind(labels: Sequence[str]) -> str:
    return "emotion" if labels == EMOTIONS else "label"


def _what_else(names: Sequence[str], guesses: Mapping[str, str], labels: Sequence[str]) -> str:
    """What the folders may be where not one of them is known, or comes near to what is."""
    if set(names) == set(RAFDB_CODES):
        return ". If these are RAF-DB's numbers, data=rafdb knows them"
    if len(guesses) < len(names) or set(guesses.values()) != {DROP} or all(name.isdecimal() for name in names):
        return ""
    return f". If these are no classes: {ELSEWHERE}"


LONGEST_LABEL: Final = 40

_NO_NAMES: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"})
"""What YAML, or Hydra's own grammar, takes for something else than a name."""


def can_be_label(name: str) -> bool:
    """Whether a name is 1 to `LONGEST_LABEL` letters, digits, spaces, - and _, a letter or a digit first."""
    plain = unicodedata.normalize("NFC", name)
    return len(plain) <= LONGEST_LABEL and re.fullmatch(r"[^\W_][\w -]*", plain) is not None


def _key(name: str) -> str:
    """A name as a key of a YAML flow mapping, or as an item of a list."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z_]*", name) is not None and name.lower() not in _NO_NAMES
    return name if plain else json.dumps(name, ensure_ascii=False)
