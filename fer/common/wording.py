"""What people read of a number or a path, the same in the terminal, in files and on every page."""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

_SURROGATE: Final = re.compile("[\\ud800-\\udfff]")

_UNSHOWN: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
"""Besides surrogates: control characters, and those that end a line or turn the direction of writing (Unicode,
categories Cc, Zl and Zp; Standard Annex 9, section 2). A terminal obeys them."""


def printable_path(path: str | Path) -> str:
    """A path that every terminal, file and page can show.

    Bytes that are no UTF-8 (names from old disks and archives), which Python holds as lone surrogates (PEP 383), and
    control characters become escapes: `caf\\xe9.jpg`, `two\\x0alines.jpg`. Other paths come back as they are.
    """
    return _UNSHOWN.sub(_escape, str(path))


def printable_text(text: str) -> str:
    """A message that can be encoded: the bytes in it that are no UTF-8 as in `printable_path`; lines stay lines."""
    return _SURROGATE.sub(_escape, text)


def printable_message(text: str) -> str:
    """A message that every terminal, file and page can show, whatever a file or a name has brought into it.

    As `printable_path`; but lines stay lines, and tabs tabs.
    """
    return _UNSHOWN.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found), text)


def markdown(value: object) -> str:
    """Text that Markdown shows as it is, in a paragraph or a table cell."""
    return re.sub(r"[\\`*_\[\]<>|#]", r"\\\g<0>", " ".join(str(value).split()))


def shell_word(text: str | Path) -> str:
    """A word to be pasted into a shell: quoted where it must be, and by `$'...'` where it cannot be shown as it is.

    That form of quoting, of Bash, Zsh and POSIX.1-2024, says any byte of a name: `$'caf\\xe9.jpg'`.
    """
    word = str(text)
    if _UNSHOWN.search(word) is None:
        return shlex.quote(word)
    return "$'" + _UNSHOWN.sub(_shell_escape, re.sub(r"[\\']", r"\\\g<0>", word)) + "'"


def shell_words(words: Iterable[str]) -> str:
    """A command to be pasted into a shell."""
    return " ".join(map(shell_word, words))


def _shell_escape(found: re.Match[str]) -> str:
    # There `\x85` is a byte, and U+0085 is two of them.
    return f"\\u{ord(found[0]):04x}" if "\x80" <= found[0] <= "\x9f" else _escape(found)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def without_accents(text: str) -> str:
    """The letters of a text without their accents (Unicode's compatibility decomposition, Standard Annex 15); those
    that have no parts, as dotless i, stay.
    """
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def drawable(label: str, labels: Sequence[str]) -> str:
    """A label in the letters of ASCII, which are all that OpenCV draws: without accents; of another script, its number,
    from 1.
    """
    # Some letters have no parts to take off, and a capital that is plain: dotless i, sharp s.
    plain = "".join(
        letter.upper().lower() if not letter.isascii() and letter.upper().isascii() else letter
        for letter in without_accents(label)
    )
    return plain if plain.isascii() else f"label {labels.index(label) + 1}"


def duration(seconds: object) -> str:
    """Seconds as "12 min 5 s"; an unknown time is "not recorded"."""
    if not isinstance(seconds, int | float):
        return "not recorded"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours > 0:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes > 0 else f"{seconds:.1f} s"


def size(count: int) -> str:
    """Bytes as "83.1 MB"; units of a thousand, as disks are sold."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def counted(count: int, what: str) -> str:
    """(1, "face") -> "1 face", (1200, "face") -> "1,200 faces"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def in_words(count: int) -> str:
    """A count as prose has it: "seven", and "13" above twelve."""
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"
