"""Damaged copies of files: what transfer errors, careless tools and people of ill will make of them."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

Random = np.random.Generator

EDGES: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64 - 1)
"""Numbers at which lengths and counts overflow or turn negative."""

_WORDS: Final = ("", " ", "\n", "\0", '"', "'", "\\", "\t", "é", "\u2028", "😀", "9" * 5000, "-1", "1e999", "nan")


def mutated(data: bytes, rng: Random, *, tokens: Sequence[bytes] = (), others: Sequence[bytes] = ()) -> bytes:
    """`data` with one to four damages.

    Args:
        data: a whole file.
        rng: decides everything.
        tokens: words that mean something in the format.
        others: further files of the same kind, to splice with.
    """
    for _ in range(int(rng.integers(1, 5))):
        data = _damage(data, rng, tokens, others)
    return data


def mutated_text(text: str, rng: Random, *, tokens: Sequence[str] = ()) -> str:
    """`text` with one to four characters or words put in, taken out, doubled or replaced; stays text."""
    words = (*tokens, *_WORDS)
    for _ in range(int(rng.integers(1, 5))):
        start = _at(text, rng)
        end = min(len(text), start + int(rng.integers(0, 12)))
        put = words[rng.integers(len(words))] if rng.random() < 0.7 else text[_at(text, rng) :][: rng.integers(1, 40)]
        text = text[:start] + put + text[end:]
    return text


def _damage(data: bytes, rng: Random, tokens: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    kinds: list[Callable[[], bytes]] = [
        lambda: _bits(data, rng),
        lambda: data[: _at(data, rng)],
        lambda: data[_at(data, rng) :],
        lambda: _number(data, rng),
        lambda: _number(data, rng),
        lambda: _moved(data, rng),
        lambda: _put(data, rng.bytes(int(rng.integers(1, 64))), rng),
        lambda: data + rng.bytes(int(rng.integers(1, 256))),
    ]
    if tokens:
        kinds += [lambda: _put(data, tokens[rng.integers(len(tokens))], rng)] * 2
    if others:
        other = others[rng.integers(len(others))]
        kinds.append(lambda: data[: _at(data, rng)] + other[_at(other, rng) :])
    return kinds[rng.integers(len(kinds))]()


def _bits(data: bytes, rng: Random) -> bytes:
    if not data:
        return data
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        damaged[_at(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def _number(data: bytes, rng: Random) -> bytes:
    """A number of one to eight bytes overwritten by one that is hard to bear."""
    width, order = int(rng.choice((1, 2, 4, 8))), "little" if rng.random() < 0.5 else "big"
    value = EDGES[rng.integers(len(EDGES))] % (1 << 8 * width)
    at = _at(data, rng)
    return data[:at] + value.to_bytes(width, order) + data[at + width :]  # type: ignore[arg-type]


def _moved(data: bytes, rng: Random) -> bytes:
    """A part doubled, taken out, or put elsewhere."""
    start = _at(data, rng)
    part = data[start : start + int(rng.integers(1, 4096))]
    rest = data[:start] + data[start + len(part) :]
    return rest if rng.random() < 0.4 else _put(data if rng.random() < 0.5 else rest, part, rng)


def _put(data: bytes, part: bytes, rng: Random) -> bytes:
    at = _at(data, rng)
    over = len(part) if rng.random() < 0.5 else 0
    return data[:at] + part + data[at + over :]


def _at(data: bytes | str, rng: Random) -> int:
    """A place; half of the time near an end, where formats keep their headers and directories."""
    if not data:
        return 0
    if rng.random() < 0.5:
        near = min(len(data), 1 + int(rng.integers(256)))
        return near - 1 if rng.random() < 0.6 else len(data) - near
    return int(rng.integers(len(data)))
