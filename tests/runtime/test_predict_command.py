"""`fer-predict` as people use it, with the model of the package."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer.common.errors import ConfigError, DataError
from fer.common.labels import EMOTIONS
from fer.data.synthetic.source import render_face
from fer.runtime.predict.command import main
from fer.runtime.predict.video_source import VideoSource

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as people have them: faces, none, two, broken ones, other files, a folder, a video."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "sub").mkdir()
    one = render_face(3, "happy", size=200, zoom=0.7).image
    two = np.hstack([one, render_face(5, "surprise", size=200, zoom=0.7).image])
    cv2.imwrite(str(folder / "a_one.jpg"), one)
    cv2.imwrite(str(folder / "b_two.png"), two)
    cv2.imwrite(str(folder / "c_none.png"), np.full((120, 160), 128, np.uint8))
    (folder / "d_text.jpg").write_bytes(b"hello")
    (folder / "e_cut.png").write_bytes((folder / "b_two.png").read_bytes()[:300])
    (folder / "f.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.jpg").write_bytes(b"")
    cv2.imwrite(str(folder / "sub" / "g_colour.bmp"), np.repeat(one[..., None], 3, axis=2))
    writer = cv2.VideoWriter(str(folder / "sub" / "h.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    for step in range(20):
        frame = np.full((240, 320, 3), 128, np.uint8)
        frame[20:220, 20 + 4 * step : 220 + 4 * step] = one[..., None]
        writer.write(frame)
    writer.release()
    return folder


Predict = Callable[..., tuple[str, str]]


@pytest.fixture
def predict(capsys: pytest.CaptureFixture[str]) -> Predict:
    """Runs the command; its two outputs."""

    def run(*arguments: str | Path) -> tuple[str, str]:
        assert main([str(argument) for argument in arguments]) == 0
        out, err = capsys.readouterr()
        return out, err

    return run


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_folder_gives_a_row_for_everything_in_it(photos: Path, predict: Predict) -> None:
    out, err = predict(photos, "--format", "jsonl", "--interval", "0.5")
    rows = records(out)
    seen = [(Path(row["source"]).name, row["status"], row["face"]) for row in rows]
    assert seen == [
        ("a_one.jpg", "ok", 0),
        ("b_two.png", "ok", 0),
        ("b_two.png", "ok", 1),
        ("c_none.png", "no_face", None),
        ("d_text.jpg", "unreadable", None),
        ("e_cut.png", "unreadable", None),
        ("f.heic", "unreadable", None),
        ("g_colour.bmp", "ok", 0),
        ("h.avi", "ok", 0),
        ("h.avi", "ok", 0),
    ]
    for row in rows:
        assert list(row)[:8] == [
            "source", "face", "box", "label", "confidence", "uncertain", "probabilities", "status",
        ]  # fmt: skip
        if row["status"] == "ok":
            assert list(row["probabilities"]) == list(EMOTIONS)
            assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
            assert row["label"] == max(row["probabilities"], key=row["probabilities"].get)
            assert row["confidence"] == row["probabilities"][row["label"]]
    assert [row["seconds"] for row in rows[-2:]] == [0.0, 0.5]
    assert "HEIC" in rows[6]["reason"]
    assert "2 faces" not in err
    assert "7 pictures and 2 moments of videos: 6 faces" in err
    assert "1 without a face, 3 unreadable" in err


def test_csv_and_table_say_the_same(photos: Path, predict: Predict) -> None:
    rows = list(csv.DictReader(io.StringIO(predict(photos / "b_two.png", "--format", "csv")[0])))
    table = predict(photos / "b_two.png", "--format", "table")[0].splitlines()
    lines = records(predict(photos / "b_two.png", "--format", "jsonl")[0])
    assert len(rows) == len(lines) == len(table) - 1 == 2
    for row, line, words in zip(rows, lines, table[1:], strict=True):
        assert [int(row[name]) for name in ("x", "y", "width", "height")] == line["box"]
        assert float(row["confidence"]) == line["confidence"]
        assert float(row["neutral"]) == line["probabilities"]["neutral"]
        assert line["label"] in words
        assert ("uncertain" in words) == line["uncertain"]


def test_out_takes_its_format_from_its_name(photos: Path, predict: Predict, tmp_path: Path) -> None:
    out, _ = predict(photos / "a_one.jpg", "--out", tmp_path / "faces.csv")
    assert out == ""
    (row,) = csv.DictReader((tmp_path / "faces.csv").open())
    assert row["status"] == "ok"
    predict(photos / "a_one.jpg", "--out", tmp_path / "faces.jsonl")
    assert len(records((tmp_path / "faces.jsonl").read_text())) == 1


def test_nothing_to_look_at_leaves_earlier_records(photos: Path, predict: Predict, tmp_path: Path) -> None:
    """As where a disk with the pictures is not mounted."""
    (tmp_path / "none").mkdir()
    rows = tmp_path / "faces.csv"
    predict(photos / "b_two.png", "--out", rows)
    before = rows.read_bytes()
    with pytest.raises(DataError, match="there is no picture or video in"):
        main([str(tmp_path / "none"), "--out", str(rows)])
    assert rows.read_bytes() == before
    predict(photos / "a_one.jpg", "--out", rows)
    assert rows.read_bytes().count(b"\n") == 2


def test_no_cell_of_a_csv_is_a_formula(
    photos: Path, predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["=1+1.png", "+1.png", "@a.png", "-1.png"]
    monkeypatch.chdir(tmp_path)
    for name in names:
        Path(name).write_bytes((photos / "c_none.png").read_bytes())
    rows = list(csv.DictReader(io.StringIO(predict("--format", "csv", "--", *names)[0])))
    assert [row["source"] for row in rows] == [f"./{name}" for name in names]
    assert [row["source"] for row in records(predict("--format", "jsonl", "--", *names)[0])] == names


def test_patterns_and_standard_input(photos: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = predict(photos / "*_*.png", "--format", "jsonl")
    assert {Path(row["source"]).name for row in records(out)} == {"b_two.png", "c_none.png", "e_cut.png"}
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(f"{photos / 'a_one.jpg'}\n\n{photos / 'gone.jpg'}\n".encode()))
    )
    rows = records(predict("-", "--format", "jsonl")[0])
    assert [row["status"] for row in rows] == ["ok", "unreadable"]
    assert rows[1]["reason"] == "there is no such file"


def test_annotated_copies_are_drawn_and_named_apart(photos: Path, predict: Predict, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    predict(photos, photos / "a_one.jpg", photos / "a_one.jpg", "--annotate", seen, "--format", "jsonl")
    below = seen / photos.name
    assert sorted(str(path.relative_to(seen)) for path in seen.rglob("*") if path.is_file()) == sorted(
        [
            "a_one-2.jpg",
            "a_one.jpg",
            f"{photos.name}/a_one.jpg",
            f"{photos.name}/b_two.png",
            f"{photos.name}/c_none.png",
            f"{photos.name}/sub/g_colour.bmp.png",
            f"{photos.name}/sub/h.mp4",
            f"{photos.name}/sub/h.svg",
        ]
    )
    drawn, original = cv2.imread(str(below / "b_two.png")), cv2.imread(str(photos / "b_two.png"))
    assert drawn.shape == original.shape
    assert 0.01 < (drawn != original).any(axis=2).mean() < 0.5
    video = cv2.VideoCapture(str(below / "sub" / "h.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 20


def test_copies_never_replace_the_originals(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes((photos / "a_one.jpg").read_bytes())
    with pytest.raises(ConfigError, match="would write over"):
        main([str(path), "--annotate", str(tmp_path)])
    assert path.read_bytes() == (photos / "a_one.jpg").read_bytes()


def test_ready_crops_are_asked_about_as_they_are(predict: Predict, tmp_path: Path) -> None:
    from fer.runtime.model import EmotionModel

    face = render_face(7, "surprise", size=48).image
    cv2.imwrite(str(tmp_path / "face.png"), face)
    (row,) = records(predict(tmp_path / "face.png", "--detector", "none", "--format", "jsonl")[0])
    wanted = EmotionModel.load().probabilities(face[None])[0]
    assert list(row["probabilities"].values()) == pytest.approx(wanted.tolist(), abs=1e-6)
    assert row["box"] == [0, 0, 48, 48]


def test_nothing_to_look_at_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file, folder or match for"):
        main([str(tmp_path / "gone.jpg"), str(tmp_path / "*.png")])
    with pytest.raises(SystemExit) as end:
        main(["--format", "csv"])
    assert end.value.code == 2
    with pytest.raises(ConfigError, match="only --detector yunet"):
        main([str(tmp_path), "--detector-model", "y.onnx"])
    with pytest.raises(SystemExit) as end:
        main(["--webcam", "-3"])
    assert end.value.code == 2
    with pytest.raises(ConfigError, match="no camera answers"):
        main(["--webcam", "87"])


def test_the_command_loads_no_torch_and_ends_in_one_line(photos: Path) -> None:
    code = (
        "import sys; from fer import cli\nsys.argv = ['fer-predict', *sys.argv[1:]]\n"
        "try: cli.predict()\nfinally: print('torch' in sys.modules, 'flask' in sys.modules, 'pandas' in sys.modules)"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
        )

    done = run(str(photos / "a_one.jpg"), "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False False"
    wrong = run("/nowhere/at/all.jpg")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: there is no file")
    assert len(wrong.stderr.splitlines()) == 1


@pytest.mark.realdata
def test_detected_faces_of_fer2013_keep_the_models_accuracy(fer2013_archive: Path) -> None:
    """Every 18th PublicTest face, enlarged into a larger picture, found and cut out again."""
    from fer.data.fer2013 import load_fer2013
    from fer.data.samples import Split
    from fer.runtime.detection.haar import HaarDetector
    from fer.runtime.model import EmotionModel
    from fer.runtime.predictor import Predictor

    samples = load_fer2013(fer2013_archive).samples
    rows = np.flatnonzero(samples.splits == Split.PUBLIC)[::18]
    faces, labels = samples.images[rows, 0], samples.labels[rows]
    model = EmotionModel.load()
    predictor = Predictor(model, HaarDetector(longest=200))

    def picture(face: np.ndarray) -> np.ndarray:
        large = cv2.resize(face, (96, 96), interpolation=cv2.INTER_CUBIC)
        return cv2.copyMakeBorder(large, 40, 60, 50, 30, cv2.BORDER_REPLICATE)

    answers = [predictor.image(picture(face), source="")[0] for face in faces]
    found = np.array([answer.status == "ok" for answer in answers])
    right = np.array([answer.label == EMOTIONS[label] for answer, label in zip(answers, labels, strict=True)])
    direct = model.probabilities(faces).argmax(axis=1) == labels
    assert found.mean() > 0.7
    assert right[found].mean() > direct[found].mean() - 0.05


def test_a_video_that_breaks_in_the_middle_is_told_and_the_next_picture_is_judged(
    photos: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV raises where a part of an AVI claims to be longer than a limit of its own."""

    class Breaking:
        def __init__(self) -> None:
            self.reads = 0

        def get(self, _: int) -> float:
            return 10.0

        def release(self) -> None:
            pass

        def read(self) -> tuple[bool, Any]:
            self.reads += 1
            if self.reads > 3:
                raise cv2.error("chunk.m_size <= 67108864")
            return True, np.full((48, 64, 3), 128, np.uint8)

    breaking: Any = Breaking()
    monkeypatch.setattr("fer.runtime.predict.session.open_video", lambda path: VideoSource(breaking, live=False))
    out, _ = predict(photos / "sub" / "h.avi", photos / "a_one.jpg", "--format", "jsonl", "--per", "frame")
    rows = records(out)
    assert [row["status"] for row in rows] == ["no_face", "no_face", "no_face", "unreadable", "ok"]
    assert rows[3]["reason"] == "the video is broken after its frame 3"


def test_content_decides_and_nothing_is_passed_over_in_silence(photos: Path, predict: Predict, tmp_path: Path) -> None:
    face, folder = (photos / "a_one.jpg").read_bytes(), tmp_path / "mixed"
    folder.mkdir()
    for name in ("a.JPG", "b.jfif", "c", "d.mp4", "e.tga"):
        (folder / name).write_bytes(face)
    (folder / "f.jpg").write_bytes((photos / "sub" / "h.avi").read_bytes())
    (folder / "g").write_text("a text without a suffix")
    (folder / "h.jp2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n")
    (folder / "i.tga").write_bytes(bytes(40) + b"TRUEVISION-XFILE.\0")
    (folder / "j.csv").write_text("1,2")
    (folder / "k.jpg").symlink_to(folder / "gone")
    rows = records(predict(folder, "--format", "jsonl", "--interval", "10")[0])
    assert [(Path(row["source"]).name, row["status"], "frame" in row) for row in rows] == [
        *((name, "ok", False) for name in ("a.JPG", "b.jfif", "c", "d.mp4", "e.tga")),
        ("f.jpg", "ok", True),
        ("h.jp2", "unreadable", False),
        ("i.tga", "unreadable", False),
        ("k.jpg", "unreadable", False),
    ]
    assert "a JPEG 2000 image" in rows[6]["reason"]
    assert "a Targa image" in rows[7]["reason"]


def test_a_cut_photo_is_judged_and_both_outputs_say_so(photos: Path, predict: Predict, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes((photos / "a_one.jpg").read_bytes()[:-2])
    out, err = predict(tmp_path / "cut.jpg", "--format", "jsonl")
    (row,) = records(out)
    (whole,) = records(predict(photos / "a_one.jpg", "--format", "jsonl")[0])
    assert "lacks its end" in row.pop("reason")
    assert row | {"source": whole["source"]} == whole
    assert "cut.jpg: the JPEG lacks its end" in err


def test_a_picture_that_breaks_the_search_is_a_row(
    photos: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fer.runtime.detection.auto import AutoDetector

    search = AutoDetector.detect

    def detect(self: AutoDetector, image: np.ndarray) -> Any:
        if image.shape[1] == 400:
            raise OverflowError("cannot convert float infinity to integer")
        return search(self, image)

    monkeypatch.setattr(AutoDetector, "detect", detect)
    rows = records(predict(photos / "*_*.*", "--format", "jsonl")[0])
    told = {Path(row["source"]).name: (row["status"], row.get("reason")) for row in rows}
    assert told["b_two.png"] == ("unreadable", "the search for faces failed: OverflowError")
    assert told["a_one.jpg"] == ("ok", None)
    assert told["c_none.png"] == ("no_face", "no face was found")
