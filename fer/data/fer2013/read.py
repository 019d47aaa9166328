"""Finds out in which form a person has FER-2013, and reads it."""

import logging
from pathlib import Path, PurePosixPath
from typing import Final

from fer.common.errors import DataError
from fer.common.image_header import foreign_kind
from fer.common.paths import expanded
from fer.common.wording import printable_path
from fer.data.cache import Packed, load_packed
from fer.data.fer2013.counts import count_differences
from fer.data.fer2013.csv_rows import read_table
from fer.data.fer2013.folder import find_classes, find_tops, read_flat, read_folder
from fer.data.fer2013.parquet import find_parquet, read_parquet
from fer.data.fer2013.raw import RawCopy
from fer.data.fer2013.recover import Splits, hold_against_original
from fer.data.pixel_table import PixelTable, find_tables
from fer.data.samples import FaceSamples, canonical_order
from fer.data.source_key import source_key
from fer.data.tree import FolderTree, Tree, ZipTree, find_images

logger = logging.getLogger(__name__)

READER: Final = "fer2013-5"
"""Name and version of this reader: raise the number when it reads a file differently, so that caches are rebuilt."""

_FORMS = (
    "the Kaggle zip, train/ and test/ with class folders, fer2013.csv, icml_face_data.csv, train.csv or parquet files"
)
_FIX = "download FER-2013 with `fer-data fetch fer2013` or set data.root"


def load_fer2013(root: Path, *, splits: Splits = "copy", cache_dir: Path | None = None) -> Packed:
    """`read_fer2013` through the packed cache: decoded at the first call, memory-mapped at later ones.

    Raises:
        DataError: as `read_fer2013`.
    """
    root = _existing(root)
    reader = READER if splits == "copy" else f"{READER}-{splits}"
    return load_packed(lambda: _read_root(root, splits), key=source_key(root, reader=reader), cache_dir=cache_dir)


def read_fer2013(root: Path, *, splits: Splits = "copy") -> FaceSamples:
    """Reads FER-2013 from whatever public form lies at `root`.

    Known forms: the Kaggle msambare zip or folder, fer2013.csv, icml_face_data.csv, the challenge's train.csv, Hugging
    Face parquet with three or two splits, class folders without splits, images alone; as a file, in a folder, in a zip,
    with folders above. A folder with several forms is read from the first of: CSV with `Usage`, class folders, parquet,
    zip, train.csv, images.

    Every picture is held against the original (`fer.data.fer2013.recover`), which says what the copy is and, where the
    form does not, the split.

    Args:
        root: where it lies.
        splits: `copy` or `original`, see there.

    Returns:
        Samples in `canonical_order`, images (N, 1, 48, 48): equal for every form whose pixels are equal, ids apart.
        Items that cannot be decoded are listed in `unreadable` and told of in one warning.

    Raises:
        DataError: nothing there, no known form, a broken one, or one whose splits were mixed; the message names the
            file and the fix.
    """
    return canonical_order(_read_root(_existing(root), splits))


def _read_root(root: Path, splits: Splits) -> FaceSamples:
    """The samples at a root that exists, in the order of the files or rows."""
    with _open(root) as tree:
        raw = _read(tree)
    samples = hold_against_original(raw, origin=str(root), splits=splits)
    differences = count_differences(samples)
    if differences:
        logger.warning("%s is not the complete FER-2013: %s", root, "; ".join(differences))
    logger.info("read %s images from %s: %s", f"{len(samples):,}", root, samples.source)
    return samples


def _existing(root: Path) -> Path:
    path = expanded(root)
    if not path.exists():
        raise DataError(f"data.root={root} points to {path.absolute()}, which is not there; {_FIX}")
    return path


def _open(root: Path) -> Tree:
    if root.is_dir():
        return FolderTree(root)
    with FolderTree(root.parent, names=[root.name]).open_table(root.name) as file:
        head = file.read(16)
    if head.startswith(b"PK"):
        return ZipTree(root)
    if head.startswith(b"PAR1") or root.suffix.lower() in (".csv", ".parquet"):
        return FolderTree(root.parent, names=[root.name])
    if root.suffix.lower() == ".zip":
        raise DataError(
            f"data.root={root} is no zip: it begins with {head!r} (a saved web page or a broken download?); {_FIX}"
        )
    raise DataError(
        f"data.root={root} is no form of FER-2013 known here ({_FORMS}); unpack it if it is another archive, or {_FIX}"
    )


def _read(tree: Tree) -> RawCopy:
    tables = find_tables(tree)
    official = [table for table in tables if table.labelled and table.split]
    images = find_images(tree)
    tops = find_tops(images)
    parquet = find_parquet(tree.names)
    zips = [name for name in tree.names if name.lower().endswith(".zip")]
    if official:
        table = _preferred(tree, official)
        return read_table(tree, table, source=f"FER-2013 ({_file_name(table)}{', zip' if tree.kind == 'zip' else ''})")
    if tops:
        _only_one(tree, [str(top) for top in tops], what="train/ and test/ folders")
        return read_folder(tree, images=images, top=tops[0])
    if parquet:
        return read_parquet(tree, parquet)
    if zips and tree.kind == "folder":
        _only_one(tree, zips, what="zip files")
        with ZipTree(tree.root / zips[0]) as inner:
            return _read(inner)
    if tables:
        return _read_challenge(tree, tables)
    classes = find_classes(images)
    if classes is not None or (images and len({path.parent for path in images}) == 1):
        return read_flat(tree, images=images, top=classes)
    raise DataError(f"data.root={tree.root} {_describe(tree, images)}: expected {_FORMS}; {_FIX}")


def _read_challenge(tree: Tree, tables: list[PixelTable]) -> RawCopy:
    """The challenge's train.csv; its test.csv was handed out without labels."""
    labelled = [table for table in tables if table.labelled]
    if not labelled:
        raise DataError(
            f"{tree.root}: {tables[0].name} has no `emotion` column: the challenge's test.csv comes without labels, "
            f"so it can neither train nor score; use fer2013.csv or icml_face_data.csv, or {_FIX}"
        )
    train = [table for table in labelled if _file_name(table).lower() == "train.csv"]
    if not train:
        raise DataError(
            f"{tree.root}: {labelled[0].name} has no `Usage` column, so the split of its rows is unknown; "
            f"use fer2013.csv, or name the file train.csv if it holds the 28,709 training rows, or {_FIX}"
        )
    _only_one(tree, [table.name for table in train], what="train.csv files")
    raw = read_table(tree, train[0], source="FER-2013 (challenge train.csv)")
    logger.warning(
        "%s: the challenge's train.csv and test.csv hold labels of the training rows alone: no PublicTest or "
        "PrivateTest score is possible; train with data.protocol=stratified or kfold, or use fer2013.csv",
        tree.root,
    )
    return raw


def _preferred(tree: Tree, tables: list[PixelTable]) -> PixelTable:
    """fer2013.csv before icml_face_data.csv (the same rows) before the only other one."""
    for known in ("fer2013.csv", "icml_face_data.csv"):
        named = [table for table in tables if _file_name(table).lower() == known]
        if named:
            _only_one(tree, [table.name for table in named], what=f"{known} files")
            return named[0]
    _only_one(tree, [table.name for table in tables], what="CSV files with emotion, pixels and Usage")
    return tables[0]


def _only_one(tree: Tree, found: list[str], *, what: str) -> None:
    if len(found) > 1:
        raise DataError(
            f"data.root={tree.root} holds several {what} ({', '.join(found[:4])}): point data.root at one of them"
        )


def _file_name(table: PixelTable) -> str:
    return PurePosixPath(table.name).name


def _describe(tree: Tree, images: list[PurePosixPath]) -> str:
    """What lies at the root instead of FER-2013."""
    if not tree.names:
        return f"is an empty {tree.kind}"
    if images:
        folders = sorted({str(path.parent) for path in images})
        shown = ", ".join(folders[:4]) + (", ..." if len(folders) > 4 else "")
        return (
            f"holds {len(images):,} images in {shown}, but no train/<emotion>/ and test/<emotion>/ "
            "(point it at the folder above? Other class folders, split folders in them too, are read by data=folder)"
        )
    if len(tree.names) == 1:
        return f"holds only {printable_path(tree.names[0])}, {_first_words(tree.start(tree.names[0]))}"
    shown = ", ".join(map(printable_path, tree.names[:4])) + (", ..." if len(tree.names) > 4 else "")
    return f"holds no form of FER-2013, only {shown}"


def _first_words(start: bytes) -> str:
    """What a file begins with, where the header of a table of faces should stand."""
    if not start:
        return "which is empty"
    kind = foreign_kind(start)
    if kind is not None:
        return f"which is {kind}"
    line = printable_path(start[:60].decode("utf-8", "replace").lstrip("\ufeff").partition("\n")[0].rstrip("\r"))
    return f"which begins with {line!r} where a line such as emotion,pixels,Usage should name the columns"
