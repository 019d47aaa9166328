"""What is wrong with a data set, counted: leaks between splits, copies, contradictory labels, blanks.

Definitions, chosen so that every number can be checked by hand:

*Equal images* have equal pixels (SHA-1 of the decoded uint8 array). On FER-2013 the hash of the JPEG files gives the
same groups: equal pixels come from equal files there, and the other way round.

A *copy* is an image of one split that equals an image of another, counted once whatever the number of its twins.

A *near-duplicate* of Training has a normalised cross-correlation of 0.95 or more with a Training image or its mirror
image (`fer.data.near_duplicates`). Exact copies are near-duplicates too and are in the count; blank images have no
correlation and are not, even where they are exact copies.

*Persons* are those that the source knows; they are shared where one shows in two splits.

A *conflicting* group is one of equal images that carry more than one label. A *blank* image has the same value at all
pixels.
"""

from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.labels import ALPHABETICAL, EMOTIONS
from fer.data.fer2013.copy import CopyFacts
from fer.data.fer2013.counts import OFFICIAL_COUNTS, count_differences
from fer.data.ferplus import FERPLUS_COLUMNS, agreement, votes_for
from fer.data.near_duplicates import near_duplicates as find_near_duplicates
from fer.data.persons import SharedPersons, shared_persons
from fer.data.samples import FaceSamples, Split, content_hashes, fingerprint

NEAR_THRESHOLD: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Copies:
    """`images` images of `split` equal one of `of`."""

    split: str
    of: str
    images: int


@dataclass(frozen=True, kw_only=True)
class Near:
    """`images` images of `split` are near-duplicates of one of `of`; `exact` of them equal one."""

    split: str
    of: str
    threshold: float
    images: int
    exact: int


@dataclass(frozen=True, kw_only=True)
class FerPlusAudit:
    """What the FER+ voters say.

    Attributes:
        non_faces: split -> images that more than half of the voters called "not a face".
        clear: images for which more than half of the votes went to one emotion (contempt among them).
        agreeing: those of `clear` whose FER-2013 label is that emotion.
    """

    non_faces: dict[str, int]
    clear: int
    agreeing: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One image and one thing that is wrong with it: a row of `duplicates.csv`.

    Attributes:
        row: its position in the samples.
        kind: `copy-of-training`, `copy-of-public` (or of whichever split), `within` (equal images in one split),
            `conflicting`, `near` (a near-duplicate that is no exact copy), `blank` or `non-face`.
        group: name of its group of equal images, the first 12 digits of their hash.
        of: id of the image it repeats; empty for the first of its group and where it repeats none.
        ncc: correlation with `of`; 1 for equal images, NaN where there is nothing to compare.
    """

    row: int
    id: str
    split: str
    label: str
    kind: str
    group: str
    of: str
    ncc: float


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """The counts, and in `findings` the images behind them.

    Attributes:
        source: what was read.
        fingerprint: of the content (`fer.data.samples.fingerprint`).
        recognised: what the class counts say about the source, in a sentence.
        is_fer2013: the class counts are those of FER-2013, split by split.
        copy: held against FER-2013 as it was published; None for other sources.
        shape: channels, height, width.
        counts: split -> emotion -> images.
        unreadable: raw items that could not be decoded.
        unique_images: different images.
        duplicate_groups: groups of two and more equal images.
        copies: leaks, for every two splits.
        persons: persons in two splits, for every two that share any; None where no face's person is known.
        within: split -> images that repeat an earlier one of the same split.
        conflicting_groups: groups of equal images with more than one label.
        conflicting_images: images in them.
        blank: split -> constant images.
        near: near-duplicates of Training in every other split; None if they were not looked for.
        ferplus: None where the votes cannot be joined; `ferplus_note` then says why.
    """

    source: str
    fingerprint: str
    recognised: str
    is_fer2013: bool
    copy: CopyFacts | None
    shape: tuple[int, int, int]
    counts: dict[str, dict[str, int]]
    unreadable: tuple[str, ...]
    unique_images: int
    duplicate_groups: int
    copies: tuple[Copies, ...]
    persons: tuple[SharedPersons, ...] | None
    within: dict[str, int]
    conflicting_groups: int
    conflicting_images: int
    blank: dict[str, int]
    near: tuple[Near, ...] | None
    ferplus: FerPlusAudit | None
    ferplus_note: str
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything but the findings, in plain types."""
        report = {name: value for name, value in asdict(self).items() if name != "findings"}
        report["images"] = sum(sum(row.values()) for row in self.counts.values())
        report["findings"] = len(self.findings)
        return report


def audit(samples: FaceSamples, *, ferplus: Path | None = None, near_duplicates: bool = True) -> AuditReport:
    """Counts what is wrong with `samples`, by the definitions above.

    Args:
        samples: faces of any source.
        ferplus: a `fer2013new.csv` of one's own; None for the votes that come with the package.
        near_duplicates: look for near-duplicates too (about 3 s of CPU for FER-2013).

    Raises:
        DataError: `ferplus` cannot be read or does not line up with the samples.
    """
    hashes = content_hashes(samples.images)
    _, first, group, size = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
    splits = split_names(samples)
    conflicting = _groups_with_several_labels(samples.labels, group=group, num_groups=len(size))
    blank = blank_images(samples.images)
    notes = _Notes(samples, hashes=hashes)

    copies = []
    for earlier, later in combinations(splits, 2):
        original = _first_in_split(samples, split=earlier, group=group, num_groups=len(size))[group]
        copied = (samples.splits == later) & (original >= 0)
        copies.append(Copies(split=later, of=earlier, images=int(copied.sum())))
        notes.add(copied, kind=f"copy-of-{earlier.removesuffix('Test').lower() or 'test'}", of=original)

    within = {}
    for split in splits:
        in_split = samples.splits == split
        original = _first_in_split(samples, split=split, group=group, num_groups=len(size))[group]
        repeats = in_split & (original != np.arange(len(samples)))
        within[split] = int(repeats.sum())
        notes.add(in_split & np.isin(group, group[repeats]), kind="within", of=original)

    notes.add(
        conflicting[group], kind="conflicting", of=np.where(first[group] == np.arange(len(samples)), -1, first[group])
    )
    notes.add(blank, kind="blank")
    near = _near(samples, group=group, notes=notes) if near_duplicates else None
    votes, votes_note = _votes(samples, path=ferplus, notes=notes)
    is_fer2013, recognised = recognise(samples)
    return AuditReport(
        source=samples.source,
        fingerprint=fingerprint(samples),
        recognised=recognised,
        is_fer2013=is_fer2013,
        copy=CopyFacts.from_json(samples.copy) if samples.copy else None,
        shape=(samples.images.shape[1], samples.images.shape[2], samples.images.shape[3]),
        counts=class_table(samples),
        unreadable=samples.unreadable,
        unique_images=len(size),
        duplicate_groups=int((size > 1).sum()),
        copies=tuple(copies),
        persons=None if samples.subjects is None else shared_persons(samples),
        within=within,
        conflicting_groups=int(conflicting.sum()),
        conflicting_images=int(size[conflicting].sum()),
        blank={split: int(blank[samples.splits == split].sum()) for split in splits},
        near=near,
        ferplus=votes,
        ferplus_note=votes_note,
        findings=notes.findings(),
    )


def split_names(samples: FaceSamples) -> tuple[str, ...]:
    """The splits that have samples, in the order of `Split`."""
    return tuple(split.value for split in Split if (samples.splits == split).any())


def class_table(samples: FaceSamples) -> dict[str, dict[str, int]]:
    """Split -> label -> number of samples."""
    return {
        split: dict(zip(samples.classes, samples.class_counts(Split(split)).tolist(), strict=True))
        for split in split_names(samples)
    }


def blank_images(images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Bool (N,): the image has the same value at all pixels and channels."""
    flat = images_NCHW.reshape(len(images_NCHW), -1)
    blank: npt.NDArray[np.bool_] = flat.min(axis=1) == flat.max(axis=1)
    return blank


def recognise(samples: FaceSamples) -> tuple[bool, str]:
    """Whether the class counts are those of FER-2013, and a sentence that says what they are.

    The class sizes are all different, so they also betray labels that were numbered in another order.
    """
    if samples.classes != EMOTIONS:
        return False, f"The labels are {', '.join(samples.classes)}: not held against the counts of FER-2013."
    found = {split: samples.class_counts(split) for split in Split if (samples.splits == split).any()}
    expected = {split: np.array(OFFICIAL_COUNTS[split]) for split in found}
    whole = {
        frozenset({Split.TRAINING, Split.PUBLIC, Split.PRIVATE}): "its three official splits",
        frozenset({Split.TRAINING, Split.MERGED_TEST}): "Training and the 7,178 test images, Public and Private mixed",
    }
    name = whole.get(frozenset(found), f"{' and '.join(found)} alone")
    if found and all((found[split] == expected[split]).all() for split in found):
        return True, f"The class counts are those of FER-2013 in {name}."
    if found and all((np.sort(found[split]) == np.sort(expected[split])).all() for split in found):
        alphabetical = [EMOTIONS.index(emotion) for emotion in ALPHABETICAL]
        order = "alphabetical" if all((found[s] == expected[s][alphabetical]).all() for s in found) else "another"
        return False, (
            f"The class sizes are those of FER-2013 in {name}, but under other names: the labels were numbered in "
            f"{order} order. Every score on them would be wrong."
        )
    if all(abs(found[split].sum() - expected[split].sum()) <= expected[split].sum() // 10 for split in found):
        return False, f"Close to FER-2013, but not equal: {'; '.join(count_differences(samples))}."
    return False, "The class counts are not those of FER-2013."


class _Notes:
    """Collects findings; `of` holds, for every sample, the row of the image it repeats or -1."""

    def __init__(self, samples: FaceSamples, *, hashes: npt.NDArray[np.str_]) -> None:
        self._samples = samples
        self._hashes = hashes
        self._findings: list[Finding] = []

    def add(
        self,
        chosen: npt.NDArray[np.bool_],
        *,
        kind: str,
        of: npt.NDArray[np.int64] | None = None,
        ncc: npt.NDArray[np.float64] | None = None,
    ) -> None:
        for row in np.flatnonzero(chosen).tolist():
            original = -1 if of is None or of[row] == row else int(of[row])
            self._findings.append(
                Finding(
                    row=row,
                    id=str(self._samples.ids[row]),
                    split=str(self._samples.splits[row]),
                    label=self._samples.classes[self._samples.labels[row]],
                    kind=kind,
                    group=str(self._hashes[row])[:12],
                    of="" if original < 0 else str(self._samples.ids[original]),
                    ncc=float("nan") if original < 0 else 1.0 if ncc is None else float(ncc[row]),
                )
            )

    def findings(self) -> tuple[Finding, ...]:
        return tuple(sorted(self._findings, key=lambda finding: (finding.kind, finding.group, finding.row)))


def _groups_with_several_labels(
    labels: npt.NDArray[np.int64], *, group: npt.NDArray[np.int64], num_groups: int
) -> npt.NDArray[np.bool_]:
    """Bool (groups,)."""
    least = np.full(num_groups, np.iinfo(np.int64).max)
    most = np.full(num_groups, -1)
    np.minimum.at(least, group, labels)
    np.maximum.at(most, group, labels)
    several: npt.NDArray[np.bool_] = least != most
    return several


def _first_in_split(
    samples: FaceSamples, *, split: str, group: npt.NDArray[np.int64], num_groups: int
) -> npt.NDArray[np.int64]:
    """int64 (groups,): the first row of the split in each group, or -1."""
    first = np.full(num_groups, -1, dtype=np.int64)
    rows = np.flatnonzero(samples.splits == split)[::-1]
    first[group[rows]] = rows
    return first


def _near(samples: FaceSamples, *, group: npt.NDArray[np.int64], notes: _Notes) -> tuple[Near, ...]:
    training = np.flatnonzero(samples.splits == Split.TRAINING)
    found = []
    for split in split_names(samples):
        if split == Split.TRAINING or len(training) == 0:
            continue
        rows = np.flatnonzero(samples.splits == split)
        index, ncc = find_near_duplicates(
            samples.images[rows], references_NCHW=samples.images[training], threshold=NEAR_THRESHOLD
        )
        is_near = index >= 0
        exact = is_near & np.isin(group[rows], group[training])
        found.append(
            Near(
                split=split,
                of=Split.TRAINING.value,
                threshold=NEAR_THRESHOLD,
                images=int(is_near.sum()),
                exact=int(exact.sum()),
            )
        )
        chosen, of, likeness = np.zeros(len(samples), bool), np.full(len(samples), -1), np.full(len(samples), np.nan)
        chosen[rows[is_near & ~exact]] = True
        of[rows[is_near]] = training[index[is_near]]
        likeness[rows] = ncc
        notes.add(chosen, kind="near", of=of, ncc=likeness)
    return tuple(found)


def _votes(samples: FaceSamples, *, path: Path | None, notes: _Notes) -> tuple[FerPlusAudit | None, str]:
    joined = votes_for(replace(samples, groups={}, masks={}), path=path)
    if joined is None:
        return None, "" if path is None else (
            f"FER+ was not used: its votes are on FER-2013's pictures, and none of those of {samples.source} is one."
        )
    non_face = joined.majority == FERPLUS_COLUMNS.index("NF")
    notes.add(non_face, kind="non-face")
    clear, agreeing = agreement(samples, majority=joined.majority)
    counts = {split: int(non_face[samples.splits == split].sum()) for split in split_names(samples)}
    return FerPlusAudit(non_faces=counts, clear=clear, agreeing=agreeing), ""
