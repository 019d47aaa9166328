"""Damaged CSV and parquet files, into every reader of tables: counts add up, or the file is refused."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from attacks.fuzz.battery import COUNTS, attack
from attacks.fuzz.mutations import Random, mutated
from pyarrow import dataset, parquet
from support.layouts import write_affectnet, write_rafdb_list

from fer.common.labels import EMOTIONS
from fer.data.affectnet.read import list_affectnet
from fer.data.fer2013 import read_fer2013
from fer.data.ferplus import FERPLUS_COLUMNS, read_ferplus
from fer.data.folder.read import list_folder
from fer.data.image_files import ImportRules, read_image_files
from fer.data.leave_out import read_ids
from fer.data.rafdb.read import list_rafdb
from fer.data.tree import FolderTree
from fer.metrics.predictions import Predictions
from fer.report.fairness.group_file import read_groups

RULES = ImportRules(size=48, channels=1, contempt=None, mapping={}, valid_share=0.2, test_share=0.2, split_seed=0)
RNG = np.random.default_rng(0)
ROWS = 21


def pixel_csv(header: str) -> bytes:
    usages = ("Training", "PublicTest", "PrivateTest")
    lines = [header]
    for row in range(ROWS):
        pixels = " ".join(map(str, RNG.integers(0, 256, 2304)))
        lines.append(
            f"{row % 7},{pixels},{usages[row % 3]}"
            if "pixels,Usage" in header
            else f"{row % 7},{usages[row % 3]},{pixels}"
        )
    return "\n".join([*lines, ""]).encode()


def faces_csv() -> bytes:
    lines = ["label,pixels,split"]
    for row in range(ROWS):
        side = (16, 48)[row % 2]
        pixels = " ".join(map(str, RNG.integers(0, 256, side * side)))
        lines.append(f"{EMOTIONS[row % 7]},{pixels},{('train', 'val', 'test')[row % 3]}")
    return "\n".join([*lines, ""]).encode()


def votes_csv() -> bytes:
    lines = [",".join(("Usage", "Image name", *FERPLUS_COLUMNS))]
    lines += [f"Training,fer{row:07d}.png,{','.join(map(str, RNG.multinomial(10, [0.1] * 10)))}" for row in range(ROWS)]
    return "\n".join([*lines, ""]).encode()


def groups_csv() -> bytes:
    return "\n".join(
        ["id,age,glasses", *(f"face_{row},{row % 3}0s,{'yes' if row % 2 else ''}" for row in range(ROWS)), ""]
    ).encode()


def ids_csv() -> bytes:
    return "\n".join(
        ["id,label,why", *(f"face_{row},{EMOTIONS[row % 7]},{row / 7:.3f}" for row in range(ROWS)), ""]
    ).encode()


def faces_parquet(*, nested: bool) -> bytes:
    images = [cv2.imencode(".png", RNG.integers(0, 256, (48, 48), dtype=np.uint8))[1].tobytes() for _ in range(ROWS)]
    cells = [{"bytes": image, "path": None} for image in images] if nested else images
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"image": cells, "label": [EMOTIONS[row % 7] for row in range(ROWS)]}), buffer)
    return buffer.getvalue()


def predictions_parquet() -> bytes:
    probabilities = RNG.dirichlet(np.ones(7), ROWS)
    ids = np.array([f"face_{row}" for row in range(ROWS)])
    return Predictions(
        ids=ids, labels=np.arange(ROWS) % 7, probabilities=probabilities, split="PublicTest"
    ).as_parquet()


def lines_of(path: Path) -> int:
    """Rows that a CSV holds, whatever stands in them, without its heading and blank lines."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return sum(any(cell.strip() for cell in row) for row in csv.reader(file)) - 1


def use_pixels(path: Path) -> None:
    assert len(read_fer2013(path)) == lines_of(path)


def use_faces(path: Path) -> None:
    samples = read_image_files(path, listing=list_folder, rules=RULES, tables=True)
    assert len(samples) + len(samples.unreadable) == lines_of(path)


def use_votes(path: Path) -> None:
    assert len(read_ferplus(path).votes) == lines_of(path)


def use_groups(path: Path) -> None:
    table = read_groups(path, columns=None)
    assert len(table.faces) >= 1
    assert all(len(cells) == len(table.faces) for cells in table.groupings.values())


def use_ids(path: Path) -> None:
    """Whatever parts the cells and frames the names: every id stands in the text, and none comes from nowhere."""
    ids = read_ids(path)
    data = path.read_bytes()
    texts = [bare(data.decode(name, "ignore")) for name in ("utf-8", "utf-16-le", "utf-16-be", "utf-32")]
    assert len(ids) == len(set(ids))
    assert all(one and any(bare(one) in text for text in texts) for one in ids)


def bare(text: str) -> str:
    """Without what CSV frames a cell by, and with one kind of line end."""
    return text.replace('"', "").replace("\r\n", "\n").replace("\r", "\n")


def use_parquet(path: Path) -> None:
    samples = read_fer2013(path)
    rows = parquet.ParquetFile(path).metadata.num_rows
    assert len(samples) + len(samples.unreadable) == rows


def use_predictions(path: Path) -> None:
    # Not ParquetFile, which wants the names of columns that nobody asks for in UTF-8.
    assert len(Predictions.read(path)) == dataset.dataset(path).count_rows()


@dataclass(frozen=True)
class Kind:
    """A kind of table: its file's name, whole files, and the reader."""

    file: str
    seeds: tuple[bytes, ...]
    use: Callable[[Path], None]
    tokens: tuple[bytes, ...] = (
        *(b",", b'"', b'""', b"\n", b"\r", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b";", b"\t", b"-1", b"7"),
        *("٣".encode(), b"9" * 5000, b" " * 70_000, b'"' + b"x" * 140_000, b"nan", b"1e5", b"256"),
    )


PARQUET_TOKENS = (b"PAR1", b"\x15\x00", b"\xff\xff\xff\x7f", b"\x18", b"\x19", b"\x1c", b"\x00" * 8)
KINDS = {
    "fer2013.csv": Kind("fer2013.csv", (pixel_csv("emotion,pixels,Usage"),), use_pixels),
    "icml": Kind("icml_face_data.csv", (pixel_csv("emotion, Usage, pixels"),), use_pixels),
    "faces": Kind("faces.csv", (faces_csv(),), use_faces),
    "ferplus": Kind("fer2013new.csv", (votes_csv(),), use_votes),
    "leave_out": Kind("suspects.csv", (ids_csv(),), use_ids),
    "groups": Kind("groups.csv", (groups_csv(),), use_groups),
    "parquet": Kind(
        "train.parquet", (faces_parquet(nested=True), faces_parquet(nested=False)), use_parquet, PARQUET_TOKENS
    ),
    "predictions": Kind("public.parquet", (predictions_parquet(),), use_predictions, PARQUET_TOKENS),
}


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", KINDS)
def test_damaged_tables(name: str, count: int, tmp_path: Path) -> None:
    kind = KINDS[name]
    path = tmp_path / kind.file

    def make(rng: Random) -> bytes:
        seed = kind.seeds[rng.integers(len(kind.seeds))]
        return mutated(seed, rng, tokens=kind.tokens, others=kind.seeds)

    def use(data: bytes) -> None:
        path.write_bytes(data)
        kind.use(path)

    for seed in kind.seeds:
        use(seed)
    attack(f"tables {name}", count=count, make=make, use=use)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", ["labels.csv", "list_patition_label.txt"])
def test_damaged_label_lists(name: str, count: int, tmp_path: Path) -> None:
    """What a list says and the folder does not hold, or the other way round, is counted in the notes."""
    affectnet = name == "labels.csv"
    root = (
        write_affectnet(tmp_path / "set", per_class=2)
        if affectnet
        else write_rafdb_list(tmp_path / "set", train=7, test=7)
    )
    (path,) = root.rglob(name)
    whole = path.read_bytes()
    with FolderTree(root) as tree:
        on_disk = sum(each.endswith(".png") and "original" not in each for each in tree.names)

    def use(data: bytes) -> None:
        path.write_bytes(data)
        with FolderTree(root) as tree:
            listing = list_affectnet(tree, label_from="csv") if affectnet else list_rafdb(tree)
        assert len({image.path for image in listing.images}) == len(listing.images)
        left_out = on_disk - len(listing.images)
        assert left_out == 0 or any("left out" in note or "not listed" in note for note in listing.notes), listing.notes

    tokens = Kind("", (), use_votes).tokens
    attack(f"lists {name}", count=count, make=lambda rng: mutated(whole, rng, tokens=tokens), use=use)
