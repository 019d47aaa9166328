"""Nothing that `fer-predict` writes may replace what it reads, or what others wrote."""

import io
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.data.synthetic.source import render_face
from fer.runtime.predict.command import main
from fer.runtime.predict.copy_marks import MARK, marked
from fer.runtime.shipped import shipped_file


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph in a folder, in the current one."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    cv2.imwrite("in/me.jpg", render_face(3, "happy", size=200, zoom=0.7).image)
    return Path("in/me.jpg")


def _links(photo: Path) -> None:
    Path("soft.csv").symlink_to(photo)
    os.link(photo, "hard.csv")


@pytest.mark.parametrize("path", ["in/me.jpg", "in", "i*/*.jpg", "i*"])
@pytest.mark.parametrize("out", ["in/me.jpg", "./in/../in/me.jpg", "soft.csv", "hard.csv"])
def test_records_never_replace_what_is_looked_at(photo: Path, path: str, out: str) -> None:
    _links(photo)
    before = photo.read_bytes()
    with pytest.raises(ConfigError, match="would write over what is looked at: name another file"):
        main([path, "--out", out])
    assert photo.read_bytes() == before


def test_records_never_replace_what_options_name(photo: Path) -> None:
    shutil.copy(shipped_file("everyday"), "my.onnx")
    Path("prior.csv").write_text("".join(f"{name},{1 / 7}\n" for name in EMOTIONS))
    for option, named in (("--model", "my.onnx"), ("--prior", "prior.csv")):
        before = Path(named).read_bytes()
        with pytest.raises(ConfigError, match=f"would write over the file of {option}"):
            main([str(photo), option, named, "--out", named])
        assert Path(named).read_bytes() == before


def test_records_never_replace_a_list_or_what_it_names(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = photo.read_bytes()
    Path("list.txt").write_text("in/me.jpg\n")
    with Path("list.txt").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(ConfigError, match="the list on standard input"):
            main(["-", "--out", "list.txt"])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"in/me.jpg\n")))
    with pytest.raises(ConfigError, match="a picture or video"):
        main(["-", "--out", "in/me.jpg"])
    assert Path("list.txt").read_text() == "in/me.jpg\n"
    assert photo.read_bytes() == before


def test_earlier_records_are_replaced(photo: Path) -> None:
    for _ in range(2):
        assert main(["in", "--out", "in/faces.csv"]) == 0
        assert len(Path("in/faces.csv").read_text().splitlines()) == 2


def test_copies_replace_copies_and_nothing_else(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another picture and another film of the names that the copies would have."""
    film(Path("in/clip.avi"))
    mine = {"out/me.jpg": b"mine", "out/clip.mp4": b"my film", "out/clip.svg": b"<svg/>"}
    Path("out").mkdir()
    for name, content in mine.items():
        Path(name).write_bytes(content)
    listed = []
    for _ in range(2):
        assert main(["in/me.jpg", "in/clip.avi", "--annotate", "out"]) == 0
        assert "out/me.jpg is no copy of an earlier run and stays" in capsys.readouterr().err
        listed.append(sorted(path.name for path in Path("out").iterdir()))
        for name, content in mine.items():
            assert Path(name).read_bytes() == content
    assert listed[0] == listed[1] == ["clip-2.mp4", "clip-2.svg", "clip.mp4", "clip.svg", "me-2.jpg", "me.jpg"]


def test_copies_never_replace_what_is_looked_at(photo: Path) -> None:
    """Where it is a copy of an earlier run, too; links to a copy keep what they had."""
    main(["in/me.jpg", "--annotate", "seen"])
    copy = Path("seen/me.jpg").read_bytes()
    main(["in/me.jpg", "seen/me.jpg", "--annotate", "other"])
    assert Path("seen/me.jpg").read_bytes() == copy
    os.link("seen/me.jpg", "kept.jpg")
    with pytest.raises(ConfigError, match="would write over seen"):
        main(["in/me.jpg", "seen/me.jpg", "--annotate", "seen"])
    assert Path("seen/me.jpg").read_bytes() == copy
    cv2.imwrite("in/me.jpg", render_face(5, "sad", size=200, zoom=0.7).image)
    main(["in/me.jpg", "--annotate", "seen"])
    assert Path("seen/me.jpg").read_bytes() != copy
    assert Path("kept.jpg").read_bytes() == copy


def test_copies_of_names_that_differ_in_letters_alone_fit_on_every_disk(photo: Path) -> None:
    """macOS, Windows and most sticks take `Me.JPG` for `me.jpg`, and the second copy would replace the first."""
    names = ["me.jpg", "other/Me.JPG", "caf\u00e9.jpg", "other/cafe\u0301.jpg"]
    Path("in/other").mkdir()
    for name in names[1:]:
        shutil.copy(photo, Path("in", name))
    assert main([f"in/{name}" for name in names] + ["--annotate", "out"]) == 0
    copies = sorted(path.name for path in Path("out").iterdir())
    assert copies == sorted(["me.jpg", "Me-2.JPG", "caf\u00e9.jpg", "cafe\u0301-2.jpg"])


def test_copies_in_the_folder_that_is_looked_at_are_not_looked_at(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = []
    for _ in range(2):
        assert main(["in", "--annotate", "in"]) == 0
        assert "1 picture: 1 face" in capsys.readouterr().err
        listed.append(sorted(str(path) for path in Path("in").rglob("*.jpg")))
    assert listed[0] == listed[1] == ["in/in/me.jpg", "in/me.jpg"]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_other_libraries_read_marked_copies(suffix: str) -> None:
    image = render_face(3, "happy", size=64).image
    encoded = cv2.imencode(suffix, image)[1].tobytes()
    with Image.open(io.BytesIO(encoded)) as plain, Image.open(io.BytesIO(marked(encoded, suffix=suffix))) as copy:
        assert plain.tobytes() == copy.tobytes()
        assert copy.info["comment" if suffix == ".jpg" else "Comment"] in (MARK, MARK.decode())


def film(path: Path, *, size: tuple[int, int] = (220, 200), frames: int = 3) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, size)
    for seed in range(frames):
        face = render_face(3 + seed, "happy", size=200, zoom=0.7).image
        writer.write(cv2.resize(np.repeat(face[..., None], 3, axis=2), size))
    writer.release()
