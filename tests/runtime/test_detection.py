"""Detectors: what they find, in what order, and what they refuse."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.fake_yunet import SIDE, write_fake_yunet

from fer.common.errors import ConfigError, DataError
from fer.data.synthetic.source import render_face
from fer.runtime.detection.detector import inside
from fer.runtime.detection.haar import HaarDetector
from fer.runtime.detection.opening import open_detector


@pytest.fixture(scope="module")
def group() -> npt.NDArray[np.uint8]:
    """A large and a small synthetic face, side by side; grey (400, 700)."""
    picture = np.full((400, 700), 128, np.uint8)
    picture[150:350, 30:230] = render_face(3, "happy", size=200, zoom=0.7).image
    picture[20:380, 300:660] = render_face(5, "neutral", size=360, zoom=0.7).image
    return picture


def test_haar_finds_synthetic_faces_largest_first(group: npt.NDArray[np.uint8]) -> None:
    large, small = HaarDetector().faces(group)
    for (x, y, w, h), (left, top, size) in zip((large, small), ((300, 20, 360), (30, 150, 200)), strict=True):
        assert w * h > 0.15 * size**2
        assert left < x
        assert top < y
        assert x + w < left + size
        assert y + h < top + size


def test_colour_and_grey_give_the_same_boxes(group: npt.NDArray[np.uint8]) -> None:
    detector = HaarDetector()
    assert detector.faces(np.repeat(group[..., None], 3, axis=2)) == detector.faces(group)


def test_a_reduced_search_gives_boxes_of_the_whole_picture(group: npt.NDArray[np.uint8]) -> None:
    fine, coarse = HaarDetector(longest=700).faces(group), HaarDetector(longest=320).faces(group)
    assert len(coarse) == 2
    assert np.abs(np.array(fine) - np.array(coarse)).max() < 20


def test_no_face_is_an_empty_list() -> None:
    for shape in ((1, 1), (10, 300), (200, 200, 3)):
        assert HaarDetector().detect(np.full(shape, 128, np.uint8)) == []


def test_none_takes_the_middle_square() -> None:
    detector = open_detector("none")
    assert detector.faces(np.zeros((48, 48), np.uint8)) == [(0, 0, 48, 48)]
    (found,) = detector.detect(np.zeros((100, 60, 3), np.uint8))
    assert found.box == (0, 20, 60, 60)
    assert (found.frame.x, found.frame.y, found.frame.side) == (30, 50, 60)


def test_boxes_are_kept_inside_the_picture() -> None:
    assert inside((-10.0, 5.4, 30.0, 100.0), width=50, height=40) == (0, 5, 20, 35)
    assert inside((60.0, 5.0, 30.0, 10.0), width=50, height=40) is None


@pytest.mark.parametrize(
    ("name", "model", "words"),
    [
        ("harr", None, "expected one of auto, yunet, blazeface, haar, none"),
        ("haar", Path("y.onnx"), "only --detector yunet"),
        ("auto", Path("y.onnx"), "only --detector yunet"),
    ],
)
def test_a_wrong_choice_is_told(name: str, model: Path | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        open_detector(name, model=model)


def test_yunet_boxes_frames_and_order(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    detector = open_detector("yunet", model=write_fake_yunet(tmp_path / "y.onnx"))
    picture = np.zeros((480, 640), np.uint8)
    picture[160:168, 320:328] = 255
    (found,) = detector.detect(picture)
    half = round(SIDE / 2)
    assert found.box == (324 - half, 164 - half, 64, 64)
    # The eyes are three cells apart and upright: 24 pixels, 0.388 of the frame's side by FER-2013's measure.
    assert found.frame.roll == pytest.approx(0.0, abs=1e-3)
    assert 45 < found.frame.side < 75
    assert found.frame.x == pytest.approx(324, abs=0.1)


def test_yunet_scales_back_from_its_reduced_copy(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    detector = open_detector("yunet", model=write_fake_yunet(tmp_path / "y.onnx"))
    picture = np.zeros((960, 1280, 3), np.uint8)
    picture[320:336, 640:656] = 255
    assert detector.faces(picture) == [(584, 264, 128, 128)]
    assert detector.faces(np.zeros((96, 96), np.uint8)) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:8f23\nsize 232589\n", "Git LFS pointer"),
        (b"not a network", "sha256 .* is not a YuNet file"),
        (b"", "is not a YuNet file"),
    ],
)
def test_yunet_refuses_other_files(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "y.onnx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        open_detector("yunet", model=path)


def test_yunet_refuses_a_missing_file_and_another_network(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        open_detector("yunet", model=tmp_path / "gone.onnx")
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(write_fake_yunet(tmp_path / "y.onnx")))
    del model.graph.output[1:]
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(DataError, match="is not a YuNet file"):
        open_detector("yunet", model=tmp_path / "other.onnx")
