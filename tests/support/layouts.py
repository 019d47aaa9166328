"""Small copies of public data sets' layouts, written from noise."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

EIGHT = ("anger", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def noise(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.uint8]:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def write_image(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """PNG, so that pixels come back as they are; RGB images are turned into OpenCV's order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".png", stored)[1].tobytes())


def zipped(root: Path) -> Path:
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root).as_posix())
    return path


def write_classes(
    root: Path, counts: Mapping[str, int], *, shape: Sequence[int] = (48, 48), seed: int = 0, prefix: str = "im"
) -> Path:
    """`counts[folder]` images in each folder, such as "train/happy"."""
    rng = np.random.default_rng(seed)
    for folder, count in counts.items():
        for number in range(count):
            write_image(root / folder / f"{prefix}{number:03d}.png", noise(rng, *shape))
    return root


def write_ckplus(root: Path, *, persons: int = 12, seed: int = 1) -> Path:
    """Three frames of two expressions of each person, as CK+48 names them: no neutral, contempt among the classes."""
    rng = np.random.default_rng(seed)
    classes = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
    for person in range(persons):
        for take in range(2):
            label = classes[(person + 3 * take) % len(classes)]
            for frame in range(3):
                name = f"S{person + 5:03d}_{take + 1:03d}_{frame + 14:08d}.png"
                write_image(root / "CK+48" / label / name, noise(rng, 48, 48))
    return root


def write_affectnet(root: Path, *, per_class: int = 10, seed: int = 2) -> Path:
    """Class folders of 96 x 96 RGB; labels.csv calls the first face of every class but surprise a surprise."""
    write_classes(root, dict.fromkeys(EIGHT, per_class), shape=(96, 96, 3), seed=seed, prefix="image")
    lines = [",pth,label,relFCs"]
    for label in EIGHT:
        for number in range(per_class):
            revised = "surprise" if number == 0 else label
            lines.append(f"{len(lines) - 1},{label}/image{number:03d}.png,{revised},0.87")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def write_rafdb_list(root: Path, *, train: int = 70, test: int = 21, seed: int = 3) -> Path:
    """The authors' form: a list of labels, aligned faces, and an original photograph that is none."""
    rng = np.random.default_rng(seed)
    lines = []
    for split, count in (("train", train), ("test", test)):
        for number in range(count):
            lines.append(f"{split}_{number + 1:05d}.jpg {number % 7 + 1}")
            write_image(root / "basic/Image/aligned" / f"{split}_{number + 1:05d}_aligned.png", noise(rng, 100, 100, 3))
    write_image(root / "basic/Image/original/train_00001.png", noise(rng, 300, 200, 3))
    path = root / "basic/EmoLabel/list_patition_label.txt"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n")
    return root


def write_rafdb_folders(root: Path, *, train: int = 70, test: int = 21, seed: int = 3) -> Path:
    """Kaggle's form, with the faces of `write_rafdb_list`."""
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("test", test)):
        for number in range(count):
            name = f"{split}_{number + 1:05d}_aligned.png"
            write_image(root / "DATASET" / split / str(number % 7 + 1) / name, noise(rng, 100, 100, 3))
    return root
