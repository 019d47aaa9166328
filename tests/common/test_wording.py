"""Paths and messages that can be shown, whatever bytes are in them."""

import os
from pathlib import Path

import pytest

from fer.common.errors import DataError
from fer.common.wording import printable_path


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


def test_a_message_with_such_a_path_can_be_written_and_keeps_its_lines() -> None:
    error = DataError(os.fsdecode(b"caf\xe9") + " is gone:\nfetch it")
    assert str(error) == "caf\\xe9 is gone:\nfetch it"
