"""Nothing that `fer-predict` writes may replace what it reads, or what others wrote."""

import io
import os
import shutil
from pathlib import Path

import cv2
import pytest

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.data.synthetic.source import render_face
from fer.runtime.predict.command import main
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
