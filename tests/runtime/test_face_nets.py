"""The networks of the package: what they find, checked against OpenCV's own reading of the same file."""

import hashlib
import os
import runpy
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import load_sample_image

from fer.common.errors import DataError
from fer.data.synthetic.source import render_face
from fer.runtime.detection import nets
from fer.runtime.detection.auto import AutoDetector
from fer.runtime.detection.blazeface import BlazeFace
from fer.runtime.detection.candidate import Candidate, detections, similarity, without_doubles
from fer.runtime.detection.opening import open_detector
from fer.runtime.detection.second_opinion import LEAST, SecondOpinion
from fer.runtime.detection.transforms import brightened, cut_upright, turned_whole
from fer.runtime.detection.yunet import YuNet, candidates_of
from fer.runtime.detection.yunet_file import YuNetFile
from fer.runtime.framing import YUNET

Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def auto() -> AutoDetector:
    return AutoDetector()


@pytest.fixture(scope="module")
def face() -> Image:
    """A synthetic face, BGR (360, 360); head from 80 to 290 across and from 20 to 290 down."""
    return cv2.cvtColor(render_face(5, "neutral", size=360, zoom=0.7).image, cv2.COLOR_GRAY2BGR)


def centre(box: tuple[float, float, float, float]) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def test_yunet_is_decoded_as_opencv_decodes_it(face: Image) -> None:
    """The same file through OpenCV's network and its own decoding, at a size that is no multiple of 32."""
    picture = np.full((390, 500, 3), 90, np.uint8)
    picture[10:370, 70:430] = face
    theirs = YuNetFile(nets.FOLDER / "yunet.onnx").candidates(picture, least=0.6)
    ours = YuNet().candidates(picture, least=0.6)
    assert len(ours) == len(theirs) == 1
    assert ours[0].score == pytest.approx(theirs[0].score, abs=1e-3)
    assert ours[0].box == pytest.approx(theirs[0].box, abs=0.1)
    assert ours[0].points == pytest.approx(theirs[0].points, abs=0.1)


def test_both_networks_see_the_same_face_in_the_same_place(face: Image) -> None:
    (small,), (large,) = YuNet().candidates(face, least=0.6), BlazeFace().candidates(face, least=0.6)
    assert centre(small.box) == pytest.approx((181, 175), abs=15)
    assert centre(large.box) == pytest.approx(centre(small.box), abs=25)
    # Eyes, and the middle of the mouth.
    assert large.points[:2] == pytest.approx(small.points[:2], abs=15)
    assert large.points[2] == pytest.approx(small.points[2:].mean(axis=0), abs=15)
    (one,), (other,) = (detections([candidate], width=360, height=360) for candidate in (small, large))
    assert other.frame.side == pytest.approx(one.frame.side, rel=0.15)


def test_blazeface_in_a_long_picture_is_not_distorted(face: Image) -> None:
    picture = np.full((360, 700, 3), 90, np.uint8)
    picture[:, 300:660] = face
    (found,), (alone,) = BlazeFace().candidates(picture, least=0.6), BlazeFace().candidates(face, least=0.6)
    assert centre(found.box) == pytest.approx(np.add(centre(alone.box), (300, 0)), abs=20)
    assert found.box[2] == pytest.approx(found.box[3], rel=0.02)
    assert found.box[2] == pytest.approx(alone.box[2], rel=0.25)


@pytest.mark.parametrize("degrees", [20, -45, 45, 90])
def test_auto_finds_turned_heads_and_their_turn(auto: AutoDetector, face: Image, degrees: int) -> None:
    picture, back = turned_whole(face, degrees)
    (found,) = auto.detect(picture)
    assert found.frame.roll == pytest.approx(degrees, abs=8)
    upright = auto.detect(face)[0].frame
    assert tuple(back @ (found.frame.x, found.frame.y, 1.0)) == pytest.approx((upright.x, upright.y), abs=20)
    assert found.frame.side == pytest.approx(upright.side, rel=0.15)


def test_auto_finds_dark_hidden_and_small_faces(auto: AutoDetector, face: Image) -> None:
    rng = np.random.default_rng(0)
    dark = (face * 0.06 + rng.normal(0, 1.5, face.shape)).clip(0, 255).astype(np.uint8)
    hidden = face.copy()
    hidden[190:] = 127
    for picture in (dark, hidden):
        (box,) = auto.faces(picture)
        assert centre(box) == pytest.approx((181, 165), abs=45)
    small = np.full((480, 640, 3), 100, np.uint8)
    small[200:252, 400:452] = cv2.resize(face, (52, 52), interpolation=cv2.INTER_AREA)
    (box,) = auto.faces(small)
    assert centre(box) == pytest.approx((426, 225), abs=6)
    assert 20 < box[2] < 40


def test_what_looks_like_a_face_at_a_glance_is_none_on_a_closer_look(auto: AutoDetector, face: Image) -> None:
    """In this part of the flower that scikit-learn ships, BlazeFace sees a face, in its mirror image too."""
    part = cv2.resize(load_sample_image("flower.jpg")[64:415, 157:508, ::-1], (640, 640))
    blazeface, yunet = BlazeFace(), YuNet()
    opinion = SecondOpinion(blazeface, yunet)
    (seen,) = blazeface.candidates(part, least=0.5)
    assert opinion.score(part, seen) < LEAST
    assert auto.detect(part) == []
    hidden = face.copy()
    hidden[190:] = 127
    for picture in (face, hidden, (face * 0.06).astype(np.uint8), turned_whole(face, 45)[0]):
        (one,) = blazeface.candidates(picture, least=0.5)
        assert opinion.score(picture, one) > LEAST + 0.1


@pytest.mark.parametrize("degrees", [0, 30, -90])
@pytest.mark.parametrize("size", [360, 1200])
def test_a_candidate_is_cut_out_upright(face: Image, degrees: float, size: int) -> None:
    picture, _ = turned_whole(cv2.resize(face, (size, size)), degrees)
    (one,) = YuNet().candidates(face, least=0.6)
    back = similarity(degrees=degrees, scale=size / 360)
    back[:, 2] = np.array(picture.shape[1::-1]) / 2 - back[:, :2] @ (180, 180)
    whole = cut_upright(picture, one.moved(back), margin=1.6, side=128)
    x, y, width, height = one.box
    side = 1.6 * max(width, height)
    left, top = x + (width - side) / 2, y + (height - side) / 2
    by_hand = face[round(top) : round(top + side), round(left) : round(left + side)]
    expected = cv2.resize(by_hand, (128, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(whole.astype(float) - expected).mean() < 5.0


def test_auto_finds_every_face_of_a_group_once_largest_first(auto: AutoDetector, face: Image) -> None:
    picture = np.full((480, 640, 3), 128, np.uint8)
    places = ((20, 20, 300), (340, 40, 160), (360, 260, 120), (520, 300, 80))
    for left, top, side in places:
        picture[top : top + side, left : left + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    boxes = auto.faces(picture)
    assert len(boxes) == len(places)
    for box, (left, top, side) in zip(boxes, places, strict=True):
        assert centre(box) == pytest.approx((left + side / 2, top + side / 2), abs=0.12 * side)


def test_auto_gives_places_in_the_whole_picture_and_the_same_for_grey(auto: AutoDetector, face: Image) -> None:
    large = cv2.resize(face, (1440, 1440), interpolation=cv2.INTER_LINEAR)
    assert np.array(auto.faces(large)) == pytest.approx(4 * np.array(auto.faces(face)), abs=40)
    assert auto.faces(face[..., 0].copy()) == auto.faces(face)


def test_live_looks_once_and_still_finds_a_turned_head(face: Image) -> None:
    live = open_detector("auto", live=True)
    (found,) = live.detect(turned_whole(face, 45)[0])
    assert found.frame.roll == pytest.approx(45, abs=8)


@pytest.mark.parametrize("name", ["auto", "yunet", "blazeface"])
def test_no_face_is_an_empty_list(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    detector = open_detector(name)
    for shape in ((1, 1), (10, 300), (31, 33, 3), (200, 200, 3), (2, 3000)):
        assert detector.detect(np.full(shape, 128, np.uint8)) == []
    rng = np.random.default_rng(0)
    for _ in range(3):
        assert detector.detect(rng.integers(0, 256, (120, 160, 3)).astype(np.uint8)) == []


def test_rows_that_are_not_finite_are_dropped() -> None:
    row = np.array([10, 10, 40, 50, 20, 25, 40, 25, 30, 35, 22, 45, 38, 45, 0.9], np.float32)
    rows = np.tile(row, (4, 1))
    rows[0, 2], rows[1, 13], rows[2, 14] = np.inf, np.nan, -np.inf
    (found,) = candidates_of(rows)
    assert found.box == (10, 10, 40, 50)
    assert found.points.tolist() == [[20, 25], [40, 25], [22, 45], [38, 45]]
    # Finite, and still out of all proportion: such a frame would ask for terabytes.
    rows[3, 4:14] *= 1e6
    assert detections(candidates_of(rows), width=100, height=100) == []


def candidate(x: float, y: float, side: float, score: float) -> Candidate:
    return Candidate((x, y, side, side), score, np.array(YUNET) * side + (x, y), YUNET)


def test_of_boxes_on_one_face_the_best_is_kept() -> None:
    face, shifted = candidate(0, 0, 100, 0.9), candidate(20, 0, 100, 0.8)
    mouth, neighbour = candidate(30, 60, 30, 0.7), candidate(80, 80, 100, 0.6)
    assert [one.score for one in without_doubles([neighbour, mouth, shifted, face])] == [0.9, 0.6]


@pytest.mark.parametrize("degrees", [90, -90, 180, 45, -45])
def test_a_turned_picture_leads_back(degrees: int) -> None:
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[20:24, 70:74] = 255
    turned, back = turned_whole(picture, degrees)
    rows, columns = np.nonzero(turned[..., 0] > 127)
    middle = (columns.mean() + 0.5, rows.mean() + 0.5)
    assert tuple(back @ (*middle, 1.0)) == pytest.approx((72, 22), abs=0.3)
    moved = candidate(10, 20, 30, 1.0).moved(back)
    assert moved.box[2:] == pytest.approx((30, 30))
    assert np.linalg.norm(moved.points[1] - moved.points[0]) == pytest.approx(30 * (YUNET[1][0] - YUNET[0][0]))


def test_a_scaled_candidate() -> None:
    moved = candidate(10, 20, 30, 0.5).moved(similarity(scale=2.0))
    assert moved.box == pytest.approx((20, 40, 60, 60))
    assert (moved.score, moved.landmarks) == (0.5, YUNET)


def test_only_dark_pictures_are_brightened() -> None:
    dark = np.full((20, 20, 3), 25, np.uint8)
    bright = brightened(dark)
    assert bright is not None
    assert (bright == 255).all()
    assert brightened(np.full((20, 20, 3), 220, np.uint8)) is None


def test_a_changed_or_missing_network_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nets, "FOLDER", tmp_path)
    with pytest.raises(DataError, match=r"blazeface\.onnx cannot be read .* install again"):
        BlazeFace()
    (tmp_path / "blazeface.onnx").write_bytes(b"x")
    with pytest.raises(DataError, match="was changed: install again"):
        BlazeFace()


def test_networks_are_small_and_have_their_licences_beside_them() -> None:
    folder = Path(nets.__file__).parent
    for line in nets.HASHES.read_text(encoding="utf-8").splitlines():
        digest, name = line.split()
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert len(content) < 2**19
    assert "Apache License" in (folder / "blazeface.LICENCE.txt").read_text(encoding="utf-8")
    assert "3-clause BSD" in (folder / "yunet.LICENCE.txt").read_text(encoding="utf-8")
    assert sorted(path.stem for path in folder.glob("*.onnx")) == ["blazeface", "yunet"]


@pytest.mark.realdata
def test_the_packages_yunet_is_opencvs_up_to_rounding(face: Image) -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "models" / "face_detection_yunet_2023mar.onnx"
    path = Path(os.environ.get("FER_YUNET", path))
    if not path.is_file():
        pytest.skip("OpenCV's file is not here (set FER_YUNET to it)")
    (theirs,), (ours,) = YuNetFile(path).candidates(face, least=0.6), YuNet().candidates(face, least=0.6)
    assert ours.score == pytest.approx(theirs.score, abs=0.01)
    assert ours.box == pytest.approx(theirs.box, abs=3)
    assert ours.points == pytest.approx(theirs.points, abs=2)


def test_yunet_takes_the_fetched_file_before_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    open_detector("yunet")
    (tmp_path / "face_detection_yunet_2023mar.onnx").write_bytes(b"not a network")
    with pytest.raises(DataError, match="is not a YuNet file"):
        open_detector("yunet")


@pytest.fixture(scope="module")
def photographs() -> Path:
    """Tight photographs of faces; the test skips where they are not there."""
    beside = Path(__file__).parents[3] / "shared" / "data" / "photos" / "photos.zip"
    path = Path(os.environ.get("FER_PHOTOS", beside))
    if not path.is_file():
        pytest.skip("the photographs are not here (set FER_PHOTOS to a zip of tight photographs of faces)")
    return path


@pytest.mark.realdata
@pytest.mark.slow
def test_faces_of_photographs_are_found(photographs: Path, auto: AutoDetector) -> None:
    """Every 20th photograph, each condition: floors some points below the table of docs/how-to/deploy.md."""
    script = Path(__file__).parents[2] / "scripts" / "measure_detection.py"
    measure = SimpleNamespace(**runpy.run_path(str(script)))
    images = list(measure.read(photographs))[::20]
    squares = [measure.where(image) for image in images]
    floors = {"plain": 97, "turned 20": 95, "turned 45": 95, "30 px": 82, "dark": 93, "lower half": 87}
    for condition, floor in floors.items():
        found, beside = measure.score(auto, measure.cases(condition, images, squares)).rstrip(")").split(" (")
        assert float(found) >= floor, condition
        assert float(beside) <= 3, condition
