"""Pictures and videos of kinds that OpenCV does not write: made by changing files that it does."""

import itertools
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

TIMESCALE = 1000


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG, with its length and its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    """How a PNG of 8-bit grey begins that declares this size."""
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def write_variable_rate_mp4(path: Path, frames: Sequence[npt.NDArray[np.uint8]], *, seconds: Sequence[float]) -> None:
    """An MP4 each of whose frames is shown at a time of its own (`stts`, ISO/IEC 14496-12, 8.6.1.2).

    Args:
        path: of the file.
        frames: BGR (H, W, 3).
        seconds: when each is shown, from 0, in thousandths.
    """
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
    ticks = [round(TIMESCALE * second) for second in seconds]
    lengths = [*(after - before for before, after in itertools.pairwise(ticks)), 40]
    table = struct.pack(">II", 0, len(lengths)) + b"".join(struct.pack(">II", 1, length) for length in lengths)
    data = path.read_bytes()
    # The tables lie behind the frames, so nothing moves that they point to.
    assert data.index(b"mdat") < data.index(b"moov")
    path.write_bytes(_changed(data, table=table, total=sum(lengths)))


def _changed(data: bytes, *, table: bytes, total: int) -> bytes:
    out, at = b"", 0
    while at < len(data):
        (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        body = data[at + 8 : at + length]
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            body = _changed(body, table=table, total=total)
        elif kind == b"stts":
            body = table
        elif kind == b"edts":
            kind = b"free"
        elif kind == b"mdhd":
            # Version and flags, two dates, then these (8.4.2).
            body = body[:12] + struct.pack(">II", TIMESCALE, total) + body[20:]
        out += struct.pack(">I", 8 + len(body)) + kind + body
        at += length
    return out


def with_avif_transformations(avif: bytes, transformations: Sequence[tuple[bytes, int]]) -> bytes:
    """An AVIF of one picture with more properties (ISO/IEC 23008-12, 6.5.10 and 6.5.12), in their order.

    Args:
        avif: as OpenCV writes it: the picture's data behind all tables.
        transformations: (b"irot", quarter turns anticlockwise) or (b"imir", axis).
    """
    added = b"".join(struct.pack(">I4sB", 9, kind, value) for kind, value in transformations)
    grown, numbers = 0, b""

    def change(data: bytes) -> bytes:
        nonlocal grown, numbers
        out, at = b"", 0
        while at < len(data):
            (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
            length = length or len(data) - at
            body = data[at + 8 : at + length]
            if kind == b"meta":
                body = body[:4] + change(body[4:])
            elif kind == b"iprp":
                body = change(body)
            elif kind == b"ipco":
                count, place = 0, 0
                while place < len(body):
                    place += struct.unpack_from(">I", body, place)[0]
                    count += 1
                numbers = bytes(0x80 | (count + 1 + extra) for extra in range(len(transformations)))
                body += added
            elif kind == b"ipma":
                # One item with one byte a property: version and flags, entries, item, how many, which.
                assert struct.unpack_from(">II", body) == (0, 1), "another form of ipma"
                body = body[:10] + bytes([body[10] + len(numbers)]) + body[11:] + numbers
            grown += len(body) + 8 - length if kind in (b"ipco", b"ipma") else 0
            out += struct.pack(">I", 8 + len(body)) + kind + body
            at += length
        return out

    out = change(avif)
    # Where the picture's data begins, in `iloc` (ISO/IEC 14496-12, 8.11.3): a number of four bytes.
    old = avif.index(b"mdat") + 4
    place = out.index(struct.pack(">I", old), out.index(b"iloc"))
    return out[:place] + struct.pack(">I", old + grown) + out[place + 4 :]
