"""Faces are cut as FER-2013 cuts them: place, size, turn, grey."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fer.runtime.framing import BLAZEFACE, HAAR, YUNET, BoxFraming, Frame, Landmarks, cut, frame_from_landmarks


def texture(size: int, *, seed: int = 0) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 1, (size, size)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), size / 16)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def test_a_frame_of_the_models_size_changes_nothing() -> None:
    picture = texture(200)
    assert (cut(picture, Frame(100, 80, 48), size=48) == picture[56:104, 76:124]).all()


@pytest.mark.parametrize("side", [30, 48, 60, 80, 96, 131, 300, 700])
@pytest.mark.parametrize("roll", [0.0, 17.0, -40.0])
def test_a_pasted_face_comes_back(side: int, roll: float) -> None:
    face = texture(48, seed=1)
    turn, scale, middle = np.deg2rad(roll), side / 48, 23.5
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    x, y = 511.3, 480.8
    matrix = np.array([[cos, -sin, x - 0.5 - middle * (cos - sin)], [sin, cos, y - 0.5 - middle * (sin + cos)]])
    flags = cv2.INTER_CUBIC if side >= 48 else cv2.INTER_AREA
    picture = cv2.warpAffine(face, matrix, (1024, 960), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    back = cut(picture, Frame(x, y, side, roll), size=48)
    assert back.shape == (48, 48)
    # A shift of half a pixel of the face would cost 2 grey levels and more.
    assert np.abs(back.astype(int) - face)[2:-2, 2:-2].mean() < (1.2 if side >= 48 else 1.6)


def test_large_faces_are_averaged_not_sampled() -> None:
    picture = np.indices((960, 960)).sum(axis=0).astype(np.uint8) % 2 * 255
    assert np.abs(cut(picture.astype(np.uint8), Frame(480, 480, 480), size=48).astype(int) - 127.5).max() < 8


def test_beyond_the_picture_its_border_goes_on() -> None:
    picture = np.full((60, 80), 90, np.uint8)
    assert (cut(picture, Frame(0, 0, 70), size=48) == 90).all()
    assert (cut(picture, Frame(80, 60, 300), size=48) == 90).all()


def test_contrast_is_left_as_it_is() -> None:
    dull = (100 + texture(48, seed=2) * 0.25).astype(np.uint8)
    assert (cut(np.pad(dull, 50, mode="edge"), Frame(74, 74, 48), size=48) == dull).all()


def test_colour_becomes_luma() -> None:
    blue = np.zeros((100, 100, 3), np.uint8)
    blue[..., 0] = 255
    assert (cut(blue, Frame(50, 50, 60), size=48) == 29).all()


def test_a_box_and_its_frame() -> None:
    assert BoxFraming(scale=1.2, right=0.1, down=-0.05).frame((10, 20, 100, 100)) == Frame(70, 65, 120)
    assert 0.9 < HAAR.scale < 1.3


@pytest.mark.parametrize("landmarks", [YUNET, BLAZEFACE])
@pytest.mark.parametrize("roll", [-130.0, -30.0, 0.0, 12.5])
def test_landmarks_give_the_frame_that_they_came_from(roll: float, landmarks: Landmarks) -> None:
    turn = np.deg2rad(roll)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points_N2 = (np.array(landmarks) - 0.5) @ rotation.T * 130 + (310.0, 220.0)
    frame = frame_from_landmarks(points_N2, landmarks=landmarks)
    assert (frame.x, frame.y, frame.side, frame.roll) == pytest.approx((310, 220, 130, roll), abs=1e-6)
