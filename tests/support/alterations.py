"""What people do to the pictures of a data set, by OpenCV, Pillow and ImageMagick."""

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps

Picture = npt.NDArray[np.uint8]
Alteration = Callable[[Picture], Picture]


def jpeg(quality: int) -> Alteration:
    def alter(picture: Picture) -> Picture:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return alter


def resized(size: int) -> Alteration:
    """To another size, as a copy comes, and back to 48 as it is read."""

    def alter(picture: Picture) -> Picture:
        larger = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
        return cv2.resize(larger, (48, 48), interpolation=cv2.INTER_AREA).astype(np.uint8)

    return alter


def contrast(factor: float) -> Alteration:
    return lambda picture: np.clip(128 + factor * (picture - 128.0), 0, 255).astype(np.uint8)


def sharpened(picture: Picture) -> Picture:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.SHARPEN))


def autocontrast(picture: Picture) -> Picture:
    return np.asarray(ImageOps.autocontrast(Image.fromarray(picture), cutoff=1))


def clahe(picture: Picture) -> Picture:
    return np.asarray(cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(picture))


def cropped(pixels: int) -> Alteration:
    return lambda picture: np.asarray(
        cv2.resize(picture[pixels : 48 - pixels, pixels : 48 - pixels], (48, 48), interpolation=cv2.INTER_LINEAR)
    )


def shifted(across: int, down: int) -> Alteration:
    matrix = np.array([[1, 0, across], [0, 1, down]], dtype=np.float32)
    return lambda picture: np.asarray(cv2.warpAffine(picture, matrix, (48, 48)))


def turned(degrees: float) -> Alteration:
    """To the left, about the middle; the edge is repeated."""
    matrix = cv2.getRotationMatrix2D((23.5, 23.5), degrees, 1)
    return lambda picture: np.asarray(cv2.warpAffine(picture, matrix, (48, 48), borderMode=cv2.BORDER_REPLICATE))


def bordered(pixels: int) -> Alteration:
    """A black border, and back to 48 pixels as it is read."""

    def alter(picture: Picture) -> Picture:
        larger = cv2.copyMakeBorder(picture, pixels, pixels, pixels, pixels, cv2.BORDER_CONSTANT, value=[0])
        return cv2.resize(larger, (48, 48), interpolation=cv2.INTER_AREA).astype(np.uint8)

    return alter


def noisy(deviation: float) -> Alteration:
    rng = np.random.default_rng(0)
    return lambda picture: np.clip(np.round(picture + rng.normal(0, deviation, picture.shape)), 0, 255).astype(np.uint8)


def webp(quality: int) -> Alteration:
    def alter(picture: Picture) -> Picture:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "WEBP", quality=quality)
        return np.asarray(Image.open(file).convert("L"))

    return alter


ALTERATIONS: dict[str, Alteration] = {
    "jpeg 95": jpeg(95),
    "jpeg 50": jpeg(50),
    "64 px": resized(64),
    "75 px": resized(75),
    "224 px": resized(224),
    "equalised": lambda picture: np.asarray(cv2.equalizeHist(picture)),
    "clahe": clahe,
    "sharpened": sharpened,
    "stretched and sharpened": lambda picture: sharpened(contrast(1.4)(picture)),
    "autocontrast": autocontrast,
    "blurred": lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0)),
    "brighter": lambda picture: np.clip(picture.astype(int) + 40, 0, 255).astype(np.uint8),
    "gamma": lambda picture: (255 * (picture / 255) ** 0.6).astype(np.uint8),
    "cropped 1": cropped(1),
    "cropped 2": cropped(2),
    "cropped 3": cropped(3),
    "shifted": shifted(3, -2),
    "mirrored": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
    "turned by 5": turned(5),
    "turned by -7.5": turned(-7.5),
    "turned by 90": lambda picture: np.ascontiguousarray(np.rot90(picture)),
    "upside down": lambda picture: np.ascontiguousarray(picture[::-1, ::-1]),
    "negative": lambda picture: 255 - picture,
    "bordered": bordered(4),
}


def altered(pictures: npt.NDArray[np.uint8], alter: Alteration) -> npt.NDArray[np.uint8]:
    """uint8 (N, 48, 48) -> the same, each altered."""
    return np.stack([alter(picture) for picture in pictures]).astype(np.uint8)


def has_imagemagick() -> bool:
    """Whether `convert` is here, and ImageMagick's: other programs have that name too."""
    program = shutil.which("convert")
    return (
        program is not None
        and "ImageMagick" in subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
    )


def by_imagemagick(pictures: npt.NDArray[np.uint8], *arguments: str, folder: Path) -> npt.NDArray[np.uint8]:
    """The same by ImageMagick's `convert`, as one tall picture that is cut into pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:05d}.png"), picture)
    subprocess.run(
        ["convert", *(str(path) for path in sorted(folder.glob("*.png"))), *arguments, str(folder / "o_%05d.jpg")],
        check=True,
    )
    return np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.glob("o_*.jpg"))])
