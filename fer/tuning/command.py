"""The command `fer-sweep`."""

import logging
import sys
from collections.abc import Sequence
from typing import Final

from fer.config.conf_files import keys_of

HELP: Final = """\
fer-sweep: searches the settings of a model, trial by trial, and keeps every one of them.

usage: fer-sweep [KEY=VALUE ...] [KEY=DISTRIBUTION ...] [sweep_dir=PATH] [num_trials=N] [workers=W]

  fer-sweep data.root=archive.zip model=cnn trainer.max_epochs=4   what conf/space/cnn.yaml names, four epochs a trial
  fer-sweep data=synthetic model=mlp num_trials=20                 synthetic faces, no data needed
  fer-sweep model=cnn optimizer=sgd optimizer.lr=0.1               what the command line fixes is not searched
  fer-sweep space=none 'optimizer.lr=loguniform(1e-4, 1e-1)' 'data.batch_size=choice(64, 128)'
  fer-sweep sweep_dir=sweeps/a                                     the same command again: goes on where it stopped
  fer-train @sweeps/a/best.yaml trainer.max_epochs=30              the best trial, trained for longer

Distributions: uniform(low, high), loguniform(low, high), quniform(low, high, step), qloguniform(low, high, step),
choice(a, b, ...). Trials are judged on PublicTest, or on folds of Training; PrivateTest is never read.

Keys of the sweep (every key of fer-train works too and holds for each trial: `fer-train --help`):
"""


def main(arguments: Sequence[str]) -> None:
    """Runs the command; it ends with the best trial.

    Raises:
        FerError: a mistake in the arguments, or trials that cannot run; what ended is kept.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        print(HELP + keys_of("sweep"), end="")
        return
    from fer.config.completion import completes

    if completes(arguments, config_name="sweep"):
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    from fer.tuning.run import run_sweep

    run_sweep(arguments)
