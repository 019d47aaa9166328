"""Completion of KEY=VALUE in a shell, by Hydra's own script."""

from collections.abc import Sequence
from typing import Any

from fer.config.conf_files import conf_dir


def completes(arguments: Sequence[str], *, config_name: str, group: str = "") -> bool:
    """Whether a shell asked (`-sc install=bash`, `-sc query=bash`); then Hydra has answered.

    Args:
        arguments: of the command.
        config_name: its primary configuration.
        group: the folder in conf/ that holds it.
    """
    if not any(argument.partition("=")[0] in ("-sc", "--shell-completion") for argument in arguments):
        return False
    import hydra

    @hydra.main(config_path=str(conf_dir() / group), config_name=config_name, version_base="1.3")
    def answer(_: Any) -> None:
        """Nothing to run."""

    answer()
    return True
