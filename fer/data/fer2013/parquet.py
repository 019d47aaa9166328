"""The Hugging Face forms: parquet files of encoded images, three splits (train, valid, test) or two (train, test)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError, MissingExtraError
from fer.common.labels import ALPHABETICAL, EMOTIONS, NUM_CLASSES, canonical_name, emotion_index
from fer.data.csv_table import refuse_doubled
from fer.data.decode import UnreadableError, decode_faces
from fer.data.fer2013.counts import ClassNames, settle
from fer.data.fer2013.raw import SIDE, RawCopy
from fer.data.samples import FaceSamples, Split
from fer.data.tree import Tree, damage_told

# Words a file or its folder begins with ("train-00000-of-00001.parquet", "default/test/0000.parquet").
_PARTS: Final = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "test": "test",
    "publictest": "PublicTest",
    "privatetest": "PrivateTest",
}
_NAMED_SPLITS: Final = {"train": Split.TRAINING, "PublicTest": Split.PUBLIC, "PrivateTest": Split.PRIVATE}
_IMAGE_COLUMNS: Final = ("image", "img", "img_bytes", "jpg", "png")
_LABEL_COLUMNS: Final = ("label", "labels", "cls", "emotion")

# Label orders of the known hub copies, by their columns (image, label) and number of splits; used where the file's own
# metadata names no classes.
_SIGNATURES: Final[Mapping[tuple[str, str, int], ClassNames]] = {
    ("image", "label", 3): EMOTIONS,  # AutumnQiu/fer2013
    ("img_bytes", "labels", 2): ALPHABETICAL,  # Jeneral/fer-2013
    ("jpg", "cls", 2): ALPHABETICAL,  # clip-benchmark/wds_fer2013
}


@dataclass(frozen=True)
class _Shard:
    """One parquet file, labels read and images still encoded."""

    name: str
    part: str
    images: list[Any]
    labels: list[Any]
    image_column: str
    label_column: str
    class_names: ClassNames | None


def find_parquet(names: Sequence[str]) -> list[str]:
    """The parquet files among `names`."""
    return [name for name in names if name.lower().endswith(".parquet")]


def read_parquet(tree: Tree, names: Sequence[str]) -> RawCopy:
    """Reads the parquet files `names` of `tree` as one set.

    Splits go by the beginning of the file's or its folder's name. With train and test alone, test is Public and Private
    merged (`Split.MERGED_TEST`). Label codes go by the class names in the Hugging Face metadata, else by the columns of
    the known copies, and both are checked with the class counts of the full set. Ids are "<path>:<row>", from 1.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: unknown splits, columns, labels or label order; a damaged file.
    """
    origin = str(tree.root)
    shards = [_read_shard(tree, name, part) for name, part in _parts(tree, names).items()]
    # A file without rows, as tools that share rows out leave some, does not say what its labels are.
    kinds = {(shard.image_column, shard.label_column, shard.class_names) for shard in shards if shard.labels}
    if not kinds:
        raise DataError(f"{origin}: its parquet files have no rows; download them again")
    if len(kinds) > 1:
        raise DataError(
            f"{origin} mixes parquet files of different columns or classes: point data.root at one data set"
        )
    image_column, label_column, class_names = kinds.pop()
    parts = sorted({shard.part for shard in shards})
    codes = {shard.name: _codes(origin, shard) for shard in shards}
    by_part = {part: np.concatenate([codes[shard.name] for shard in shards if shard.part == part]) for part in parts}
    own = _SIGNATURES.get((image_column, label_column, len(parts))) if class_names is None else class_names
    orders = list(dict.fromkeys(order for order in (own, EMOTIONS, ALPHABETICAL) if order is not None))
    splits, class_names = settle(
        by_part,
        claims=[(splits, order) for splits in _split_claims(origin, parts) for order in orders],
        claimed=own is not None,
        origin=origin,
    )
    to_label = np.array([emotion_index(emotion) for emotion in class_names], dtype=np.int64)

    ids = [f"{shard.name}:{row}" for shard in shards for row in range(1, len(shard.images) + 1)]
    encoded = dict(zip(ids, (image for shard in shards for image in shard.images), strict=True))
    decoded = decode_faces(ids, lambda name: _encoded_bytes(encoded[name]), side=SIDE, origin=origin)
    all_labels = np.concatenate([to_label[codes[shard.name]] for shard in shards])
    all_splits = np.concatenate([np.full(len(shard.images), splits[shard.part], dtype="U11") for shard in shards])
    samples = FaceSamples(
        images=decoded.images,
        labels=all_labels[decoded.rows],
        splits=all_splits[decoded.rows],
        ids=np.array(ids)[decoded.rows],
        source=f"FER-2013 (parquet, {len(parts)} splits: {', '.join(parts)})",
        unreadable=decoded.unreadable,
    )
    return RawCopy(samples=samples, sizes=decoded.sizes)


def _parts(tree: Tree, names: Sequence[str]) -> dict[str, str]:
    """File name -> part of the set it belongs to."""
    parts: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    for name in names:
        path = PurePosixPath(name)
        words = [
            re.split(r"[^a-z]", text.lower().replace("_test", "test"))[0] for text in (path.stem, path.parent.name)
        ]
        part = next((_PARTS[word] for word in words if word in _PARTS), None)
        if part is None:
            raise DataError(
                f"{tree.root}: cannot tell the split of {name}: its name or its folder must begin with "
                "train, valid or test; rename it or set data.root"
            )
        twin = seen.setdefault((part, path.name), name)
        if twin != name:
            raise DataError(
                f"{tree.root} holds the same file twice, {twin} and {name}: point data.root at one of the folders"
            )
        parts[name] = part
    return parts


def _split_claims(origin: str, parts: Sequence[str]) -> list[dict[str, Split]]:
    """Which split each part may be, the usual reading first."""
    if set(parts) <= set(_NAMED_SPLITS):
        return [{part: _NAMED_SPLITS[part] for part in parts}]
    if set(parts) == {"train", "valid", "test"}:
        usual = {"train": Split.TRAINING, "valid": Split.PUBLIC, "test": Split.PRIVATE}
        return [usual, usual | {"valid": Split.PRIVATE, "test": Split.PUBLIC}]
    if set(parts) <= {"train", "test"}:
        return [{part: Split.TRAINING if part == "train" else Split.MERGED_TEST for part in parts}]
    raise DataError(
        f"{origin} has the splits {', '.join(parts)}; known are train, valid and test (official) or train and test "
        "(merged): the copy is not complete, or was split anew; download it again or set data.root"
    )


def _read_shard(tree: Tree, name: str, part: str) -> _Shard:
    try:
        from pyarrow import parquet
        from pyarrow.lib import ArrowException
    except ImportError as error:
        raise MissingExtraError(f"reading {name} needs pyarrow: pip install 'ferlab[train]'") from error
    open_parquet: Any = parquet.ParquetFile
    origin = f"{tree.root}: {name}"
    with damage_told(tree, name), tree.open_table(name) as file:
        try:
            opened = open_parquet(file)
            schema = opened.schema_arrow
            metadata = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
            image_column, label_column, class_names = _columns(schema.names, metadata, origin)
            table = opened.read(columns=[image_column, label_column])
        except DataError:
            raise
        except (ArrowException, OSError, ValueError) as error:
            raise DataError(f"{origin} is a truncated or damaged parquet file: download it again") from error
    labels = table[label_column].to_pylist()
    if class_names is None and any(isinstance(label, str) for label in labels):
        class_names = EMOTIONS  # words need no order; `_codes` numbers them by this one
    return _Shard(
        name=name,
        part=part,
        images=table[image_column].to_pylist(),
        labels=labels,
        image_column=image_column,
        label_column=label_column,
        class_names=class_names,
    )


def _columns(columns: Sequence[str], metadata: Any, origin: str) -> tuple[str, str, ClassNames | None]:
    """(image column, label column, class names by code where the file tells them)."""
    image = next((name for name in _IMAGE_COLUMNS if name in columns), None)
    label = next((name for name in _LABEL_COLUMNS if name in columns), None)
    if image is None or label is None:
        raise DataError(
            f"{origin} has the columns {', '.join(columns)}; expected an image ({', '.join(_IMAGE_COLUMNS)}) "
            f"and a label ({', '.join(_LABEL_COLUMNS)}): set data.root to a copy of FER-2013"
        )
    refuse_doubled(columns, (image, label), origin=origin)
    names: Any = metadata
    for key in ("info", "features", label, "names"):
        names = names.get(key) if isinstance(names, Mapping) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return image, label, None
    class_names = tuple(canonical_name(name) or name for name in names)
    if sorted(class_names) != sorted(EMOTIONS):
        raise DataError(
            f"{origin} has the classes {', '.join(names)}, not the seven of FER-2013: write its pictures into a folder "
            "for each class and read it with data=folder"
        )
    return image, label, class_names


def _codes(origin: str, shard: _Shard) -> npt.NDArray[np.int64]:
    """Label codes, int64 array (rows,); labels written as words become codes by `class_names`."""
    class_names = shard.class_names or EMOTIONS
    codes = np.empty(len(shard.labels), dtype=np.int64)
    for row, label in enumerate(shard.labels):
        with _named(f"{origin}: {shard.name} row {row + 1}"):
            code = class_names.index(EMOTIONS[emotion_index(label)]) if isinstance(label, str) else label
        if not isinstance(code, int) or isinstance(code, bool) or not 0 <= code < NUM_CLASSES:
            raise DataError(
                f"{origin}: {shard.name} row {row + 1} has label {label!r}, expected 0 to 6 (whole numbers) or an "
                "emotion: write the labels so, or download the file again"
            )
        codes[row] = code
    return codes


@contextmanager
def _named(origin: str) -> Iterator[None]:
    """Says where an unknown emotion was met."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{origin}: {error}") from error


def _encoded_bytes(cell: Any) -> bytes:
    """A cell of the image column: bytes, or Hugging Face's struct of bytes and path."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(data, bytes):
        raise UnreadableError("the cell holds no image bytes")
    return data
