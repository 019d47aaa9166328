"""A study's folder: held while the study runs, and runs in it that were begun before."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fer.common.errors import ConfigError
from fer.common.files import owned_folder
from fer.common.processes import first_process
from fer.config.saved import changed_settings, read_tree
from fer.folders.run import RunFolder
from fer.folders.study import StudyFolder


def owned(study: StudyFolder) -> AbstractContextManager[None]:
    """Holds the study's folder for this process, and so for those that it trains with.

    Raises:
        ConfigError: another study is running in it, or it cannot be written.
    """
    if not first_process():
        return nullcontext()
    busy = "another study is running in it"
    return owned_folder(study.path, key="study_dir", busy=busy, plans=[study.file.name])


def refuse_other_run(folder: RunFolder, tree: Mapping[str, Any]) -> None:
    """Refuses a run that is there already, finished or not, and was trained otherwise.

    Args:
        folder: where the study's run is to be.
        tree: its plain configuration.

    Raises:
        ConfigError: naming the settings that differ.
    """
    begun = folder.metrics.is_file() or folder.last.is_file()
    if not begun or not folder.config.is_file():
        return
    changed = changed_settings(read_tree(folder.path), tree)
    if changed:
        raise ConfigError(
            f"{folder.path} holds a run with other settings: {', '.join(changed[:5])}; go on with the study's "
            "own command, or choose another study_dir"
        )
