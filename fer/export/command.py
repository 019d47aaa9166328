"""The command `fer-export`."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fer.common.options_parser import OptionsParser, natural, positive
from fer.common.paths import expanded
from fer.common.wording import printable_path

if TYPE_CHECKING:
    from fer.export.export import ExportResult
    from fer.export.photo_fit import PhotoFit

_DESCRIPTION = """\
Writes the best model of a run as one self-describing .onnx file: grey faces in, calibrated probabilities out, with
preprocessing, classes, temperature, abstention threshold and scores inside. It is checked first against the net it
comes from, on PublicTest; what fails is refused and not written.
"""

_EPILOG = """\
examples:
  fer-export outputs/a --out model.onnx                   float32
  fer-export outputs/a --out model.onnx --int8            four times smaller, three times faster
  fer-export outputs/a --out m.onnx --data-root fer.zip   the data set has moved since the training
  fer-export everyday --out mine.onnx --calibrate photos/ --labels labels.csv
                                                          the confidence of a finished file, on your own photographs

next: fer-predict photo.jpg --model model.onnx
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns the exit status. The result goes to standard output.

    Raises:
        FerError: a mistake in the arguments, a run folder or its data, or a result that was refused.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    parser = _parser()
    if not argv:
        parser.print_help(sys.stderr)
        return 2
    arguments = parser.parse_args(argv)
    from fer.export.recalibrate import is_file

    exported = is_file(arguments.run)
    if arguments.labels is not None and arguments.calibrate is None:
        parser.error("--labels goes with --calibrate PHOTOS")
    if not (arguments.int8 or exported) and (given := _given(arguments, parser, _OF_INT8)):
        parser.error(f"{given}: for 8 bits alone; give --int8 too")
    from fer.common.plugins import allow

    allow(arguments.plugin)
    result = _of_file(arguments, parser) if exported else _of_run(arguments)
    print(json.dumps(result.as_dict(), indent=2, allow_nan=False) if arguments.json else _text(result))
    return 0


_OF_INT8: Final = ("max_loss", "ranges", "full_range", "calibration_faces")
_OF_RUNS: Final = ("int8", "data_root", *_OF_INT8, "votes_share", "seed")
"""Options without a meaning for a file that is exported already."""


def _given(arguments: argparse.Namespace, parser: argparse.ArgumentParser, names: Sequence[str]) -> str:
    """The options among these that differ from their defaults, as they are written."""
    given = [name for name in names if getattr(arguments, name) != parser.get_default(name)]
    return ", ".join(f"--{name.replace('_', '-')}" for name in given)


def _of_file(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> "ExportResult":
    if arguments.prior is not None:
        parser.error(f"--prior is for run folders; {arguments.run} is exported already: give --prior to fer-predict")
    if arguments.calibrate is None:
        parser.error(f"{arguments.run} is exported already: give --calibrate PHOTOS, or a run folder")
    if given := _given(arguments, parser, _OF_RUNS):
        parser.error(f"{given}: for run folders, and {arguments.run} is exported already: export its run anew")
    from fer.export.export import calibrate_file

    return calibrate_file(
        arguments.run,
        arguments.out,
        photographs=arguments.calibrate,
        labels=arguments.labels,
        target_accuracy=arguments.target_accuracy,
        card=arguments.card,
    )


def _of_run(arguments: argparse.Namespace) -> "ExportResult":
    from fer.export.export import export_run
    from fer.runtime.prior import open_prior

    return export_run(
        arguments.run,
        arguments.out,
        int8=arguments.int8,
        data_root=arguments.data_root,
        max_loss=arguments.max_loss,
        target_accuracy=arguments.target_accuracy,
        ranges=arguments.ranges,
        full_range=arguments.full_range,
        calibration_faces=arguments.calibration_faces,
        seed=arguments.seed,
        card=arguments.card,
        votes_share=arguments.votes_share,
        calibrate=arguments.calibrate,
        labels=arguments.labels,
        prior=None if arguments.prior is None else open_prior(arguments.prior),
    )


def _parser() -> argparse.ArgumentParser:
    parser = OptionsParser(
        prog="fer-export",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run",
        metavar="RUN",
        type=expanded,
        help="the run folder of a fer-train; with --calibrate also a file of fer-export or a model of the package",
    )
    parser.add_argument("--out", metavar="FILE.onnx", type=expanded, required=True, help="the file to write")
    parser.add_argument("--int8", action="store_true", help="quantise to 8 bits, on faces drawn from Training")
    parser.add_argument("--card", action="store_true", help="also write FILE.md, a model card, and FILE.sha256")
    parser.add_argument(
        "--data-root", metavar="PATH", type=expanded, help="where the data set lies now, if it has moved"
    )
    parser.add_argument(
        "--max-loss",
        metavar="POINTS",
        type=_points,
        default=0.5,
        help="accuracy INT8 may lose on PublicTest, in points of a hundred (default: 0.5)",
    )
    parser.add_argument(
        "--target-accuracy",
        metavar="SHARE",
        type=_share,
        default=0.8,
        help="accuracy that predictions not marked uncertain are to reach, above 0 and up to 1 (default: 0.8)",
    )
    parser.add_argument(
        "--calibrate",
        metavar="PHOTOS",
        type=expanded,
        help="fit temperature and abstention threshold on labelled photographs, a folder or zip, not on PublicTest",
    )
    parser.add_argument(
        "--labels",
        metavar="CSV",
        type=expanded,
        help="their labels: columns file, emotion and, where known, person (default: each lies in a folder of its "
        "emotion's name)",
    )
    parser.add_argument(
        "--ranges",
        choices=("minmax", "entropy", "percentile"),
        default="minmax",
        help="how INT8 finds the range of each activation (default: minmax)",
    )
    parser.add_argument(
        "--full-range",
        action="store_true",
        help="INT8 weights of 8 bits instead of 7: slightly closer, but wrong on x86 CPUs without VNNI",
    )
    parser.add_argument(
        "--calibration-faces", metavar="N", type=positive, default=512, help="training faces for INT8 (default: 512)"
    )
    parser.add_argument(
        "--votes-share",
        metavar="SHARE",
        type=_weight,
        help="of a net with two heads (data.targets=both): weight of the votes' head, 0 to 1 (default: the run's own)",
    )
    parser.add_argument(
        "--prior",
        metavar="everyday|balanced|FILE",
        help="shares of the emotions that the file is to take for granted, in place of those that the net has learned",
    )
    parser.add_argument("--seed", metavar="N", type=natural, default=0, help="draws these faces (default: 0)")
    parser.add_argument(
        "--plugin",
        metavar="PACKAGE",
        action="append",
        default=[],
        help="a package whose code the run's checkpoint may name (again for another); or set FER_PLUGINS",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _text(result: "ExportResult") -> str:
    facts = result.facts
    certain = (
        "every prediction is marked uncertain: no confidence earns the accuracy asked for"
        if facts.threshold is None
        else f"uncertain below {100 * facts.threshold:.1f} %, which leaves {100 * facts.coverage:.0f} % certain"
    )
    megabytes = result.path.stat().st_size / 1e6
    names = () if result.card is None else (result.card.name, result.path.with_suffix(".sha256").name)
    beside = "" if not names else ", " + " and ".join(map(printable_path, names))
    lines = [
        facts.name,
        "",
        *([result.table(), ""] if result.measured else []),
        *(() if result.fit is None else _fit_text(result.fit)),
        *(f"note: {note}" for note in result.notes),
        f"temperature {facts.temperature:.3f}; {certain}",
        f"wrote {printable_path(result.path)} ({megabytes:.2f} MB, SHA-256 {facts.sha256[:16]}...){beside}",
    ]
    return "\n".join(lines)


def _fit_text(fit: "PhotoFit") -> list[str]:
    def answered(share: float, accuracy: float | None) -> str:
        return f"{100 * share:.1f} % certain" + ("" if accuracy is None else f", {100 * accuracy:.1f} % of them right")

    facts = fit.facts
    return [
        f"{facts.n:,} faces of {facts.persons:,} persons in {facts.name}: {100 * facts.accuracy:.1f} % right",
        f"before: {answered(fit.coverage_before, fit.accuracy_before)}; calibration error {fit.error_before:.3f}",
        f"after, on other persons than fitted it: {answered(facts.coverage, facts.answered_accuracy)}; "
        f"calibration error {fit.error:.3f}",
        *(f"note: {note}" for note in fit.notes),
        "",
    ]


def _points(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} lies outside 0 to 100 points")
    return value


def _weight(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} lies outside 0 to 1")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be above 0 and up to 1 (0.8 means 80 %)")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
