"""A study's folder: held while the study runs, and runs in it that were begun before."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from fer.common.errors import ConfigError
from fer.common.files import owned_folder
from fer.common.processes import first_process
from fer.config.saved import changed_settings, read_tree
from fer.config.schema import TrainConfig
from fer.folders.run import RunFolder
from fer.folders.same_data import refuse_other_data_of
from fer.folders.study import StudyFolder


class Planned(Protocol):
    """A run of a study, trained or not."""

    @property
    def folder(self) -> RunFolder: ...  # noqa: D102
    @property
    def tree(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def config(self) -> TrainConfig: ...  # noqa: D102


def owned(study: StudyFolder) -> AbstractContextManager[None]:
    """Holds the study's folder for this process, and so for those that it trains with.

    Raises:
        ConfigError: another study is running in it, or it cannot be written.
    """
    if not first_process():
        return nullcontext()
    busy = "another study is running in it"
    return owned_folder(study.path, key="study_dir", busy=busy, plans=[study.file.name])


def refuse_other_runs(runs: Sequence[Planned]) -> None:
    """Refuses runs that are there already, finished or not, and were trained otherwise, or on other data.

    Raises:
        ConfigError: naming the settings that differ.
        DataError: their data are others now, or cannot be opened.
    """
    begun = [
        run
        for run in runs
        if (run.folder.metrics.is_file() or run.folder.last.is_file()) and run.folder.config.is_file()
    ]
    for run in begun:
        changed = changed_settings(read_tree(run.folder.path), run.tree)
        if changed:
            raise ConfigError(
                f"{run.folder.path} holds a run with other settings: {', '.join(changed[:5])}; go on with the study's "
                "own command, or choose another study_dir"
            )
    refuse_other_data_of([(run.folder, run.config.data) for run in begun], key="study_dir")
