"""The command `fer-bench`."""

import logging
import sys
from collections.abc import Sequence
from typing import Final

from fer.config.conf_files import keys_of

HELP: Final = """\
fer-bench: how fast, beside what? Training against a bare loop and against the usual stack of image files and worker
processes, inference in three forms, time to accuracy, named peers: ratios from one run, medians of repeats, the machine
described.

usage: fer-bench [KEY=VALUE ...] [bench_dir=PATH]

  fer-bench                                              training and inference on synthetic faces, about three minutes
  fer-bench data.root=archive.zip model=resnet18         another net on FER-2013
  fer-bench bench.what=[inference] bench.run=outputs/a   a trained net
  fer-bench data.root=archive.zip bench.what=[accuracy] bench.accuracy.target=0.64
  fer-bench data.root=archive.zip bench.what=[peers] bench.peers.deepface=envs/deepface/bin/python
  fer-bench bench.what=[photographs] bench.photographs.root=photos.zip bench.photographs.labels=labels.csv

Every key of fer-train works and sets the net, the data and the training (`fer-train --help`). It prints a table and
writes bench.json and bench.md, with every single repeat, into bench_dir. PrivateTest is never read. What each row means
and how not to be fooled by it: docs/how-to/bench.md.

Keys of the bench:
"""


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `key=value` arguments; it ends with the path of its page.

    Raises:
        FerError: a mistake in the arguments, or data, a run or a configuration that cannot be measured.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        print(HELP + keys_of("bench"), end="")
        return
    from fer.config.completion import completes

    if completes(arguments, config_name="bench"):
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    from fer.bench.bench import run_bench
    from fer.config.overrides import with_files

    run_bench(with_files(list(arguments)))
