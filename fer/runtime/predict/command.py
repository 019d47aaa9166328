"""`fer-predict`: emotions of the faces in a person's own pictures and videos."""

import argparse
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from fer.common.errors import ConfigError, DataError
from fer.common.interrupt import Interrupted
from fer.common.options_parser import OptionsParser
from fer.runtime.detection.opening import DETECTORS

if TYPE_CHECKING:
    from fer.runtime.predict.writing import Writer

_EXAMPLES: Final = """\
examples:
  fer-predict photo.jpg
  fer-predict holiday/ --annotate seen/ --out faces.csv
  fer-predict 'clips/*.mp4' --interval 1 --format jsonl
  fer-predict --webcam 0
  find . -name '*.jpg' | fer-predict - --format jsonl

A face that no label fits well is said to be uncertain. An expression is not a feeling: judge nobody by it.
"""

_FORMAT_OF: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns the exit status.

    Records go to standard output or to `--out`, everything else to standard error.

    Raises:
        FerError: a mistake of the user's that leaves nothing to do; one bad file among others is a record instead.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    parser = _parser()
    if not argv:
        parser.print_help(sys.stderr)
        return 2
    arguments = parser.parse_args(argv)
    if bool(arguments.paths) == (arguments.webcam is not None):
        parser.error("give the paths of pictures, or --webcam NUMBER")
    logging.basicConfig(level=logging.WARNING, format="warning: %(message)s", stream=sys.stderr)

    from fer.runtime.predict.sources import check_paths

    if arguments.paths:
        check_paths(arguments.paths)
    try:
        with ExitStack() as stack:
            return _Work(arguments, stack).run()
    except Interrupted as interruption:
        print(f"stopped by {interruption}; the records so far are written", file=sys.stderr)
        return interruption.exit_code


class _Work:
    """One run of the command."""

    def __init__(self, arguments: argparse.Namespace, stack: ExitStack) -> None:
        from fer.runtime.model import EmotionModel
        from fer.runtime.predict.annotated_writer import AnnotatedWriter
        from fer.runtime.predict.progress import Tally
        from fer.runtime.predict.session import Session

        self._arguments = arguments
        model = EmotionModel.load(arguments.model)
        self._session = Session(
            model,
            detector=arguments.detector,
            detector_model=arguments.detector_model,
            annotated=None if arguments.annotate is None else AnnotatedWriter(arguments.annotate),
            interval=arguments.interval or 0.0,
            smoothing=arguments.smoothing,
            tell=lambda line: print(line, file=sys.stderr),
        )
        self._write = _writer(arguments, stack, labels=model.labels)
        self._tally = Tally()

    def run(self) -> int:
        """Looks at everything; the exit status."""
        from fer.runtime.predict.progress import Progress
        from fer.runtime.predict.sources import STDIN, items

        start = time.monotonic()
        paths, leave_out = self._arguments.paths, self._arguments.annotate
        try:
            if self._arguments.webcam is not None:
                self._camera(self._arguments.webcam)
                return 0
            # Rows and the line would write over each other on one terminal.
            seen = sys.stderr.isatty() and (self._arguments.out is not None or not sys.stdout.isatty())
            total = sum(1 for _ in items(paths, leave_out=leave_out)) if seen and STDIN not in paths else None
            progress = Progress(sys.stderr if seen else None, total=total)
            try:
                for done, faces in enumerate(self._session.files(items(paths, leave_out=leave_out)), start=1):
                    self._tally.add(faces)
                    for face in faces:
                        self._write(face)
                    progress.show(done)
            finally:
                progress.clear()
            return 0
        finally:
            if self._tally.pictures:
                print(self._tally.words(time.monotonic() - start), file=sys.stderr)

    def _camera(self, index: int) -> None:
        from fer.runtime.predict.sources import Item
        from fer.runtime.predict.video_source import open_camera

        interval = 0.5 if self._arguments.interval is None else self._arguments.interval
        name = f"webcam {index}"
        with open_camera(index) as video:
            print(f"{name}: Ctrl-C ends", file=sys.stderr)
            item = Item(Path(name), Path(f"webcam-{index}"), "video")
            for faces in self._session.follow(video, item, source=name, interval=interval):
                self._tally.add(faces)
                for face in faces:
                    self._write(face)
            raise DataError(f"--webcam {index}: the camera gives no more pictures (unplugged?)")


def _writer(arguments: argparse.Namespace, stack: ExitStack, *, labels: tuple[str, ...]) -> "Writer":
    from fer.runtime.predict.writing import open_writer

    out: Path | None = arguments.out
    stream: TextIO = sys.stdout
    if out is not None:
        try:
            stream = stack.enter_context(out.open("w", encoding="utf-8", newline=""))
        except OSError as error:
            raise ConfigError(f"--out {out} cannot be written: {error.strerror}") from error
    form = arguments.format
    if form is None:
        form = "table" if out is None else _FORMAT_OF.get(out.suffix.lower(), "table")
    return open_writer(form, stream, labels=labels, width=shutil.get_terminal_size((100, 24)).columns)


def _parser() -> argparse.ArgumentParser:
    parser = OptionsParser(
        prog="fer-predict",
        description="Emotions of the faces in pictures, folders, videos and webcams. Nothing leaves this computer.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="a picture, video, folder, pattern, or - for paths on standard input"
    )
    parser.add_argument("--webcam", type=int, metavar="NUMBER", help="a camera, from 0, in place of paths")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a file of fer-export; default: the one shipped")
    parser.add_argument(
        "--detector",
        default=DETECTORS[0],
        choices=DETECTORS,
        help="what finds the faces: auto (default: both networks, and second looks), one network alone, OpenCV's "
        "cascade, or none for pictures that are faces already",
    )
    parser.add_argument("--detector-model", type=Path, metavar="FILE", help="another YuNet file, for --detector yunet")
    parser.add_argument("--format", choices=["table", "jsonl", "csv"], help="default: by --out, else table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the records there (.csv, .jsonl or text)")
    parser.add_argument("--annotate", type=Path, metavar="DIR", help="write copies with boxes and emotions there")
    parser.add_argument(
        "--interval",
        type=_seconds,
        metavar="SECONDS",
        help="of videos and webcams: time between records (default: each frame; 0.5 for a webcam)",
    )
    parser.add_argument(
        "--smoothing",
        type=_seconds,
        default=0.3,
        metavar="SECONDS",
        help="of videos and webcams: time over which probabilities are averaged (default 0.3; 0 is none)",
    )
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, 0 or more")
    return value
