"""Videos as people read them: a row a face and second, steady numbers, an annotated film and a timeline."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fer.common.labels import EMOTIONS
from fer.data.synthetic.source import render_face
from fer.runtime.detection.detector import Detection
from fer.runtime.framing import Box, Frame, Image
from fer.runtime.predict.command import main
from fer.runtime.predict.seconds import PerSecond
from fer.runtime.predict.timeline import PANELS, Timeline
from fer.runtime.predict.video_source import open_video
from fer.runtime.record import Face, judged
from fer.runtime.video import REMEMBERED, FaceTracker

RATE = 10


class Unsure:
    """A model of which no face is asked about."""

    labels = EMOTIONS
    size = 48
    uncertain_below = 0.5
    prior = None

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.full((len(faces), 7), 1 / 7, np.float32)


class Shown:
    """Finds what a script says, one list a picture."""

    name = "shown"

    def __init__(self, script: list[list[Box]]) -> None:
        self._script = iter(script)

    def detect(self, image: Image) -> list[Detection]:
        return [Detection((x, y, w, h), Frame(x + w / 2, y + h / 2, float(w))) for x, y, w, h in next(self._script)]

    def faces(self, image: Image) -> list[Box]:
        return [found.box for found in self.detect(image)]


def record(track: int, shares: list[float], seconds: float, *, frame: int = 0) -> Face:
    return judged(
        np.array(shares), labels=EMOTIONS, uncertain_below=0.5, source="film", face=track, track=track,
        box=(0, 0, 9, 9), frame=frame, seconds=seconds,
    )  # fmt: skip


HAPPY = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
SAD = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def test_a_second_is_the_mean_of_its_frames() -> None:
    rows = PerSecond(Unsure())
    assert rows.add([record(0, HAPPY, 0.0)]) == []
    assert rows.add([record(0, HAPPY, 0.4), record(1, SAD, 0.4, frame=4)]) == []
    assert rows.add([record(0, HAPPY, 0.6)]) == []
    assert rows.add([record(0, SAD, 0.9)]) == []
    ((first, second),) = rows.add([Face(source="film", status="no_face", seconds=1.0)])
    assert first.probabilities is not None
    assert first.probabilities["happy"] == 0.75
    assert (first.label, first.track, first.seconds, first.uncertain) == ("happy", 0, 0.0, False)
    assert (second.label, second.track, second.seconds, second.frame) == ("sad", 1, 0.4, 4)
    assert [[face.status for face in faces] for faces in rows.end()] == [["no_face"]]
    assert rows.end() == []


def test_a_second_with_a_face_in_one_frame_has_a_row_for_it_alone() -> None:
    rows = PerSecond(Unsure())
    rows.add([Face(source="film", status="no_face", seconds=0.0)])
    rows.add([record(3, SAD, 0.5)])
    assert [[face.track for face in faces] for faces in rows.end()] == [[3]]


BOX = (100, 60, 80, 80)


@pytest.mark.parametrize(("away", "number"), [(0.5, 0), (REMEMBERED + 1.0, 1)])
def test_a_face_that_was_covered_for_a_moment_keeps_its_number(away: float, number: int) -> None:
    portrait = cv2.resize(render_face(3, "happy", size=160, zoom=0.7).image, (80, 80))
    bright = np.tile(np.linspace(60, 180, 320), (240, 1)).astype(np.uint8)
    there = bright.copy()
    there[60:140, 100:180] = portrait
    frames = [there] * 5 + [np.zeros_like(bright)] * round(away * RATE) + [there] * 5
    script = [[BOX] if frame is there else [] for frame in frames]
    tracker = FaceTracker(Unsure(), Shown(script), every=1, patience=1)
    seen = [tracker.frame(frame, seconds=step / RATE)[0] for step, frame in enumerate(frames)]
    assert (seen[0].face, seen[0].track) == (0, 0)
    assert any(face.status == "no_face" for face in seen[5:-5])
    assert (seen[-1].face, seen[-1].track) == (number, number)


def test_landmarks_keep_a_face_whose_box_jumps() -> None:
    """A hat or a hand makes the box another one; eyes and mouth stay."""

    class Jumping(Shown):
        def detect(self, image: Image) -> list[Detection]:
            return [Detection(box, Frame(140, 100, 80)) for box in next(self._script)]

    picture = np.tile(np.linspace(60, 180, 320), (240, 1)).astype(np.uint8)
    tracker = FaceTracker(Unsure(), Jumping([[BOX], [(130, 20, 150, 200)]]), every=1)
    numbers = [tracker.frame(picture, seconds=step / RATE)[0].track for step in range(2)]
    assert numbers == [0, 0]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds: one face, moving, and a second one for the last second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    one, two = (render_face(seed, "happy", size=160, zoom=0.7).image for seed in (3, 5))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (480, 240))
    for step in range(3 * RATE):
        frame = np.full((240, 480), 128, np.uint8)
        frame[40:200, 20 + step : 180 + step] = one
        if step >= 2 * RATE:
            frame[40:200, 300:460] = two
        writer.write(np.repeat(frame[..., None], 3, axis=2))
    writer.release()
    return path


def test_a_film_gives_a_row_a_face_and_second_a_copy_and_a_timeline(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(film), "--annotate", str(tmp_path), "--format", "jsonl"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(int(row["seconds"]), row["track"]) for row in rows] == [(0, 0), (1, 0), (2, 0), (2, 1)]
    assert all(row["track"] == row["face"] for row in rows)
    assert "3 moments of videos: 4 faces" in err
    copy = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert copy.get(cv2.CAP_PROP_FRAME_COUNT) == 3 * RATE
    drawn, original = copy.read()[1], cv2.VideoCapture(str(film)).read()[1]
    assert drawn.shape == original.shape
    assert 0.005 < (np.abs(drawn.astype(int) - original).max(axis=2) > 60).mean() < 0.5
    if shutil.which("ffprobe") is not None:
        command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,nb_frames", "-of", "csv=p=0"]
        told = subprocess.run([*command, tmp_path / "film.mp4"], capture_output=True, text=True, check=True).stdout
        assert told.strip() == f"mpeg4,{3 * RATE}"
    svg = ElementTree.fromstring((tmp_path / "film.svg").read_text(encoding="utf-8"))
    texts = ["".join(node.itertext()) for node in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"face 0", "face 1", *EMOTIONS} <= set(texts)


def test_per_frame_gives_every_frame(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(film), "--per", "frame", "--format", "jsonl"]) == 0
    frames = [json.loads(line)["frame"] for line in capsys.readouterr().out.splitlines()]
    assert sorted(set(frames)) == list(range(3 * RATE))
    with pytest.raises(SystemExit, match="2"):
        main([str(film), "--per", "frame", "--interval", "1"])


def test_a_timeline_draws_where_the_numbers_are() -> None:
    timeline = Timeline("a <b> & c")
    timeline.add([[record(0, HAPPY, 0.0)], [record(0, SAD, 1.0)], [record(0, SAD, 9.0)], [record(0, HAPPY, 10.0)]])
    svg = ElementTree.fromstring(timeline.svg())
    lines = {
        node.findtext("{http://www.w3.org/2000/svg}title"): node.get("d", "")
        for node in svg.iter("{http://www.w3.org/2000/svg}path")
    }
    # From the top of the panel to its foot, a gap of eight seconds, and up again at the right edge.
    assert lines["happy"] == "M60.0 70.0L150.0 200.0M870.0 200.0L960.0 70.0l0 0"
    assert lines["neutral"].startswith("M60.0 200.0")


def test_a_timeline_of_a_crowd_shows_those_that_stay_and_counts_the_rest() -> None:
    timeline = Timeline("crowd")
    timeline.add([[record(track, HAPPY, 0.0) for track in range(PANELS + 5)], [record(PANELS + 4, HAPPY, 1.0)]])
    text = timeline.svg()
    assert "5 more faces not shown" in text
    assert f">face {PANELS + 4}<" in text
    assert f">face {PANELS}<" not in text
    assert "no face found" in Timeline("empty").svg()


@pytest.mark.parametrize(
    ("stated", "shown"), [((320, 120), (320, 120)), ((160, 240), (160, 240)), ((16000, 120), (160, 120))]
)
def test_pixels_that_are_not_square_are_made_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stated: tuple[int, int], shown: tuple[int, int]
) -> None:
    """The size at which an MP4's track header says that it is shown (ISO/IEC 14496-12, 8.3.2)."""
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (160, 120))
    for _ in range(3):
        writer.write(np.full((120, 160, 3), 90, np.uint8))
    writer.release()
    data = path.read_bytes()
    start = data.index(b"tkhd") - 4
    end = start + int.from_bytes(data[start : start + 4], "big")
    width, height = ((side << 16).to_bytes(4, "big") for side in stated)
    path.write_bytes(data[: end - 8] + width + height + data[end:])
    with open_video(path) as video:
        assert {frame.image.shape for frame in video.frames()} == {(shown[1], shown[0], 3)}
    main([str(path), "--annotate", str(tmp_path / "seen"), "--detector", "none", "--format", "jsonl"])
    side = min(shown)
    assert json.loads(capsys.readouterr().out)["box"] == [(shown[0] - side) // 2, (shown[1] - side) // 2, side, side]
    copy = cv2.VideoCapture(str(tmp_path / "seen" / "film.mp4"))
    assert (copy.get(cv2.CAP_PROP_FRAME_WIDTH), copy.get(cv2.CAP_PROP_FRAME_HEIGHT)) == shown


def test_a_timeline_of_many_labels_has_room_for_each() -> None:
    labels = tuple(f"label {number}" for number in range(20))
    face = Face(source="", face=0, track=0, seconds=0.0, probabilities=dict.fromkeys(labels, 0.05))
    timeline = Timeline("many", labels)
    timeline.add([[face]])
    svg = timeline.svg()
    wide, high = (int(number) for number in re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    places = [re.findall(rf'<text x="(\d+)" y="(\d+)">{label}</text>', svg)[0] for label in labels]
    assert len(set(places)) == len(labels)
    assert all(int(x) + 8 * len("label 19") <= wide and int(y) < high for x, y in places)
    (panel,) = re.findall(r'y="(\d+)" font-weight="bold">face 0<', svg)
    assert int(panel) > max(int(y) for _, y in places)
