"""Small faces written in each public form of FER-2013."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer.common.labels import ALPHABETICAL, EMOTIONS
from fer.data.samples import FaceSamples, Split

PARTS = {Split.TRAINING: "train", Split.PUBLIC: "valid", Split.PRIVATE: "test"}


def random_face(seed: int, *, side: int = 48, form: str = ".png") -> bytes:
    """An image file of random pixels."""
    image = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    return cv2.imencode(form, image)[1].tobytes()


def png(image: npt.NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", image[0])[1].tobytes()


def pixels(image: npt.NDArray[np.uint8]) -> str:
    return " ".join(map(str, image.ravel()))


def write_csv(faces: FaceSamples, root: Path) -> Path:
    rows = [f"{y},{pixels(x)},{s}" for x, y, s in zip(faces.images, faces.labels, faces.splits, strict=True)]
    path = root / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return path


def write_icml(faces: FaceSamples, root: Path) -> Path:
    """Other column order, spaces in the header, quotes, a byte-order mark, Windows line ends, an open last line."""
    rows = [f'{y}, {s},"{pixels(x)}"' for x, y, s in zip(faces.images, faces.labels, faces.splits, strict=True)]
    path = root / "icml_face_data.csv"
    path.write_bytes("\r\n".join(["\ufeffemotion, Usage, pixels", *rows]).encode())
    return path


def as_spreadsheet(faces: FaceSamples, root: Path, *, separator: str, end: str, encoding: str, first: str = "") -> Path:
    """fer2013.csv opened in a spreadsheet and saved again."""
    path = write_csv(faces, root)
    text = first + path.read_text().replace(",", separator).replace("\n", end)
    path.write_bytes(text.encode(encoding))
    return path


def write_csv_zip(faces: FaceSamples, root: Path) -> Path:
    write_csv(faces, root)
    with zipfile.ZipFile(root / "challenge.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(root / "fer2013.csv", "fer2013/fer2013.csv")
        archive.writestr("fer2013/README", "text")
    return root / "challenge.zip"


def write_folder(faces: FaceSamples, root: Path) -> Path:
    for image, label, split, name in zip(faces.images, faces.labels, faces.splits, faces.ids, strict=True):
        folder = root / ("train" if split == Split.TRAINING else "test") / EMOTIONS[label]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(png(image))
    return root


def write_nested_folder(faces: FaceSamples, root: Path) -> Path:
    write_folder(faces, root / "archive" / "fer")
    return root


def write_zip(faces: FaceSamples, root: Path, *, top: str = "", suffix: str = ".zip") -> Path:
    write_folder(faces, root / "raw")
    path = root / f"archive{suffix}"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((root / "raw").rglob("*.png")):
            archive.write(file, top + str(file.relative_to(root / "raw")))
        archive.writestr("__MACOSX/train/angry/._Training_1.png", b"junk")
    shutil.rmtree(root / "raw")
    return path


def write_zip_with_top(faces: FaceSamples, root: Path) -> Path:
    return write_zip(faces, root, top="fer2013/data/")


def write_zip_made_on_windows(faces: FaceSamples, root: Path) -> Path:
    with zipfile.ZipFile(write_zip(faces, root)) as archive, zipfile.ZipFile(root / "windows.zip", "w") as other:
        for name in archive.namelist():
            other.writestr(zipfile.ZipInfo(name.replace("/", "\\")), archive.read(name))
    return root / "windows.zip"


def write_zip_named_otherwise(faces: FaceSamples, root: Path) -> Path:
    return write_zip(faces, root, suffix=".download")


def write_folder_of_zip(faces: FaceSamples, root: Path) -> Path:
    write_zip(faces, root)
    (root / "ferplus").mkdir()
    (root / "ferplus" / "fer2013new.csv").write_text("Usage,Image name,neutral\nTraining,fer0000000.png,4\n")
    return root


def write_parquet(
    path: Path,
    faces: FaceSamples,
    *,
    columns: tuple[str, str],
    order: tuple[str, ...],
    names: bool,
    cell: Callable[[bytes], Any] = lambda data: {"bytes": data, "path": None},
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            columns[0]: [cell(png(image)) for image in faces.images],
            columns[1]: [order.index(EMOTIONS[label]) for label in faces.labels],
        }
    )
    features: dict[str, Any] = {columns[0]: {"_type": "Image"}, columns[1]: {"_type": "Value", "dtype": "int64"}}
    if names:
        features[columns[1]] = {"_type": "ClassLabel", "names": list(order)}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)


def write_autumn(faces: FaceSamples, root: Path, *, names: bool = True) -> Path:
    for split, part in PARTS.items():
        chosen = faces.take(faces.splits == split)
        for shard, rows in enumerate(np.array_split(np.arange(len(chosen)), 2)):
            path = root / "data" / f"{part}-0000{shard}-of-00002-0a1b2c.parquet"
            write_parquet(path, chosen.take(rows), columns=("image", "label"), order=EMOTIONS, names=names)
    return root


def write_autumn_without_names(faces: FaceSamples, root: Path) -> Path:
    return write_autumn(faces, root, names=False)


def write_converted(faces: FaceSamples, root: Path) -> Path:
    """The hub's own conversion: one folder a split; here with an alphabetical order that the metadata names."""
    for split, part in PARTS.items():
        write_parquet(
            root / "default" / part / "0000.parquet",
            faces.take(faces.splits == split),
            columns=("image", "label"),
            order=ALPHABETICAL,
            names=True,
            cell=lambda data: data,
        )
    return root
