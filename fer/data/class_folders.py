"""Class folders with or without split folders above or below them: `<split>/<class>/x.jpg`, `<class>/<split>/x.jpg`."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from fer.common.errors import DataError
from fer.common.labels import canonical_name, plain_class
from fer.common.wording import printable_path
from fer.data.image_files import LabelledImage, emotions_above
from fer.data.samples import Split
from fer.data.tree import Tree, find_images

SPLIT_WORDS: Final[Mapping[str, Split]] = MappingProxyType(
    {
        **dict.fromkeys(("train", "training", "trainset", "trainingset"), Split.TRAINING),
        **dict.fromkeys(("valid", "validation", "val", "dev", "valset", "validset", "publictest"), Split.PUBLIC),
        **dict.fromkeys(("test", "testing", "testset", "testingset", "privatetest"), Split.PRIVATE),
    }
)
"""Words (in lower case) that tell a split. A validation part becomes PublicTest, a test part PrivateTest."""

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")
"""The words of `FER2013Train`, `test_data`, `Training Images`."""


def split_of(folder: str) -> Split | None:
    """The split that a folder's name tells by one of its words: `train`, `FER2013Valid`, `Test Images`; else None."""
    told = _split_and_rest(folder)
    return None if told is None else told[0]


def _split_and_rest(folder: str) -> tuple[Split, str] | None:
    """The split that a name tells, and what is left of the name without it: PrivateTest and `angry` of `angry_test`."""
    words = list(_WORD.finditer(folder))
    # "Public Test" is one word written as two.
    joined = [(first[0] + second[0], first.start(), second.end()) for first, second in pairwise(words)]
    single = [(word[0], *word.span()) for word in words]
    for candidates in ([(folder.replace("_", ""), 0, len(folder))], joined, single):
        found = {SPLIT_WORDS[word.lower()]: span for word, *span in candidates if word.lower() in SPLIT_WORDS}
        if len(found) == 1:
            split, (start, end) = found.popitem()
            return split, (folder[:start] + folder[end:]).strip(" _-.,()")
    return None


def class_folder_images(
    tree: Tree, *, read: Collection[str] = (), person: re.Pattern[str] | None = None
) -> tuple[list[LabelledImage], list[str]]:
    """Every image by the folder it lies in, and a note on those that lie in none.

    The folder of the file is its class, and the nearest folder above whose name tells a split is its split; where
    class folders hold split folders, it is the other way round. A name of several words (`test_data`) tells a split
    where its place holds another split too: a data set called `my-test` is no test part. One folder may tell both
    (`train_happy`, `happy_test`).

    Args:
        tree: the files.
        read: those that are no images and are read all the same, so that the notes do not say otherwise.
        person: finds the person in a path: folders of persons are no parts of a split.

    Raises:
        DataError: some class folders lie in split folders and others do not, or the same classes lie in several folders
            that tell no split: to pool them would train on what may be the test part; or the classes stand elsewhere.
    """
    paths = [(path, path.parts[:-1]) for path in find_images(tree)]
    both = _classes_with_split(folders for _, folders in paths)
    told = _split_folders((folders for _, folders in paths), known=both)
    inside = {folders[:-1] for _, folders in paths if len(folders) > 1 and folders in told}
    # One folder with a train/ of loose images in it names no class.
    swapped = len({parent[-1] for parent in inside if parent not in told}) > 1
    images, strays, groups = [], [], defaultdict[str, set[str]](set)
    for path, folders in paths:
        if folders in both:
            images.append(LabelledImage(path=str(path), label=both[folders][0], split=both[folders][1]))
            continue
        last_tells = folders in told
        if len(folders) == 0 or (last_tells and not (swapped and len(folders) > 1 and folders[:-1] not in told)):
            strays.append(str(path))
            continue
        label = folders[-2] if last_tells else folders[-1]
        above = [folders[: depth + 1] for depth in range(len(folders) if last_tells else len(folders) - 1)]
        split = next((told[place] for place in reversed(above) if place in told), None)
        images.append(LabelledImage(path=str(path), label=label, split=split))
        if split is None:
            group = "/".join(folders[:-1])
            if person is not None and (found := person.search(str(path))) is not None:
                # In the whole path: a pattern may go on into the class or the file.
                start, end = found.span(person.groups)
                group = (group[:start] + group[end:]).strip("/")
            groups[group].add(canonical_name(label) or label.strip().lower())
    without = [image.path for image in images if image.split is None]
    if without and len(without) < len(images):
        places = sorted({str(PurePosixPath(path).parent.parent) for path in without})
        outside = _few(["the top" if place == "." else place for place in places])
        parts = _few(sorted("/".join(place) for place in (*told, *both)))
        raise DataError(
            f"{tree.root}: {len(without):,} images lie in {outside}, outside the folders whose names tell a split "
            f"({parts}): they may be a test part, so they are not mixed with the others. Rename their folder to train, "
            "valid or test (or move it into one of them), or set data.root to one of the parts"
        )
    _refuse_unknown_parts(groups, str(tree.root))
    _refuse_boxes(tree, images, strays)
    notes = []
    if strays:
        notes.append(f"{len(strays):,} images lie in no class folder and are not read: {_few(strays)}.")
    unread = set(tree.names) - {str(path) for path, _ in paths} - set(read)
    others = Counter(PurePosixPath(name).suffix.lower() for name in unread)
    # By name where equally many: a folder's files come in no order.
    commonest = sorted(others.items(), key=lambda kind: (-kind[1], kind[0]))[:5]
    kinds = ", ".join(f"{count:,} {suffix or 'without a suffix'}" for suffix, count in commonest)
    if others:
        one = others.total() == 1
        told_others = "1 file is no image and is" if one else f"{others.total():,} files are no images and are"
        notes.append(f"{told_others} not read: {kinds}.")
    if both:
        of = _few(sorted({f"{place[-1]} is {label} in {split}" for place, (label, split) in both.items()}))
        notes.append(f"Folders that tell their class and their split: {of}.")
    named = sorted({f"{place[-1]} is {split}" for place, split in told.items() if place[-1].lower() not in SPLIT_WORDS})
    if named:
        notes.append(f"Split folders by their names: {'; '.join(named)}.")
    return images, notes


def _classes_with_split(folders: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[str, Split]]:
    """Every folder of images that tells its class and its split, by its path.

    They tell both where two of one split lie side by side (`train_happy`, `train_sad`), or one beside the same class
    without a word of a split (`happy`, `happy_test`).
    """
    beside: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for folder in folders:
        if folder:
            beside[folder[:-1]].add(folder[-1])
    both: dict[tuple[str, ...], tuple[str, Split]] = {}
    for above, names in beside.items():
        told = {name: told for name in names if (told := _split_and_rest(name)) is not None and told[1]}
        classes: dict[Split, set[str]] = defaultdict(set)
        for split, rest in told.values():
            classes[split].add(plain_class(rest))
        plain = {plain_class(name) for name in names}
        both |= {
            (*above, name): (rest, split)
            for name, (split, rest) in told.items()
            if len(classes[split]) > 1 or plain_class(rest) in plain
        }
    return both


def _split_folders(
    folders: Iterable[tuple[str, ...]], *, known: Collection[tuple[str, ...]]
) -> dict[tuple[str, ...], Split]:
    """Every folder that tells a split, by its path: by its whole name, or beside one that tells another.

    Those `known` to be classes are none of them.
    """
    places = {folder[: depth + 1] for folder in set(folders) for depth in range(len(folder))} - set(known)
    guesses = {place: split for place in places if (split := split_of(place[-1])) is not None}
    beside: dict[tuple[str, ...], set[Split]] = defaultdict(set)
    for place, split in guesses.items():
        beside[place[:-1]].add(split)
    return {
        place: split
        for place, split in guesses.items()
        if place[-1].lower().replace("_", "") in SPLIT_WORDS or len(beside[place[:-1]]) > 1
    }


def _refuse_unknown_parts(groups: Mapping[str, set[str]], root: str) -> None:
    """Refuses the same classes in several folders of which nobody knows whether they are parts of a split."""
    places: dict[str, list[str]] = defaultdict(list)
    for parent, labels in sorted(groups.items()):
        for label in sorted(labels):
            places[label].append(parent)
    label, parents = max(places.items(), key=lambda item: len(item[1]), default=("", []))
    above = [parent for parent in parents if canonical_name(PurePosixPath(parent).name) is not None]
    if len(above) > 1 and canonical_name(label) is None:
        raise emotions_above(f"{above[0]}/{label}", root=root)
    if len(parents) > 1:
        named = ", ".join(printable_path(parent) if parent else "the top" for parent in parents[:4])
        raise DataError(
            f"{root}: the same classes ({label}, ...) lie in {len(parents):,} folders whose names tell no split "
            f"({named}{', ...' if len(parents) > 4 else ''}): one of them may be the test part, so they are not mixed. "
            "Rename them to train, valid and test, set data.root to one of them, say how a person is told in a path if "
            "they are persons (data=folder 'data.person=\"(P[0-9]+)/\"'), or move all images of a class into one "
            "folder to have the splits drawn at random"
        )


def _refuse_boxes(tree: Tree, images: Sequence[LabelledImage], strays: Sequence[str]) -> None:
    """Refuses a data set for detection, as YOLO reads it: images/ beside labels/, whose text files hold the classes."""
    texts = any(name.endswith(".txt") and "labels" in PurePosixPath(name).parts for name in tree.names)
    elsewhere = all(image.label == "images" for image in images) and all(
        "images" in stray.split("/") for stray in strays
    )
    if texts and elsewhere:
        raise DataError(
            f"{tree.root} holds pictures in images/ and their classes in text files in labels/, as YOLO reads them: "
            "cut the faces out and put them into a folder a class, or use the class folders of the same data set"
        )


def _few(paths: Sequence[str]) -> str:
    return ", ".join(map(printable_path, paths[:3])) + (", ..." if len(paths) > 3 else "")
