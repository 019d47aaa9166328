"""Detectors: what they find, in what order, and what they refuse."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from support.fake_yunet import SIDE, write_fake_yunet

from fer.common.errors import ConfigError, DataError
from fer.data.synthetic.source import render_face
from fer.runtime.detection.detector import MOST_PARTS, Detection, Detector, in_parts, inside
from fer.runtime.detection.haar import HaarDetector
from fer.runtime.detection.opening import open_detector
from fer.runtime.detection.single import yunet_detector
from fer.runtime.framing import cut

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["haar", "yunet", "auto"])
def test_a_panorama_has_all_its_faces(turned: bool, kind: str) -> None:
    """8,000 x 600 pixels: reduced as a whole its faces would be 19 pixels high."""
    detector: Detector = open_detector(kind)
    lefts = (10, 1000, 2345, 4000, 5500, 7740)
    picture = np.full((8000, 600) if turned else (600, 8000), 120, np.uint8)
    for number, left in enumerate(lefts):
        face = render_face(number + 3, "happy", size=240, zoom=0.7).image
        place = np.s_[left : left + 240, 180:420] if turned else np.s_[180:420, left : left + 240]
        picture[place] = face
    found = detector.detect(picture)
    assert len(found) == len(lefts)
    starts = sorted(each.box[1 if turned else 0] for each in found)
    for start, left in zip(starts, lefts, strict=True):
        assert left < start < left + 100
    for each in found:
        x, y, width, height = each.box
        assert x < each.frame.x < x + width
        assert y < each.frame.y < y + height


def test_parts_overlap_so_that_no_face_is_cut_in_all_of_them() -> None:
    """Whatever the lengths: each square as high as the picture lies in one part as a whole."""
    for width, high in ((201, 100), (250, 100), (299, 100), (300, 100), (301, 100), (999, 100), (1000, 100), (9999, 3)):
        seen: list[tuple[int, int]] = []

        def search(part: npt.NDArray[np.uint8], /, *, again: bool) -> list[Detection]:
            seen.append((int(part[0, 0]), part.shape[1]))  # noqa: B023
            return []

        columns = np.broadcast_to(np.arange(width, dtype=np.uint16), (high, width))
        in_parts(columns, search)  # type: ignore[arg-type]
        assert len(seen) <= MOST_PARTS
        for left in range(width - high + 1):
            assert any(start <= left and left + high <= start + wide for start, wide in seen), (width, left)


@pytest.mark.parametrize(("length", "parts", "again"), [(900, 8, True), (901, 9, False), (4900, 48, False)])
def test_a_long_picture_is_looked_at_once(length: int, parts: int, again: bool) -> None:
    looks: list[bool] = []

    def search(part: npt.NDArray[np.uint8], /, *, again: bool) -> list[Detection]:
        looks.append(again)
        assert part.shape == (200, 100)
        return []

    in_parts(np.zeros((length, 100), np.uint8), search)
    assert looks == [again] * parts


def test_what_is_no_number_is_no_face(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    write_fake_yunet(path)
    detector = yunet_detector(path)
    good = [4, 5, 20, 20, 9, 10, 17, 10, 13, 14, 10, 20, 16, 20, 0.95]
    rows = np.array([good, good, good, good], np.float32)
    rows[0, 2], rows[1, 5], rows[2, 4:14] = np.inf, np.nan, np.linspace(0, 1e30, 10)

    class Net:
        def setScoreThreshold(self, least: float) -> None: ...

        def setInputSize(self, size: tuple[int, int]) -> None: ...

        def detect(self, image: npt.NDArray[np.uint8]) -> tuple[int, npt.NDArray[np.float32]]:
            return 1, rows

    monkeypatch.setattr(detector._net, "_net", Net())  # type: ignore[attr-defined]
    assert detector.faces(np.zeros((40, 40, 3), np.uint8)) == [(4, 5, 20, 20)]


@pytest.fixture(scope="module")
def real_yunet() -> Path:
    path = ROOT.parent / "shared" / "data" / "models" / "face_detection_yunet_2023mar.onnx"
    if not path.is_file():
        pytest.skip("YuNet's file is not here")
    return path


@pytest.mark.slow
def test_yunet_survives_pictures_of_every_small_size(real_yunet: Path) -> None:
    detector = yunet_detector(real_yunet)
    face = render_face(3, "happy", size=200, zoom=0.8).image
    for height in range(1, 100, 4):
        for width in (1, 2, 17, 32, 64, 85, 100):
            for found in detector.detect(cv2.resize(face, (width, height))):
                assert cut(face, found.frame, size=48).shape == (48, 48)
