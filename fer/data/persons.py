"""Whose face a picture shows: read from its path, and counted where two splits share a person."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from fer.common.errors import ConfigError, DataError
from fer.common.wording import counted, printable_path
from fer.data.samples import FaceSamples, Split

logger = logging.getLogger(__name__)

NAMINGS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("CK+", r"(S\d{3})_\d{3}_\d{8}"),  # S010_004_00000017.png
        # Its ten persons: any two letters are in many a name.
        ("JAFFE", r"(K[ALMR]|MK|N[AM]|TM|UY|YM)[.-](?:AN|DI|FE|HA|NE|SA|SU)\d[.-]\d+"),  # KA.AN1.39.tiff
        # Sessions A and B show the same people.
        ("KDEF", r"[AB]([FM]\d{2})(?:AF|AN|DI|HA|NE|SA|SU)(?:FL|FR|HL|HR|S)(?![A-Z0-9])"),  # AF01ANS.JPG
        ("RaFD", r"Rafd\d{3}_(\d{2})_[A-Z]+_(?:fe)?male_"),  # Rafd090_01_Caucasian_female_angry_frontal.jpg
    )
)
"""Published data sets whose file names begin with the person, as nothing else is named."""


@dataclass(frozen=True, kw_only=True)
class SharedPersons:
    """`images` images of `split` show one of `persons` persons who are in `of` too."""

    split: str
    of: str
    persons: int
    images: int


def person_pattern(text: str) -> re.Pattern[str]:
    """The pattern of `data.person`.

    Raises:
        ConfigError: no regular expression, or one with several groups.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ConfigError(f"it is no regular expression ({error})") from error
    if pattern.groups > 1:
        raise ConfigError("it has several groups: put parentheses around the person alone, and (?:...) elsewhere")
    return pattern


def persons_by_pattern(paths: Sequence[str], pattern: re.Pattern[str], *, origin: str) -> list[str]:
    """The person of each path: what the pattern's group finds first, or the whole of it where it has no group.

    Raises:
        DataError: a path in which it finds nothing.
    """
    persons = []
    for path in paths:
        found = pattern.search(path)
        person = found[pattern.groups] if found else None
        if not person:
            raise DataError(
                f"{origin}: data.person={pattern.pattern} finds no person in {printable_path(path)}: every image needs "
                "one; mend the pattern, or leave it out"
            )
        persons.append(person)
    return persons


def persons_by_naming(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """The person of each path whose file is named as a published data set's, else ""; and which these sets are."""
    persons: list[str] = []
    sets: list[str] = []
    for path in paths:
        name = PurePosixPath(path).name
        found = next(((of, match) for of, naming in NAMINGS if (match := naming.match(name)) is not None), None)
        persons.append("" if found is None else f"{found[0]} {found[1][1].upper()}")
        if found is not None and found[0] not in sets:
            sets.append(found[0])
    return persons, sets


def shared_persons(samples: FaceSamples) -> tuple[SharedPersons, ...]:
    """For every two splits that share persons, how many, and how many images of the later one show them."""
    if samples.subjects is None:
        return ()
    known = samples.subjects != ""
    who = {split: np.unique(samples.subjects[known & (samples.splits == split)]) for split in Split}
    found = []
    for earlier, later in combinations(Split, 2):
        both = np.intersect1d(who[earlier], who[later])
        if len(both):
            images = int((np.isin(samples.subjects, both) & (samples.splits == later)).sum())
            found.append(SharedPersons(split=later.value, of=earlier.value, persons=len(both), images=images))
    return tuple(found)


def shared_note(samples: FaceSamples) -> str:
    """What shared persons mean for scores, in two sentences; empty where no split shares a person with another."""
    told = ", ".join(
        f"{one.images:,} of the {int((samples.splits == one.split).sum()):,} {one.split} faces show "
        f"{counted(one.persons, 'person')} of {one.of}"
        for one in shared_persons(samples)
    )
    return told and f"Splits share persons: {told}. Scores on these faces say little about people the model never saw."


def warn_of_shared_persons(samples: FaceSamples) -> None:
    """Tells the log what `shared_note` says, if anything."""
    note = shared_note(samples)
    if note:
        logger.warning("persons  %s: %s", samples.source, note)
