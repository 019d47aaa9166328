"""Names of every kind of byte, and terminals of every encoding: each file gets its row."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.data.synthetic.source import render_face
from fer.runtime.predict.opencv_names import opencv_name
from fer.runtime.predict.sources import items

NAMES = [
    b"caf\xe9.png",
    b"\xff\xfe.png",
    b"a%02d.png",
    b"new\nline.png",
    b"\x1b[31mred.png",
    b'quo"te, and more.png',
    "写真 …🙂.png".encode(),
]
SHOWN = [
    "\\x1b[31mred.png",
    "a%02d.png",
    "caf\\xe9.png",
    "film\\xe9.avi",
    "new\\x0aline.png",
    'quo"te, and more.png',
    "写真 …🙂.png",
    "\\xff\\xfe.png",
    "d\\xe9r/x.png",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "in"
    below = place / os.fsdecode(b"d\xe9r")
    try:
        below.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system takes only names that are UTF-8")
    picture = np.full((220, 220), 128, np.uint8)
    picture[10:210, 10:210] = render_face(3, "happy", size=200, zoom=0.7).image
    data = cv2.imencode(".png", picture)[1].tobytes()
    for name in NAMES:
        (place / os.fsdecode(name)).write_bytes(data)
    (below / "x.png").write_bytes(data)
    writer = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5, (220, 220))
    for _ in range(3):
        writer.write(np.repeat(picture[..., None], 3, axis=2))
    writer.release()
    (tmp_path / "film.avi").rename(place / os.fsdecode(b"film\xe9.avi"))
    return place


def fer_predict(
    *arguments: str | Path, encoding: str = "utf-8", given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own: OpenCV ends it where a name is handed to it as it is."""
    return subprocess.run(
        [sys.executable, "-c", "from fer.cli import predict; predict()", *map(str, arguments)],
        input=given,
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=120,
        check=False,
    )


def shown(sources: list[str], folder: Path) -> list[str]:
    return [source.removeprefix(f"{folder}{os.sep}") for source in sources]


def test_names_of_any_bytes_are_judged_written_and_copied(folder: Path, tmp_path: Path) -> None:
    out, copies = tmp_path / os.fsdecode(b"\xe9.csv"), tmp_path / os.fsdecode(b"copies\xe9")
    done = fer_predict(folder, "--out", out, "--annotate", copies, "--interval", "1")
    assert done.returncode == 0, done.stderr
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert shown([row["source"] for row in rows], folder) == SHOWN
    assert {row["status"] for row in rows} == {"ok"}
    for name in NAMES:
        data = (copies / "in" / os.fsdecode(name)).read_bytes()
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (220, 220, 3)
    (copies / "in" / os.fsdecode(b"film\xe9.mp4")).rename(tmp_path / "film.mp4")
    # A slow video repeats its frames: 5 a second become 10.
    assert cv2.VideoCapture(str(tmp_path / "film.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 5


@pytest.mark.parametrize(
    ("encoding", "form"), [("ascii", "table"), ("cp1252", "csv"), ("cp437", "jsonl"), ("utf-8", "table")]
)
def test_no_terminal_ends_the_run(folder: Path, encoding: str, form: str) -> None:
    done = fer_predict(folder, "--format", form, "--interval", "1", encoding=encoding)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert len(lines) == len(SHOWN) + (form != "jsonl")
    if form == "jsonl":
        assert shown([json.loads(line)["source"] for line in lines], folder) == SHOWN


def test_names_on_standard_input_are_bytes(folder: Path) -> None:
    given = b"".join(os.fsencode(folder) + b"/" + name + b"\n" for name in (b"caf\xe9.png", b"\xff\xfe.png"))
    done = fer_predict("-", "--format", "jsonl", encoding="ascii", given=given)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["ok", "ok"]


@pytest.mark.parametrize("name", [b"gone\xe9.png", "…gone.png".encode()])
def test_a_message_with_such_a_name_is_told(folder: Path, name: bytes) -> None:
    done = fer_predict(folder / os.fsdecode(name), encoding="cp437")
    assert done.returncode == 2
    assert b"there is no file" in done.stderr
    assert b"Traceback" not in done.stderr


def test_opencv_gets_plain_names_alone(tmp_path: Path) -> None:
    plain = tmp_path / "clip.mp4"
    with opencv_name(plain) as name:
        assert name == str(plain)
    odd = tmp_path / os.fsdecode(b"a%d\xe9.mp4")
    with opencv_name(odd) as name:
        assert name.endswith(".mp4")
        Path(name).write_bytes(b"written")
    assert odd.read_bytes() == b"written"
    assert not Path(name).exists()
    # FFmpeg takes "http:" for a protocol.
    with opencv_name(Path("http:/clip.mp4")) as name:
        assert name == str(Path.cwd() / "http:/clip.mp4")


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_no_command_fails_on_a_letter(encoding: str) -> None:
    text = "\\u2026\\U0001f642\\udce9"
    code = (
        "import sys\nfrom fer.common.ending import guarded\n"
        f"guarded(lambda: print('{text}'))\nprint('{text}', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # As `printable_path` writes a byte; 0xe9 stands for another letter in cp437.
    assert done.stdout == done.stderr == b"\\u2026\\U0001f642\\xe9\n"


def test_what_a_folder_holds_is_told_by_content_where_its_name_does_not(tmp_path: Path) -> None:
    picture = cv2.imencode(".png", np.full((20, 20), 128, np.uint8))[1].tobytes()
    taken, passed = (
        ("a.jpg_large", "b", "c.PNG"),
        ("d.txt", ".e.png", "@eaDir/c.PNG", "$RECYCLE.BIN/f.png", "Thumbs.db"),
    )
    for name in (*taken, *passed):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture)
    (tmp_path / "notes").write_text("no picture")
    assert [item.path.name for item in items([str(tmp_path)], leave_out=None)] == list(taken)
