"""The metadata of an .onnx file, read in microseconds without loading the graph, however large the file is.

An .onnx file is one protobuf message, ModelProto (onnx.proto, IR version 10): a row of fields, each a tag and a value.
The graph is one of them, and is skipped by its length.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from fer.common.errors import CheckpointError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types (Protocol Buffers encoding, "Message structure"); the others are deprecated and in no .onnx file."""

_IR_VERSION, _GRAPH, _METADATA = 1, 7, 14
"""Fields of ModelProto."""

_KEY, _VALUE = 1, 2
"""Fields of StringStringEntryProto."""

_MAX_METADATA: Final = 1 << 20

_EXTERNAL: Final = re.compile(rb"(?:\x0a|\x8a\x80{0,8}\x00)(?:\x08|\x88\x80{0,8}\x00)location")
"""A StringStringEntryProto whose key is "location": how a tensor names the file that its data lie in. Tags and lengths
may be written with more bytes than they need, which must not hide them."""

_REPEATS: Final = re.compile(
    rb"(?:\x22|\xa2\x80{0,8}\x00)(?:[\x04\x08\x0a\x0c\x11]|[\x84\x88\x8a\x8c\x91]\x80{0,8}\x00)"
    rb"(Loop|Scan|Sampling|BeamSearch|GreedySearch|WhisperBeamSearch)"
)
"""NodeProto.op_type of those that run a graph within the graph as often as a number in the file or the image says."""


def read_metadata(path: Path) -> dict[str, str]:
    """The file's `metadata_props`.

    Raises:
        CheckpointError: there is no such file, it is cut off, or it is no .onnx file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(file, size=size, origin=str(path))
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no model at {path}: give the .onnx file of a fer-export") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error


def has_external_data(content: bytes) -> bool:
    """Whether tensors of an .onnx file lie in other files: such a file is not whole, and names paths to be opened."""
    return _EXTERNAL.search(content) is not None


def repeating_operator(content: bytes) -> str | None:
    """An operator of an .onnx file that repeats others, for ever if it likes; None where there is none."""
    found = _REPEATS.search(content)
    return None if found is None else found[1].decode()


def _read(file: BinaryIO, *, size: int, origin: str) -> dict[str, str]:
    foreign = CheckpointError(f"{origin} is no .onnx model: give the file of a fer-export")
    metadata, seen = {}, set()
    try:
        for number, length in _fields(file, size):
            seen.add(number)
            if number == _METADATA and length is not None:
                if length > _MAX_METADATA:
                    raise foreign
                entry = file.read(length)
                key, value = _entry(entry)
                metadata[key] = value
    except EOFError as error:
        if _IR_VERSION in seen and _GRAPH in seen:
            raise CheckpointError(f"{origin} is cut off: copy or export it again") from error
        raise foreign from error
    except ValueError as error:
        raise foreign from error
    if not {_IR_VERSION, _GRAPH} <= seen:
        raise foreign
    return metadata


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int | None]]:
    """Number of each field and the length of its bytes; after each, the reader may have read those bytes or not.

    Raises:
        EOFError: a field reaches beyond the end.
        ValueError: no protobuf message.
    """
    while file.tell() < end:
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if number == 0 or number > 100:
            raise ValueError(f"field {number}")
        if kind == _VARINT:
            _varint(file)
            yield number, None
            continue
        if kind not in (_FIXED64, _BYTES, _FIXED32):
            raise ValueError(f"wire type {kind}")
        length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        length = _varint(file) if length is None else length
        after = file.tell() + length
        if after > end:
            # The graph makes up nearly the whole file, so a cut most often falls into it.
            yield number, None
            raise EOFError
        yield number, length
        file.seek(after)


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("varint of more than ten bytes")


def _entry(content: bytes) -> tuple[str, str]:
    """Key and value of a StringStringEntryProto."""
    import io

    file, found = io.BytesIO(content), {_KEY: b"", _VALUE: b""}
    for number, length in _fields(file, len(content)):
        if number in found and length is not None:
            found[number] = file.read(length)
    return found[_KEY].decode("utf-8"), found[_VALUE].decode("utf-8")
