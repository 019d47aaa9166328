"""The options of `fer-predict`."""

import argparse
from pathlib import Path
from typing import Final

from fer.common.options_parser import OptionsParser, natural, positive
from fer.common.processes import cores
from fer.runtime.detection.opening import DETECTORS
from fer.runtime.model_options import add_model_options

_EXAMPLES: Final = """\
examples:
  fer-predict photo.jpg
  fer-predict holiday/ --annotate seen/ --out faces.csv
  fer-predict 'clips/*.mp4' --per second --format jsonl
  fer-predict holiday/ --model benchmark --prior balanced --tta
  fer-predict --webcam 0
  find . -name '*.jpg' | fer-predict - --format jsonl

A face that no label fits well is said to be uncertain. An expression is not a feeling: judge nobody by it.
"""


def parser() -> argparse.ArgumentParser:
    """Reads the command line."""
    parser = OptionsParser(
        prog="fer-predict",
        description="Emotions of the faces in pictures, folders, videos and webcams. Nothing leaves this computer.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="a picture, video, folder, pattern, or - for paths on standard input"
    )
    parser.add_argument("--webcam", type=natural, metavar="NUMBER", help="a camera, from 0, in place of paths")
    add_model_options(parser)
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
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="DIR",
        help="write copies with boxes and emotions there; of a video also its timeline, as SVG",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=cores(),
        metavar="N",
        help="processes that look at pictures (default: one a core, here %(default)s)",
    )
    parser.add_argument("--progress", action="store_true", help="tell how far it is where there is no terminal, too")
    times = parser.add_mutually_exclusive_group()
    times.add_argument(
        "--per",
        choices=["second", "frame"],
        help="of videos: a record a face and second, of the mean of its frames (default), or a record a face and frame",
    )
    times.add_argument(
        "--interval",
        type=_seconds,
        metavar="SECONDS",
        help="of videos and webcams: a record of the frame at every so many seconds (default of a webcam: 0.5)",
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
