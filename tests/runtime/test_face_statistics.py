"""Brightness and sharpness of faces."""

import cv2
import numpy as np
import pytest

from fer.runtime.statistics import brightness, sharpness

FACES = np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)


def test_brightness_is_the_share_of_white() -> None:
    levels = np.stack([np.full((48, 48), level, np.uint8) for level in (0, 51, 255)])
    np.testing.assert_allclose(brightness(levels), [0, 0.2, 1])


def test_sharpness_is_the_standard_deviation_of_opencvs_laplacian() -> None:
    expected = [cv2.Laplacian(face, cv2.CV_64F)[1:-1, 1:-1].std() / 255 for face in FACES]
    np.testing.assert_allclose(sharpness(FACES), expected)


def test_blur_lowers_sharpness_and_light_does_not_change_it() -> None:
    blurred = np.stack([cv2.GaussianBlur(face, (5, 5), 1.5) for face in FACES])
    assert (sharpness(blurred) < sharpness(FACES) / 2).all()
    dim = FACES // 2
    np.testing.assert_allclose(sharpness(dim + 100), sharpness(dim))
    assert sharpness(np.full((1, 48, 48), 200, np.uint8)) == pytest.approx(0)
