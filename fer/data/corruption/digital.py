"""The digital corruptions of arXiv 1903.12261, section 3.1: contrast, elastic transform, pixelate, JPEG.

Images are float32 (B, C, H, W) in [0, 1].
"""

from typing import Final

import cv2
import numpy as np

from fer.data.corruption.separable import pixelate_matrix, separable, smooth_noise
from fer.data.corruption.streams import Floats, Streams

CONTRAST: Final = (0.75, 0.50, 0.40, 0.30, 0.15)
"""What is left of each deviation from the mean, as in CIFAR-10-C: it does not depend on the size."""

ELASTIC_SHIFT: Final = (0.006, 0.010, 0.013, 0.017, 0.021)
"""Standard deviation of a pixel's shift along each axis, as a fraction of the shorter side.

CIFAR-10-C draws an affine change that weakens with the severity (.08 to .03 of the side) and an elastic one that grows
from nothing (.54 px of 32 at severity 5), so its levels are not in order of distance. Here only the elastic part is
left, which the corruption is named for, and it grows evenly to 1.2 times that, because the affine part is gone."""

ELASTIC_RANGE: Final = 0.045
"""Standard deviation of the Gaussian that smooths the shifts, as a fraction of the shorter side: between .06 and .03 of
CIFAR-10-C's severities 3 and 5, about the width of an eye's opening."""

PIXELATE: Final = (0.925, 0.85, 0.775, 0.675, 0.575)
"""Cells along a side over pixels. What survives depends on how many cells a face has: means of the published levels for
32 px (.95 .9 .85 .75 .65) and 64 px (.9 .8 .7 .6 .5)."""

JPEG_QUALITY: Final = (72, 61, 54, 45, 32)
"""Blocks have 8 pixels whatever the size: means of the published levels for 32 px (80 65 58 50 40) and 64 px
(65 58 50 40 25)."""


def contrast(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Each channel drawn towards its mean."""
    mean_BC11 = x_BCHW.mean(axis=(2, 3), keepdims=True)
    y: Floats = mean_BC11 + np.float32(CONTRAST[severity - 1]) * (x_BCHW - mean_BC11)
    return y


def elastic_transform(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Small regions stretched and squeezed by a smooth random field of shifts."""
    height, width = x_BCHW.shape[2:]
    side = min(height, width)
    shift_B2HW = smooth_noise(rngs, 2, height, width, ELASTIC_RANGE * side) * np.float32(
        ELASTIC_SHIFT[severity - 1] * side
    )
    column_BHW = shift_B2HW[:, 0] + np.arange(width, dtype=np.float32)
    row_BHW = shift_B2HW[:, 1] + np.arange(height, dtype=np.float32)[:, None]
    y = np.empty_like(x_BCHW)
    for image, column_HW, row_HW, bent in zip(x_BCHW, column_BHW, row_BHW, y, strict=True):
        for plane, target in zip(image, bent, strict=True):
            cv2.remap(plane, column_HW, row_HW, cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_REFLECT)
    return y


def pixelate(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Fewer, larger pixels."""
    height, width = x_BCHW.shape[2:]
    rows, columns = (pixelate_matrix(n, max(1, int(n * PIXELATE[severity - 1]))) for n in (height, width))
    return separable(x_BCHW, rows, columns)


def jpeg_compression(x_BCHW: Floats, severity: int, rngs: Streams) -> Floats:
    """Encoded as JPEG and decoded again."""
    images_BHWC = np.ascontiguousarray((255 * x_BCHW + 0.5).astype(np.uint8).transpose(0, 2, 3, 1)[..., ::-1])
    quality = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[severity - 1])
    y = np.empty_like(x_BCHW)
    for image_HWC, decoded in zip(images_BHWC, y, strict=True):
        done, encoded = cv2.imencode(".jpg", image_HWC, quality)
        assert done, image_HWC.shape
        again = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)).reshape(image_HWC.shape)
        decoded[...] = again[..., ::-1].transpose(2, 0, 1)
    return y / np.float32(255)
