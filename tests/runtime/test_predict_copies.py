"""Annotated copies that a disk, a format or a name does not take."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fer.common.errors import ConfigError, DataError
from fer.data.synthetic.source import render_face
from fer.runtime.predict import annotated_writer
from fer.runtime.predict.annotated_writer import AnnotatedWriter
from fer.runtime.predict.command import main
from fer.runtime.predict.drawing import annotate
from fer.runtime.predict.sources import Item
from fer.runtime.record import Face


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph in the current folder."""
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("me.jpg", render_face(3, "happy", size=200, zoom=0.7).image)
    return Path("me.jpg")


def test_a_picture_that_a_jpeg_cannot_hold_is_judged_and_told(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("wide.jpg").write_bytes(cv2.imencode(".png", np.full((40, 65_600), 128, np.uint8))[1].tobytes())
    assert main(["wide.jpg", "me.jpg", "--annotate", "seen", "--format", "jsonl"]) == 0
    wide, me = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (wide["status"], me["status"]) == ("no_face", "ok")
    assert wide["reason"] == "no annotated copy: a .jpg file cannot hold 65,600 x 40 pixels"
    assert [path.name for path in Path("seen").iterdir()] == ["me.jpg"]


def test_long_names_are_cut(photo: Path) -> None:
    """255 bytes are the most that file systems take; an umlaut has two."""
    picture = cv2.imencode(".bmp", render_face(3, "happy", size=200, zoom=0.7).image)[1].tobytes()
    for letter in ("a", "b"):
        Path("\u00fc" * 125 + letter + ".bmp").write_bytes(picture)
    assert main([*(str(path) for path in Path().glob("*.bmp")), "me.jpg", "--annotate", "seen"]) == 0
    names = sorted(path.name for path in Path("seen").iterdir())
    assert len(names) == 3
    assert all(name.endswith(".png") for name in names[1:])


@pytest.mark.parametrize("folder", ["me.jpg/x", "/proc/x", "n" * 300])
def test_a_folder_that_cannot_be_made_is_told(photo: Path, folder: str) -> None:
    with pytest.raises(ConfigError, match=r"--annotate .* cannot be made \(.+\): name another folder"):
        main(["me.jpg", "--annotate", folder])


def _clip(frames: int) -> None:
    writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter.fourcc(*"MJPG"), 20, (640, 480))
    generator = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(generator.integers(0, 256, (480, 640, 3), np.uint8))
    writer.release()


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
def test_a_full_disk_is_told_behind_the_records(photo: Path) -> None:
    _clip(20)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2)"
    code = f"{limit}; from fer.cli import predict; predict()"
    done = subprocess.run(
        [sys.executable, "-c", code, "clip.avi", "--annotate", "seen", "--format", "jsonl"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    first, last = done.stderr.splitlines()
    assert first.startswith("1 moment of videos")
    assert last == "error: seen/clip.mp4 is not whole (is the disk full?): choose another --annotate folder"
    assert not Path("seen/clip.mp4").exists()


def test_a_film_that_opencv_cannot_write_is_told(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _clip(3)

    class Closed:
        def __init__(self, *_: object) -> None:
            pass

        def isOpened(self) -> bool:
            return False

        def write(self, _: object) -> None:
            pass

        release = __init__

    monkeypatch.setattr("cv2.VideoWriter", type("VideoWriter", (Closed,), {"fourcc": cv2.VideoWriter.fourcc}))
    assert main(["clip.avi", "me.jpg", "--annotate", "seen"]) == 0
    assert "clip.avi: no annotated film: OpenCV cannot write one of 640 x 480 pixels" in capsys.readouterr().err
    assert not Path("seen/clip.mp4").exists()
    assert Path("seen/me.jpg").exists()


def test_a_disk_that_refuses_a_copy_ends_the_run(photo: Path) -> None:
    Path("seen").mkdir()
    Path("seen", "in").write_bytes(b"")
    Path("in").mkdir()
    Path("in/me.jpg").write_bytes(photo.read_bytes())
    with pytest.raises(DataError, match="choose another --annotate folder"):
        main(["in", "--annotate", "seen"])


@pytest.mark.parametrize(
    ("label", "drawn"),
    [("happy", "happy"), ("glücklich", "glucklich"), ("kızgın", "kizgin"), ("Spaß", "Spass"), ("幸せ", "label 2")],
)
def test_labels_are_drawn_in_letters_that_opencv_has(label: str, drawn: str) -> None:
    def copy(words: str, shares: dict[str, float]) -> npt.NDArray[np.uint8]:
        face = Face(
            source="", face=0, box=(10, 60, 90, 90), label=words, confidence=0.9, uncertain=False, probabilities=shares
        )
        return annotate(np.zeros((200, 300, 3), np.uint8), [face])

    shares = {"other": 0.1, label: 0.9}
    np.testing.assert_array_equal(copy(label, shares), copy(drawn, {drawn: 1.0}))


def test_pictures_of_one_name_get_numbers_without_trying_all_that_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    compared = annotated_writer._one_name
    monkeypatch.setattr(annotated_writer, "_one_name", lambda path: tried.append(path) or compared(path))
    writer = AnnotatedWriter(tmp_path / "seen")
    items = [Item(tmp_path / str(number) / "face.jpg", Path("face.jpg"), "image") for number in range(200)]
    places = [writer.place(item).name for item in items]
    assert places == ["face.jpg", *(f"face-{number}.jpg" for number in range(2, 201))]
    assert len(tried) < 5 * len(items)
