"""Records as a table for people, as JSON lines or as CSV; each row is written as soon as it is known."""

import csv
import json
import os
import stat
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TextIO

from fer.common.cells import cell_of
from fer.common.label_set import are_emotions
from fer.runtime.record import Face

Writer = Callable[[Face], None]

_BEFORE: Final = ("source", "face", "x", "y", "width", "height", "label", "confidence", "uncertain")
_AFTER: Final = ("status", "reason", "frame", "seconds", "track", "prior")
"""Columns before and after those of the labels."""


class _Rows(Protocol):
    def writerow(self, row: Sequence[object], /) -> object: ...


def open_writer(form: str, stream: TextIO, *, labels: Sequence[str], width: int) -> Writer:
    """What writes a record to a stream.

    Args:
        form: "table", "jsonl" or "csv".
        stream: where it goes; flushed after each record.
        labels: what the model predicts: a column of the CSV each.
        width: columns of the terminal, for the table.
    """
    if form == "jsonl":
        # Where a stream cannot hold every letter, JSON has escapes of its own.
        plain = "utf" not in (stream.encoding or "utf-8").lower()
        return lambda face: print(json.dumps(face.as_dict(), ensure_ascii=plain), file=stream, flush=True)
    if form == "csv":
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow([*_BEFORE, *labels, *_AFTER])
        return lambda face: _csv_row(rows, stream, face, labels)
    return _table(stream, labels, width=width)


def replacing(stream: TextIO, opened: Callable[[], Writer]) -> Writer:
    """What empties a file before its first record: a command that finds nothing to look at leaves an earlier one whole.

    Args:
        stream: opened for appending.
        opened: opens what writes to it.
    """
    writer: Writer | None = None

    def write(face: Face) -> None:
        nonlocal writer
        if writer is None:
            # Pipes and devices have nothing to empty.
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                stream.truncate(0)
            writer = opened()
        writer(face)

    return write


def _csv_row(rows: _Rows, stream: TextIO, face: Face, labels: Sequence[str]) -> None:
    box = (None, None, None, None) if face.box is None else face.box
    shares = face.probabilities or {}
    rows.writerow(
        [
            cell_of(face.source),
            face.face,
            *box,
            face.label,
            face.confidence,
            None if face.uncertain is None else str(face.uncertain).lower(),
            *(shares.get(name) for name in labels),
            face.status,
            face.reason,
            face.frame,
            face.seconds,
            face.track,
            face.prior,
        ]
    )
    stream.flush()


def _table(stream: TextIO, labels: Sequence[str], *, width: int) -> Writer:
    what = "emotion" if are_emotions(labels) else "label"
    wide = max(8, *map(len, labels))
    room = max(20, min(48, width - 40 - 2 * wide))
    head = True

    def write(face: Face) -> None:
        nonlocal head
        # Not before there is something to say: a mistake found on the way is told alone.
        if head:
            heads = f"{what:{wide}}  sure   {'second guess':{wide + 10}}box"
            print(f"{'picture':{room}} face  {heads}", file=stream)
            head = False
        name = face.source if face.seconds is None else f"{face.source} {face.seconds:.2f} s"
        shown = name if len(name) <= room else "..." + name[3 - room :]
        print(f"{shown:{room}} {_words(face, wide)}".rstrip(), file=stream, flush=True)

    return write


def _words(face: Face, room: int) -> str:
    if face.status == "no_face":
        return "   -  no face found"
    if face.box is None or face.probabilities is None or face.confidence is None:
        return f"   -  unreadable: {face.reason}"
    second, share = sorted(face.probabilities.items(), key=lambda pair: -pair[1])[1]
    doubt = f"{second} {100 * share:.0f} %"
    x, y, w, h = face.box
    note = "  uncertain" if face.uncertain else ""
    return (
        f"{face.face:4}  {face.label:{room}} {100 * face.confidence:3.0f} %   {doubt:{room + 7}} {x},{y} {w}x{h}{note}"
    )
