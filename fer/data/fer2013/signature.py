"""What is measured of a picture to know it again: signs of its low frequencies, and a few statistics.

A signature is the signs of the lowest `BITS` coefficients of a cosine transform (DCT-II) of the picture's central
40 x 40 pixels, without the mean. Brightness and contrast leave a sign alone; JPEG, equalisation, sharpening and blur
turn few of them, near zero. The window leaves a margin of 4 pixels, so that a copy which was cropped or shifted by
less still holds all of it: the transform is evaluated where the window lies in the copy (`Geometry`). It is linear in
the pixels, so a picture of any size is measured as it is, without resampling.

Two pictures of one data set can be near-duplicates with equal signatures. Those have `FINE_BITS` further ones.

Statistics say what was done to a copy as a whole. A *sketch* of a band of frequencies is the sum of its coefficients
with random signs (Alon, Matias and Szegedy 1996): over many pictures, the mean square of the difference of two sketches
is the energy of the difference of the pictures in that band.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

SIDE: Final = 48
BITS: Final = 144
FINE_BITS: Final = 256
MARGIN: Final = 4

BANDS: Final = ((0.0, 8.0), (8.0, 24.0), (24.0, 68.0))
"""Radial frequencies sqrt(u^2 + v^2) of the sketches, in half periods a picture: coarse, middle, fine."""

SKETCH_STEPS: Final = (96.0, 48.0, 28.0)
"""Sketches are stored in these steps, as int8: four and a half standard deviations of the originals fit."""

_PIXELS: Final = SIDE * SIDE
_BLOCK: Final = 2048


@dataclass(frozen=True)
class Geometry:
    """Where the original's pixel (y, x) lies in a copy of the original's size: at (y - top, x - left) * zoom.

    Attributes:
        top: rows that are missing at the top; negative where the picture was moved down.
        left: columns that are missing at the left.
        zoom: how much larger the picture became.
        mirrored: left and right are exchanged.
        turned: degrees to the left about the middle, before all else is looked at.
        negative: black and white are exchanged.
    """

    top: float = 0.0
    left: float = 0.0
    zoom: float = 1.0
    mirrored: bool = False
    turned: float = 0.0
    negative: bool = False

    @property
    def words(self) -> str:
        """What was done, for a sentence; empty for nothing."""
        done = []
        if self.zoom < 1:
            done.append(f"a border of {-self.top:g} px at every side, made smaller")
        elif self.zoom > 1:
            done.append(f"cropped by {self.top:g} px and enlarged")
        elif self.top or self.left:
            done.append(f"shifted by {abs(self.left):g} px across and {abs(self.top):g} down or up")
        if self.mirrored:
            done.append("mirrored")
        if self.turned:
            # A picture that stands on its head is none that was turned by 180 degrees to one side.
            side = "" if self.turned == 180 else " to the right" if not 0 < self.turned < 180 else " to the left"
            done.append(f"turned by {min(abs(self.turned), 360 - abs(self.turned)):g} degrees{side}")
        if self.negative:
            done.append("black and white exchanged")
        return ", ".join(done)


IDENTITY: Final = Geometry()


def crop(pixels: float, *, mirrored: bool = False) -> Geometry:
    """`pixels` cut off at every side, the rest enlarged to the old size."""
    return Geometry(pixels, pixels, SIDE / (SIDE - 2 * pixels), mirrored)


def coefficients(
    images_NHW: npt.NDArray[np.uint8], *, geometry: Geometry = IDENTITY, count: int = BITS
) -> npt.NDArray[np.float32]:
    """float32 (N, count): the window's lowest coefficients, each divided by its usual size (that of a 1 / f spectrum).

    Args:
        images_NHW: square grey pictures of any one size.
        geometry: what was done to them.
        count: how many, at most `BITS + FINE_BITS`.
    """
    size = images_NHW.shape[1]
    scale = geometry.zoom * size / SIDE
    uv = _order()[:count]
    waves = int(uv.max()) + 1
    down_KH = _cosines(waves, size, low=(MARGIN - geometry.top) * scale, width=(SIDE - 2 * MARGIN) * scale)
    across_KW = _cosines(waves, size, low=(MARGIN - geometry.left) * scale, width=(SIDE - 2 * MARGIN) * scale)
    usual = 1 / np.hypot(*uv.T.astype(np.float32))
    signs = np.where(uv[:, 1] % 2 == 1, -1, 1) if geometry.mirrored else np.ones(count)
    if geometry.mirrored:
        # Where the mirrored picture's window lies.
        across_KW = _cosines(
            waves, size, low=size - (SIDE - MARGIN - geometry.left) * scale, width=(SIDE - 2 * MARGIN) * scale
        )
    out = np.empty((len(images_NHW), count), np.float32)
    for start in range(0, len(images_NHW), _BLOCK):
        block = _turned_back(images_NHW[start : start + _BLOCK], geometry.turned).astype(np.float32)
        both_NKK = np.matmul(down_KH, block @ across_KW.T)
        out[start : start + _BLOCK] = both_NKK[:, uv[:, 0], uv[:, 1]]
    if geometry.negative:
        signs = -signs
    scaled: npt.NDArray[np.float32] = out * (signs / usual).astype(np.float32)
    return scaled


def _turned_back(images_NHW: npt.NDArray[np.uint8], degrees: float) -> npt.NDArray[np.uint8]:
    """The pictures as they were before they were turned to the left; what is then unknown repeats the edge."""
    if degrees % 90 == 0:
        return np.rot90(images_NHW, -round(degrees / 90), axes=(1, 2)) if degrees else images_NHW
    import cv2

    height, width = images_NHW.shape[1:]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
    return np.stack(
        [
            cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            for image in images_NHW
        ]
    )


def packed_signs(coefficients_NK: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """uint8 (N, K / 8): bit 1 where a coefficient is not negative."""
    return np.packbits(coefficients_NK >= 0, axis=1)


def unpacked_signs(packed_NB: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """int8 (N, 8 B): 1 and -1."""
    bits = np.unpackbits(packed_NB, axis=1).astype(np.int8)
    signs: npt.NDArray[np.int8] = 2 * bits - 1
    return signs


def sketches(images_NHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """float32 (N, 3): each band's sketch of 48 x 48 pictures, in grey levels times pixels (orthonormal DCT)."""
    weights = _sketch_weights()
    return np.concatenate(
        [
            images_NHW[start : start + _BLOCK].reshape(-1, _PIXELS).astype(np.float32) @ weights
            for start in range(0, len(images_NHW), _BLOCK)
        ]
    )


def frequencies_of_bands() -> npt.NDArray[np.int64]:
    """int64 (3,): how many frequencies each band's sketch adds up."""
    wave = np.arange(SIDE)
    radius = np.hypot(wave[:, None], wave)
    return np.array([((radius > low) & (radius <= high)).sum() for low, high in BANDS])


def means_and_stds(images_NHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """float32 (N, 2), in grey levels."""
    flat = images_NHW.reshape(len(images_NHW), -1)
    stats = [
        np.stack([block.mean(axis=1), block.std(axis=1)], axis=1)
        for block in (flat[start : start + _BLOCK].astype(np.float32) for start in range(0, len(flat), _BLOCK))
    ]
    return np.concatenate(stats)


@lru_cache(maxsize=1)
def _order() -> npt.NDArray[np.int64]:
    """int64 (BITS + FINE_BITS, 2): frequencies (down, across), the lowest first, without the mean."""
    waves = range(32)
    pairs = sorted((u * u + v * v, u, v) for u in waves for v in waves if u + v > 0)
    return np.array([(u, v) for _, u, v in pairs[: BITS + FINE_BITS]])


def _cosines(waves: int, size: int, *, low: float, width: float) -> npt.NDArray[np.float32]:
    """float32 (waves, size): each cosine over [low, low + width), integrated over every pixel."""
    edge = (np.clip(np.arange(size + 1), low, low + width) - low) / width
    angle = np.pi * np.arange(1, waves)[:, None]
    return np.concatenate([np.diff(edge)[None], np.diff(np.sqrt(2) * np.sin(angle * edge) / angle, axis=1)]).astype(
        np.float32
    )


@lru_cache(maxsize=1)
def _sketch_weights() -> npt.NDArray[np.float32]:
    """float32 (48 * 48, 3): what each pixel adds to each sketch."""
    wave = np.arange(SIDE)
    dct = np.sqrt(2 / SIDE) * np.cos(np.pi * wave[:, None] * (wave + 0.5) / SIDE)
    dct[0] /= np.sqrt(2)
    # Fixed here and not drawn: generators may change between versions. A quadratic residue sequence looks random.
    index = np.arange(_PIXELS, dtype=np.int64)
    signs = np.where((index * index * index + 7 * index) % 10_007 % 2 == 0, 1.0, -1.0).reshape(SIDE, SIDE)
    radius = np.hypot(wave[:, None], wave)
    columns = []
    for low, high in BANDS:
        chosen = np.where((radius > low) & (radius <= high), signs, 0.0)
        columns.append((dct.T @ chosen @ dct).reshape(-1))
    return np.stack(columns, axis=1).astype(np.float32)
