"""Sources of a fixed vocabulary under another set of labels: which of their faces stay, and what each is called.

FER-2013 has labels for seven emotions. A set of some of them keeps their faces. A set with contempt takes every label
from the votes of FER+, cleaned as its authors' code does under "majority" (Barsoum et al. 2016, arXiv 1608.01041): a
vote that stands alone is dropped, and so is a face on which no emotion has more than half of what is left, or on which
"unknown" or "not a face" has it. Of the 35,887 faces that leaves 31,412.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.label_set import set_name
from fer.common.labels import CONTEMPT, DROP, EMOTIONS, label_of
from fer.common.paths import expanded
from fer.data.cache import Packed, load_packed
from fer.data.ferplus import FERPLUS_COLUMNS, votes_for
from fer.data.samples import FaceSamples, Split
from fer.data.vote_targets import vote_shares

logger = logging.getLogger(__name__)

_VERSION = "labels-1"
"""Of the way faces are chosen, for the cache key."""


def fer2013_with(packed: Packed, *, labels: tuple[str, ...], ferplus: Path | None = None) -> Packed:
    """FER-2013 under other labels than its own seven.

    Args:
        packed: FER-2013 in any form.
        labels: among the seven emotions and contempt.
        ferplus: a fer2013new.csv of one's own; None for the votes that come with the package.

    Raises:
        DataError: other labels, votes that cannot be joined, or no face that is left.
    """
    if label_of(CONTEMPT, labels) is None:
        return kept_classes(packed, labels=labels)
    _refuse_strange(packed.samples, labels, known=(*EMOTIONS, CONTEMPT))
    votes = b"" if ferplus is None else expanded(ferplus).read_bytes() if expanded(ferplus).is_file() else b"?"
    return _packed(packed, labels, b"votes" + votes, lambda: voted(packed.samples, labels=labels, ferplus=ferplus))


def kept_classes(packed: Packed, *, labels: tuple[str, ...]) -> Packed:
    """A source under a set of some of its own classes; faces of the others are left out.

    Raises:
        DataError: a label that is no class of the source.
    """
    _refuse_strange(packed.samples, labels, known=packed.samples.classes)
    return _packed(packed, labels, b"", lambda: of_classes(packed.samples, labels=labels))


def of_classes(samples: FaceSamples, *, labels: tuple[str, ...]) -> FaceSamples:
    """The samples of the classes that are labels."""
    names = [label_of(name, labels) for name in samples.classes]
    number_of = np.array([-1 if name is None else labels.index(name) for name in names])
    found = number_of[samples.labels]
    gone = [
        f"{count:,} faces of the class {name!r} are left out (no label of this run)."
        for name, label, count in zip(samples.classes, names, samples.class_counts().tolist(), strict=True)
        if label is None and count > 0
    ]
    return _chosen(
        samples, found, labels=labels, notes=gone, source=_with_words(samples.source, f"labels {set_name(labels)}")
    )


def voted(samples: FaceSamples, *, labels: tuple[str, ...], ferplus: Path | None = None) -> FaceSamples:
    """The samples of FER-2013 whose emotion more than half of FER+'s voters agree on, with that as their label.

    Raises:
        DataError: the votes cannot be joined.
    """
    joined = votes_for(replace(samples, groups={}, masks={}), path=None if ferplus is None else expanded(ferplus))
    if joined is None:
        raise DataError(
            f"labels={set_name(labels)} takes labels from the votes of FER+, and {samples.source} holds none of its "
            "pictures: choose labels without contempt"
        )
    shares, usable = vote_shares(joined.votes, contempt=DROP, majority=True, labels=labels)
    found = np.where(usable, shares.argmax(axis=1), -1).astype(np.int64)
    note = (
        f"Labels are the majority of FER+'s votes (arXiv 1608.01041): {int((~usable).sum()):,} faces without one for "
        f"{'one of ' if len(labels) < len(FERPLUS_COLUMNS) - 2 else ''}the {len(labels)} labels are left out."
    )
    return _chosen(samples, found, labels=labels, notes=[note], source=_voted_source(samples.source))


def check_labels(samples: FaceSamples, labels: tuple[str, ...]) -> None:
    """Tells which labels the training part of a source lacks.

    Raises:
        DataError: samples of other classes, or of one label alone.
    """
    if samples.classes != labels:
        raise DataError(
            f"{samples.source} has the classes {', '.join(samples.classes)}, and labels={set_name(labels)} asks for "
            f"others: say labels=[{','.join(samples.classes)}]"
        )
    counts = dict(zip(labels, samples.class_counts(Split.TRAINING).tolist(), strict=True))
    absent = [label for label, count in counts.items() if count == 0]
    if not absent or len(absent) == len(labels):
        return
    told = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    if len(absent) == len(labels) - 1 and labels != EMOTIONS:
        raise DataError(f"labels={set_name(labels)}: the training faces of {samples.source} are of one label ({told})")
    logger.warning("labels   %s has no training face of %s (%s)", samples.source, ", ".join(absent), told)


def _chosen(
    samples: FaceSamples,
    labels_N: npt.NDArray[np.int64],
    *,
    labels: tuple[str, ...],
    notes: list[str],
    source: str,
) -> FaceSamples:
    """The samples whose new label is 0 or more."""
    rows = np.flatnonzero(labels_N >= 0)
    if len(rows) == 0:
        raise DataError(f"labels={set_name(labels)} leaves no face of {samples.source}: choose other labels")
    numbered = replace(samples, labels=np.where(labels_N >= 0, labels_N, 0), classes=labels).take(rows)
    for note in notes:
        logger.info("%s: %s", samples.source, note)
    return replace(numbered, source=source, notes=(*samples.notes, *notes))


def _voted_source(source: str) -> str:
    """ "FER-2013 (zip)" -> "FER+ (majority labels of FER-2013, zip)"."""
    name, _, form = source.partition(" (")
    return f"FER+ (majority labels of {name}{', ' if form else ''}{form.removesuffix(')')})"


def _with_words(source: str, words: str) -> str:
    """ "FER-2013 (zip)" -> "FER-2013 (zip; words)"."""
    return f"{source[:-1]}; {words})" if source.endswith(")") else f"{source} ({words})"


def _refuse_strange(samples: FaceSamples, labels: tuple[str, ...], *, known: tuple[str, ...]) -> None:
    strange = [label for label in labels if label_of(label, known) is None]
    if strange:
        counts = dict(zip(samples.classes, samples.class_counts().tolist(), strict=True))
        raise DataError(
            f"labels={set_name(labels)}: {samples.source} has no {', '.join(strange[:5])}: it can tell "
            f"{', '.join(f'{name} ({counts[name]:,})' if name in counts else name for name in known)}; choose among "
            "these, or another data set"
        )


def _packed(packed: Packed, labels: tuple[str, ...], extra: bytes, make: Callable[[], FaceSamples]) -> Packed:
    samples = packed.samples
    words = (labels, packed.fingerprint, samples.source, samples.notes, samples.unreadable)
    digest = hashlib.sha256(repr(words).encode(errors="surrogateescape") + extra)
    digest.update(np.ascontiguousarray(samples.ids).tobytes())
    return load_packed(make, key=f"{_VERSION}-{digest.hexdigest()[:32]}")
