"""`fer-predict`: emotions of the faces in a person's own pictures and videos."""

import argparse
import logging
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from fer.common.errors import ConfigError, DataError
from fer.common.interrupt import Interrupted
from fer.runtime.predict.options import parser as options

if TYPE_CHECKING:
    from fer.runtime.predict.listing import Listing
    from fer.runtime.predict.pictures import Outcome
    from fer.runtime.predict.sources import Item
    from fer.runtime.predict.writing import Writer

_FORMAT_OF: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns the exit status.

    Records go to standard output or to `--out`, everything else to standard error.

    Raises:
        FerError: a mistake of the user's that leaves nothing to do; one bad file among others is a record instead.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    parser = options()
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
        interruption.heard()
        print(f"stopped by {interruption}; the records so far are written", file=sys.stderr)
        return interruption.exit_code


class _Work:
    """One run of the command."""

    def __init__(self, arguments: argparse.Namespace, stack: ExitStack) -> None:
        from fer.runtime.predict.annotated_writer import AnnotatedWriter
        from fer.runtime.predict.progress import Progress
        from fer.runtime.predict.recipe import Recipe
        from fer.runtime.predict.session import Session
        from fer.runtime.predict.tally import Tally
        from fer.runtime.prior import open_prior

        self._arguments = arguments
        recipe = Recipe(
            model=arguments.model,
            detector=arguments.detector,
            detector_model=arguments.detector_model,
            prior=None if arguments.prior is None else open_prior(arguments.prior),
            tta=arguments.tta,
        )
        model = recipe.open_model()
        interval = 0.0 if arguments.per == "frame" else arguments.interval
        if arguments.webcam is not None and arguments.per is None and interval is None:
            interval = 0.5
        self._interval = interval
        self._session = stack.enter_context(
            Session(
                model,
                open_detector=lambda live: recipe.open_detector(live=live),
                annotated=None
                if arguments.annotate is None
                else AnnotatedWriter(arguments.annotate, inputs=arguments.paths, tell=self._tell),
                interval=interval,
                smoothing=arguments.smoothing,
                recipe=recipe,
                workers=arguments.workers,
                tell=self._tell,
            )
        )
        self._write = _writer(arguments, stack, labels=model.labels)
        self._tally = Tally()
        # Rows and the line would write over each other on one terminal.
        alone = arguments.out is not None or not sys.stdout.isatty()
        seen = arguments.paths and (arguments.progress or (sys.stderr.isatty() and alone))
        self._progress = Progress(sys.stderr if seen else None)
        self._seen = bool(seen)

    def run(self) -> int:
        """Looks at everything; the exit status."""
        from fer.runtime.predict.listing import Listing
        from fer.runtime.predict.sources import STDIN, bursts

        start = time.monotonic()
        try:
            if self._arguments.webcam is not None:
                self._camera(self._arguments.webcam)
                return 0
            for found in bursts(self._arguments.paths, leave_out=self._arguments.annotate):
                # Standard input may never end, and is not read further than it is worked on.
                if self._seen and STDIN not in self._arguments.paths:
                    with Listing(found) as listing:
                        self._files(listing, listing=listing)
                else:
                    self._files(found, listing=None)
            if not self._tally.anything:
                told = ["standard input" if path == STDIN else path for path in self._arguments.paths]
                raise DataError(f"there is no picture or video in {', '.join(told)}: name a file or another folder")
            return 0
        finally:
            self._progress.clear()
            if self._tally.anything:
                print(self._tally.words(time.monotonic() - start), file=sys.stderr)

    def _files(self, found: "Iterable[Item]", *, listing: "Listing | None") -> None:
        for outcome in self._session.files(found):
            self._take(outcome)
            self._progress.show(self._session.done, total=None if listing is None else listing.total)

    def _take(self, outcome: "Outcome") -> None:
        self._tally.add(outcome)
        for face in outcome.faces:
            self._write(face)

    def _tell(self, line: str) -> None:
        self._progress.clear()
        print(line, file=sys.stderr)

    def _camera(self, index: int) -> None:
        from fer.runtime.predict.pictures import Outcome
        from fer.runtime.predict.sources import Item
        from fer.runtime.predict.video_source import open_camera

        name = f"webcam {index}"
        with open_camera(index) as video:
            print(f"{name}: Ctrl-C ends", file=sys.stderr)
            item = Item(Path(name), Path(f"webcam-{index}"), "video")
            for faces in self._session.follow(video, item, source=name, interval=self._interval):
                self._take(Outcome(faces, video=True, moment=True))
            raise DataError(f"--webcam {index}: the camera gives no more pictures (unplugged?)")


def _writer(arguments: argparse.Namespace, stack: ExitStack, *, labels: tuple[str, ...]) -> "Writer":
    from fer.common.paths import expanded
    from fer.runtime.predict.inputs import refuse_to_replace_inputs
    from fer.runtime.predict.writing import open_writer, replacing

    out: Path | None = arguments.out
    stream: TextIO = sys.stdout
    if out is not None:
        named = {"--model": arguments.model, "--prior": arguments.prior, "--detector-model": arguments.detector_model}
        refuse_to_replace_inputs(
            out,
            paths=arguments.paths,
            options={option: expanded(told) for option, told in named.items() if told},
            leave_out=arguments.annotate,
        )
        try:
            stream = stack.enter_context(out.open("a", encoding="utf-8", newline=""))
        except OSError as error:
            raise ConfigError(f"--out {out} cannot be written: {error.strerror}") from error
    form = arguments.format
    if form is None:
        form = "table" if out is None else _FORMAT_OF.get(out.suffix.lower(), "table")

    def opened() -> "Writer":
        return open_writer(form, stream, labels=labels, width=shutil.get_terminal_size((100, 24)).columns)

    return opened() if out is None else replacing(stream, opened)
