"""Several sources as one: each keeps its splits, and its faces come to a common size and colour."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from fer.common.labels import EMOTIONS
from fer.data.cache import Packed, load_packed
from fer.data.fer2013.copy import CopyFacts
from fer.data.resize import INTERPOLATION, fit_images
from fer.data.samples import FaceSamples, Split

MERGER: Final = "merged-2"
"""Name and version of the way sources are merged, for the cache key."""


def load_merged(
    members: Sequence[tuple[str, Packed]], *, size: int, channels: int, cache_dir: Path | None = None
) -> Packed:
    """`merge` through the packed cache: one memory-mapped array, whatever the sources were.

    Args:
        members: (unique name, opened source).
        size: height and width of every face, in pixels.
        channels: 1 (grey) or 3 (RGB).
        cache_dir: `default_cache_dir()` if None.
    """
    digest = hashlib.sha256(f"{size}x{channels}".encode())
    for name, packed in members:
        # The fingerprint names pixels, labels and splits; the rest is small enough to be hashed at every start.
        words = (name, packed.fingerprint, packed.samples.source, packed.samples.notes, packed.samples.unreadable)
        digest.update(repr(words).encode(errors="surrogateescape"))
        if packed.samples.classes != EMOTIONS:
            digest.update(repr(packed.samples.classes).encode())
        digest.update(np.ascontiguousarray(packed.samples.ids).tobytes())
        if packed.samples.subjects is not None:
            digest.update(np.ascontiguousarray(packed.samples.subjects).tobytes())
    opened = [(name, packed.samples) for name, packed in members]
    return load_packed(
        lambda: merge(opened, size=size, channels=channels),
        key=f"{MERGER}-{digest.hexdigest()[:32]}",
        cache_dir=cache_dir,
    )


def merge(members: Sequence[tuple[str, FaceSamples]], *, size: int, channels: int) -> FaceSamples:
    """All faces of all sources.

    Ids and persons get their source's name in front, and the group column `source` names it. Masks and other groups,
    which not every source has, are left behind. The `copy` is that of the first source with something to warn of: one
    altered source alters the whole, and one that is as published does not vouch for the others.

    Args:
        members: (unique name, samples), at least one; all of the same classes.
        size: height and width of every face, in pixels.
        channels: 1 (grey) or 3 (RGB).
    """
    notes = []
    for name, samples in members:
        counts = ", ".join(
            f"{int((samples.splits == split).sum()):,} {split}" for split in Split if (samples.splits == split).any()
        )
        notes.append(f"{name}: {samples.source}, {counts}.")
        notes += [f"{name}: {note}" for note in samples.notes]
        had = samples.images.shape[1:]
        if had != (channels, size, size):
            notes.append(
                f"{name}: faces of {had[2]} x {had[1]} pixels with {had[0]} channel{'s' if had[0] > 1 else ''} were "
                f"brought to {size} x {size} with {channels}: {INTERPOLATION}."
            )
    has_subjects = any(samples.subjects is not None for _, samples in members)
    return FaceSamples(
        images=np.concatenate([fit_images(samples.images, size=size, channels=channels) for _, samples in members]),
        labels=np.concatenate([samples.labels for _, samples in members]),
        splits=np.concatenate([samples.splits for _, samples in members]),
        ids=np.concatenate([[f"{name}/{id_}" for id_ in samples.ids.tolist()] for name, samples in members]),
        source=f"Merged ({' + '.join(samples.source for _, samples in members)})",
        unreadable=tuple(f"{name}/{item}" for name, samples in members for item in samples.unreadable),
        groups={"source": np.concatenate([[name] * len(samples) for name, samples in members])},
        subjects=np.concatenate([_subjects(name, samples) for name, samples in members]) if has_subjects else None,
        notes=tuple(notes),
        classes=members[0][1].classes,
        copy=next((samples.copy for _, samples in members if _is_warned_of(samples)), {}),
    )


def _is_warned_of(samples: FaceSamples) -> bool:
    return bool(samples.copy) and CopyFacts.from_json(samples.copy).warning is not None


def _subjects(name: str, samples: FaceSamples) -> list[str]:
    if samples.subjects is None:
        return [""] * len(samples)
    return [f"{name}/{subject}" if subject else "" for subject in samples.subjects.tolist()]
