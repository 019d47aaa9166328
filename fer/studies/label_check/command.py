"""`fer-data suspects`: training faces whose labels look wrong."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fer.common.options_parser import OptionsParser
from fer.common.paths import expanded
from fer.common.wording import shell_word

_HELP: Final = """\
Lists training faces whose labels look wrong (confident learning) to models that did not train on them: one run for each
fold of data.protocol=kfold. It is the models' opinion; a face they cannot read looks to them like a wrong label. No
label is changed. To train without these faces: fer-train data.leave_out=suspects.csv
"""

_EPILOG: Final = """\
  for fold in 0 1 2 3 4; do fer-train data.protocol=kfold data.fold=$fold run_dir=folds/$fold; done
  fer-data suspects folds/* --out suspects.csv
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command.

    Raises:
        FerError: the runs are not the folds of one training.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    parser = OptionsParser(
        prog="fer-data suspects",
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders, one for each fold")
    parser.add_argument("--out", type=Path, default=Path("suspects.csv"), metavar="CSV", help="default: suspects.csv")
    parser.add_argument("--json", action="store_true", help="answer with one JSON document")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="warning: %(message)s", stream=sys.stderr)

    from fer.common.files import write_atomic
    from fer.metrics.label_noise import LEAST_ACCURACY
    from fer.studies.label_check.suspects import find_suspects

    found = find_suspects([expanded(run) for run in arguments.runs])
    write_atomic(arguments.out, found.as_csv())
    issues, count = found.issues, len(found.predictions)
    told = found.accuracy >= LEAST_ACCURACY
    shares = {"all": issues.wrong, **issues.wrong_of} if told else {}
    answer = {
        "faces": count,
        "suspects": len(issues.rows),
        "accuracy": found.accuracy,
        # Below that accuracy the share tells of the models, not of the labels.
        "estimated_share_wrong": {name: share.as_dict() for name, share in shares.items()} if told else None,
        "written": str(arguments.out),
    }
    if arguments.json:
        print(json.dumps(answer, indent=2, allow_nan=False))
        return 0
    have = "has a label" if len(issues.rows) == 1 else "have labels"
    print(f"{len(issues.rows):,} of {count:,} training faces {have} that the models speak against.\n")
    if told:
        print(f"{'label':10}{'faces':>8}   estimated share of wrong labels, 95 % interval")
    else:
        print(
            f"What share of the labels is wrong cannot be told: the models are right in {found.accuracy:.1%} of the "
            f"faces, below {LEAST_ACCURACY:.0%}, so most of what they speak against is their own error."
        )
    for name, share in shares.items():
        print(f"{name:10}{share.n:8,}   {share.value:6.1%} ({share.low:.1%} to {share.high:.1%})")
    print(f"\nWrote {arguments.out}. To train without them: fer-train {shell_word(f'data.leave_out={arguments.out}')}")
    return 0
