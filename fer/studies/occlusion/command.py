"""The command `fer-occlusion`."""

from collections.abc import Sequence
from typing import Final

HELP: Final = """\
fer-occlusion: which part of the face does a model need? Trains a baseline on whole faces, fine-tunes it on faces with
nothing but the upper, lower, left or right half visible, and reports every model on every mask.

usage: fer-occlusion [KEY=VALUE ...] [study_dir=PATH]

  fer-occlusion data.root=archive.zip                    FER-2013 and the default net
  fer-occlusion data=synthetic trainer.max_epochs=6      synthetic faces, no data needed
  fer-occlusion baseline=outputs/a study_dir=studies/a   fine-tunes a finished run instead of training a baseline
  fer-occlusion study_dir=studies/a                      the same command again: goes on where it stopped
  fer-occlusion study_dir=studies/a models=models        ... and writes upper.onnx, ...: fer-serve --model models
  fer-report run=studies/a                               the report of a study again

Each training is a run folder of fer-train: full/, upper/, lower/, left/ and right/ under study_dir. Every key of
fer-train works (`fer-train --help`) and sets up the baseline; the halves learn with the same settings. Each run
selects its epoch on PublicTest faces masked as in its training.

Keys of the study:
"""


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `key=value` arguments; it ends with the path of the report.

    Raises:
        FerError: a mistake in the arguments, or a training that cannot work; finished runs are kept.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        print(HELP + _keys(), end="")
        return
    from fer.config.completion import completes

    if completes(arguments, config_name="occlusion"):
        return
    from fer.studies.occlusion.settings import compose_study

    settings, tree = compose_study(arguments)
    from fer.studies.occlusion.plan import make_plan

    plan = make_plan(settings, tree)
    from fer.studies.occlusion.study import run_command

    run_command(plan, report=settings.report, models=settings.models)


def _keys() -> str:
    """The study's keys with their meaning, as the file itself says."""
    from fer.config.conf_files import conf_dir

    text = (conf_dir() / "occlusion.yaml").read_text(encoding="utf-8").partition("\n\n")[2]
    return "".join(f"  {line}\n" for line in text.splitlines())
