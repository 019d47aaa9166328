"""Image files with class names -> `FaceSamples`: what every source of single images has in common.

Classes become emotions by name and by explicit rules, images come to one size and colour, and splits that a source
lacks are held out of Training by a stated, seeded partition. Whatever is decided, dropped or changed on the way is
counted in `FaceSamples.notes`.
"""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from fer.common.errors import DataError
from fer.common.labels import CONTEMPT, ELSEWHERE, EMOTIONS, canonical_name, label_of, plain_class, resolve_classes
from fer.common.wording import counted, printable_path
from fer.data.cache import Packed, load_packed
from fer.data.decode import DecodedFaces, decode_resized
from fer.data.partition import held_out_bins
from fer.data.persons import shared_note
from fer.data.resize import INTERPOLATION
from fer.data.samples import FaceSamples, Split
from fer.data.source_key import source_key
from fer.data.tree import FolderTree, Tree, ZipTree, find_images

logger = logging.getLogger(__name__)

_VERSION: Final = 4
"""Part of every cache key: raise it when the same files and rules give other samples."""


@dataclass(frozen=True, kw_only=True)
class ImportRules:
    """How a source of image files is read; equal rules and files give equal samples.

    Attributes:
        size: height and width of the packed images, in pixels.
        channels: 1 (grey) or 3 (RGB).
        contempt: "drop", a label, or None, which refuses contempt.
        mapping: class -> label or "drop".
        valid_share: share of Training held out as PublicTest where the source has no such split, in [0, 1).
        test_share: share of Training held out as PrivateTest where the source has none, in [0, 1).
        split_seed: names that partition.
        labels: what the classes become.
    """

    size: int
    channels: int
    contempt: str | None
    mapping: Mapping[str, str]
    valid_share: float
    test_share: float
    split_seed: int
    labels: tuple[str, ...] = EMOTIONS

    @property
    def key(self) -> str:
        """Tells these rules from others in a cache key."""
        words = (
            _VERSION,
            self.size,
            self.channels,
            self.contempt,
            sorted(self.mapping.items()),
            self.valid_share,
            self.test_share,
            self.split_seed,
            # Entries of the seven emotions are older than other labels.
            *(() if self.labels == EMOTIONS else (self.labels,)),
        )
        return hashlib.sha256(repr(words).encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class LabelledImage:
    """One image file.

    Attributes:
        path: its name in the tree; as people can read it, the sample's id.
        label: its class, as the source names it.
        split: the split the source puts it in; None where it has none.
        subject: the person it shows; "" where unknown.
    """

    path: str
    label: str
    split: Split | None
    subject: str = ""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A published data set by its counts.

    Attributes:
        words: what it is ("CK+48 as handed out on Kaggle").
        total: images in all, contempt included.
        counts: emotion or "contempt" -> images, for each split of `Split` it comes in, or under "all"; empty where only
            the total is known.
    """

    words: str
    total: int
    counts: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a source holds, before any image is decoded.

    Attributes:
        name: the data set ("CK+48").
        layout: its form ("class folders").
        images: every labelled image.
        notes: what was decided on the way here.
        releases: published counts to recognise it by.
        read: gives the encoded image of a path, as `Tree.read_image` does, where images are no files of the tree.
    """

    name: str
    layout: str
    images: Sequence[LabelledImage]
    notes: Sequence[str] = ()
    releases: Sequence[Release] = ()
    read: Callable[[str], bytes] | None = None


def load_image_files(
    root: Path,
    *,
    reader: str,
    listing: Callable[[Tree], Listing],
    rules: ImportRules,
    named: bool = False,
    tables: bool = False,
) -> Packed:
    """The samples at `root` through the packed cache.

    Args:
        root: a zip, a folder, a folder that holds one zip, or a CSV.
        reader: name and version of what makes the listing, for the cache key.
        listing: files -> labelled images.
        rules: how they are read.
        named: the listing tells the root's own name, so that under another name it is another entry of the cache.
        tables: the listing reads a CSV too.

    Raises:
        DataError: nothing there, or not what it claims to be.
    """
    key = f"{source_key(root, reader=reader)}-{rules.key}"
    if named:
        key += f"-{hashlib.sha256(os.fsencode(root.name)).hexdigest()[:8]}"
    return load_packed(lambda: read_image_files(root, listing=listing, rules=rules, tables=tables), key=key)


def read_image_files(
    root: Path, *, listing: Callable[[Tree], Listing], rules: ImportRules, tables: bool = False
) -> FaceSamples:
    """The samples at `root`, decoded, in the order of the listing; see `load_image_files`."""
    with _open_tree(root, tables=tables) as tree:
        listed = listing(tree)
        origin = f"{listed.name} ({tree.root})"
        if len(listed.images) == 0:
            raise DataError(
                f"{origin}: not one labelled image is there; {_where_else(tree)}"
                f"{''.join(f'. {note}'.removesuffix('.') for note in listed.notes)}"
            )
        try:
            label_of_class = resolve_classes(
                (image.label for image in listed.images),
                mapping=rules.mapping,
                contempt=rules.contempt,
                origin=origin,
                labels=rules.labels,
                folders=listed.read is None,
            )
        except DataError as error:
            above = _below_emotions(listed.images)
            if above is None:
                raise
            raise emotions_above(above, root=str(tree.root)) from error
        kept = [image for image in listed.images if label_of_class[image.label] is not None]
        if len(kept) == 0:
            raise DataError(f"{origin}: the rules leave no image: change {_mutable(rules)}")
        decoded = decode_resized(
            [image.path for image in kept],
            listed.read or tree.read_image,
            size=rules.size,
            channels=rules.channels,
            origin=str(tree.root),
        )
        kind = tree.kind
    kept = [kept[row] for row in decoded.rows.tolist()]
    notes = [
        *_release_notes(listed),
        *decoded.notes,
        *listed.notes,
        *_class_notes(listed, label_of_class, rules),
        *_size_notes(decoded, rules),
    ]
    subjects = [image.subject for image in kept]
    samples = FaceSamples(
        images=decoded.images,
        labels=np.array([label_of_class[image.label] for image in kept], dtype=np.int64),
        splits=np.array([image.split or Split.TRAINING for image in kept], dtype="U11"),
        ids=np.array([printable_path(image.path) for image in kept]),
        source=f"{listed.name} ({listed.layout}, {kind}{_contempt_words(listed, rules)})",
        unreadable=tuple(map(printable_path, decoded.unreadable)),
        subjects=np.array(subjects) if any(subjects) else None,
        classes=rules.labels,
    )
    samples, split_notes = hold_out(samples, rules=rules)
    shared = shared_note(samples)
    samples = replace(samples, notes=(*notes, *split_notes, *([shared] if shared else [])))
    for note in samples.notes:
        logger.info("%s: %s", listed.name, note)
    return samples


def hold_out(samples: FaceSamples, *, rules: ImportRules) -> tuple[FaceSamples, list[str]]:
    """The samples with PublicTest and PrivateTest held out of Training where they lack them, and how, in words."""
    missing = {
        split: share
        for split, share in ((Split.PUBLIC, rules.valid_share), (Split.PRIVATE, rules.test_share))
        if share > 0 and not (samples.splits == split).any()
    }
    own = [split.value for split in Split if (samples.splits == split).any()]
    training = np.flatnonzero(samples.splits == Split.TRAINING)
    if not missing or len(training) == 0:
        if own == [Split.TRAINING]:
            return samples, ["All faces are Training: nothing was held out of them."]
        return samples, [f"The splits are the source's own: {', '.join(own)}."]
    bins = held_out_bins(
        samples, training, shares=[*missing.values(), 1.0 - sum(missing.values())], seed=rules.split_seed
    )
    splits = samples.splits.copy()
    for number, split in enumerate(missing):
        splits[training[bins == number]] = split
    parts = " and ".join(
        f"{counted(int((splits == split).sum()), 'face')} as {split} ({share:.0%} asked)"
        for split, share in missing.items()
    )
    together = "equal images" if samples.subjects is None else "equal images, and all images of a person,"
    note = (
        f"The source has no {' or '.join(missing)} split: {parts} were held out of the {len(training):,} training "
        f"faces at random (split_seed={rules.split_seed}), stratified by class; {together} stay together."
    )
    return replace(samples, splits=splits), [note]


def _open_tree(root: Path, *, tables: bool) -> Tree:
    if tables and root.suffix.lower() == ".csv" and not root.is_dir():
        return FolderTree(root.parent, names=[root.name])
    if not root.is_dir():
        return ZipTree(root)
    tree = FolderTree(root)
    zips = [name for name in tree.names if name.lower().endswith(".zip")]
    # A folder with nothing but the download in it.
    return ZipTree(root / zips[0]) if len(tree.names) == len(zips) == 1 else tree


def emotions_above(example: str, *, root: str) -> DataError:
    """What to say of images that lie in folders below those of their emotions, of which `example` is one."""
    return DataError(
        f"{root}: the folder of an image is its class, and here the emotions are folders further up "
        f"({printable_path(example)}, ...): move all images of an emotion into its folder"
    )


def _below_emotions(images: Sequence[LabelledImage]) -> str | None:
    """The folder of an image, where those of all images are no emotions and lie in folders of several."""
    folders = {PurePosixPath(image.path).parent for image in images}
    emotions = {canonical_name(folder.parent.name) for folder in folders}
    if None in emotions or len(emotions) < 2 or any(canonical_name(folder.name) for folder in folders):
        return None
    return str(min(folders))


def _where_else(tree: Tree) -> str:
    """What to do about a root without labelled images, by the zips that lie in it."""
    zips = [printable_path(name) for name in tree.names if name.lower().endswith(".zip")]
    packed = sorted(
        {PurePosixPath(name).suffix.lower() for name in tree.names} & {".parquet", ".arrow", ".npy", ".mat"}
    )
    if not zips and find_images(tree):
        return f"the folder of an image is its class, and no image lies in one: {ELSEWHERE}"
    if not zips and packed:
        return (
            f"images in {' and '.join(packed)} files are not read here: write them as image files into a folder for "
            "each class (FER-2013's parquet files: data=fer2013)"
        )
    if not zips:
        return "set data.root to the data set's folder or zip"
    shown = ", ".join(zips[:3]) + (", ..." if len(zips) > 3 else "")
    if tree.kind == "zip":
        return f"{shown} in it is not looked into: unpack the outer zip, and set data.root to what was in it"
    if len(zips) == 1:
        return f"set data.root to {printable_path(tree.root / zips[0])}, or unpack it there"
    return f"several zips are there ({shown}): unpack each into a folder of its name, or set data.root to one of them"


def _release_notes(listed: Listing) -> list[str]:
    """What the counts say about where the data come from."""
    counts: dict[str, Counter[str]] = {"all": Counter()}
    for image in listed.images:
        name = canonical_name(image.label) or image.label
        counts["all"][name] += 1
        counts.setdefault(image.split or "", Counter())[name] += 1
    total = len(listed.images)
    for release in listed.releases:
        if total == release.total and all(counts.get(part, {}) == named for part, named in release.counts.items()):
            exactly = "class by class" if release.counts else "in all"
            return [f"Recognised: {total:,} images, {exactly} those of {release.words}."]
    known = "; ".join(f"{release.words} has {release.total:,}" for release in listed.releases)
    return [f"{total:,} images, counted and not recognised as a published release{f' ({known})' if known else ''}."]


def _mutable(rules: ImportRules) -> str:
    return f"{'' if rules.labels == EMOTIONS else 'labels, '}data.mapping or data.contempt"


def _class_notes(listed: Listing, label_of_class: Mapping[str, int | None], rules: ImportRules) -> list[str]:
    """Which classes were left out or renamed by a rule, with counts."""
    counts = Counter(image.label for image in listed.images)
    mapped = {plain_class(name) for name in rules.mapping}
    notes = []
    for name, label in label_of_class.items():
        by_mapping = plain_class(name) in mapped
        if not by_mapping and label_of(name, rules.labels) is not None:
            continue
        key = "no label of this run" if canonical_name(name) != CONTEMPT else "data.contempt"
        key = f"data.mapping.{name}" if by_mapping else key
        fate = "left out" if label is None else f"counted as {rules.labels[label]}"
        notes.append(f"{counts[name]:,} faces of the class {name!r} are {fate} ({key}).")
    return notes


def _contempt_words(listed: Listing, rules: ImportRules) -> str:
    if rules.contempt is None or all(canonical_name(image.label) != CONTEMPT for image in listed.images):
        return ""
    return "; contempt left out" if rules.contempt == "drop" else f"; contempt counted as {rules.contempt}"


def _size_notes(decoded: DecodedFaces, rules: ImportRules) -> list[str]:
    """Whether images were resized or cut, and how."""
    target = (rules.size, rules.size)
    changed = {size: count for size, count in decoded.sizes.items() if size != target}
    if not changed:
        return []
    (width, height), count = max(changed.items(), key=lambda item: (item[1], item[0]))
    total = sum(changed.values())
    which = "" if count == total else f", most of them ({count:,})"
    colour = "grey" if rules.channels == 1 else "RGB"
    notes = [
        f"{total:,} images were resized to {rules.size} x {rules.size} {colour}{which} from {width} x {height} pixels: "
        f"{INTERPOLATION}."
    ]
    oblong = sum(count for (width, height), count in changed.items() if width != height)
    if oblong > 0:
        notes.append(
            f"{oblong:,} images are not square and were cut to their central square: no face was looked for. Crop "
            "faces first if they are not in the middle."
        )
    return notes
