"""The command `fer-study`."""

import logging
import sys
from collections.abc import Sequence
from typing import Final

from fer.config.conf_files import keys_of

HELP: Final = """\
fer-study: several recipes with several seeds, and what they say together. augmentation: how much of the spread of
results is its doing, and what it does to the gap between training and selection; datasize: accuracy by number of
training faces, net by net. PrivateTest is not read.

usage: fer-study study.what=augmentation|datasize [KEY=VALUE ...] [study_dir=PATH]

  fer-study data.root=archive.zip study_dir=studies/a                      four augmentations, three seeds
  fer-study data.root=archive.zip study.what=datasize study_dir=studies/d  five sizes, four nets, three seeds
  fer-study study_dir=studies/a data.root=archive.zip                      the same command again: goes on
  fer-report study=studies/a                                               the page of a study again

Each training is a run folder of fer-train under study_dir/runs. Every key of fer-train works and holds for all runs.
The study ends with its page, study.html, with figures, study.csv and the sentences in study.md beside it.

Keys of the study:
"""


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `key=value` arguments; it ends with the path of its page.

    Raises:
        FerError: a mistake in the arguments, or a training that cannot work; finished runs are kept.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        print(HELP + keys_of("study"), end="")
        return
    from fer.config.completion import completes

    if completes(arguments, config_name="study"):
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    from fer.config.overrides import with_files
    from fer.report.recipes.page import write_study_page
    from fer.studies.recipes.plan import make_plan
    from fer.studies.recipes.settings import compose_study
    from fer.studies.recipes.study import run_study

    plan = make_plan(compose_study(with_files(list(arguments))))
    run_study(plan)
    print(f"report: {write_study_page(plan.folder.path)}")
