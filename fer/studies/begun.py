"""Runs of a study that were begun before."""

from collections.abc import Mapping
from typing import Any

from fer.common.errors import ConfigError
from fer.config.saved import changed_settings, read_tree
from fer.folders.run import RunFolder


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
