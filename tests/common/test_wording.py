"""Paths and messages that can be shown, whatever bytes are in them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fer.common.cells import cell_of, name_in
from fer.common.errors import DataError
from fer.common.wording import drawable, printable_path, shell_words
from fer.report.scores.tables import csv_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("holiday/me.jpg", "holiday/me.jpg"),
        ("Größe 写真 👩‍🚀.jpg", "Größe 写真 👩‍🚀.jpg"),
        # macOS puts a narrow no-break space into the names of screenshots.
        ("Screenshot 9.41.00\u202fAM.png", "Screenshot 9.41.00\u202fAM.png"),
        (os.fsdecode(b"caf\xe9.jpg"), r"caf\xe9.jpg"),
        (os.fsdecode(b"\xff\xfe/\x93\xfa.png"), r"\xff\xfe/\x93\xfa.png"),
        ("a\nb\t\x1b[2J\x7f.jpg", r"a\x0ab\x09\x1b[2J\x7f.jpg"),
        ("\x9b2J.jpg", r"\x9b2J.jpg"),
        ("gpj.\u202exe", r"gpj.\u202exe"),
        ("half \ud83d of a pair", r"half \ud83d of a pair"),
    ],
)
def test_a_path_is_shown_as_it_is_but_for_what_cannot_be(name: str, shown: str) -> None:
    assert printable_path(name) == shown
    assert printable_path(Path(name)) == shown
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_a_label_is_drawn_in_letters_that_opencv_has() -> None:
    labels = ["glücklich", "幸せ", "kızgın"]
    assert [drawable(label, labels) for label in labels] == ["glucklich", "label 2", "kizgin"]


def test_a_message_with_such_a_path_can_be_written_and_keeps_its_lines() -> None:
    error = DataError(os.fsdecode(b"caf\xe9") + " is gone:\nfetch it")
    assert str(error) == "caf\\xe9 is gone:\nfetch it"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no Bash here")
def test_a_command_can_be_pasted_whatever_its_words_hold() -> None:
    odd = ["run=archive (1) \u00fc='x',[#]% $y", os.fsdecode(b"caf\xe9f 'a\\b"), "a\nb\x85c\u2028", "half \x1b[2J", ""]
    command = shell_words(["printf", "%s\\0", *odd])
    assert command.isprintable()
    given = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, env=given)
    assert [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]] == odd
    assert shell_words(["fer-report", "run=a b"]) == "fer-report 'run=a b'"


def test_no_name_is_a_formula_in_a_spreadsheet_and_each_is_read_again() -> None:
    for name in ("=cmd|' /C calc'!A0/happy/1.png", "+1.png", "-1.png", "@a/1.png"):
        assert cell_of(name) == f"./{name}"
        assert csv_text([{"id": name, "gap": -1}]) == f"id,gap\n./{name},-1\n"
    for name in ("Training/happy/1.png", "./a.png", "./=1.png"):
        assert cell_of(name) == name
    assert [name_in(cell) for cell in ("./=1.png", "./a.png", "a=1.png")] == ["=1.png", "./a.png", "a=1.png"]
