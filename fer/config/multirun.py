"""Where Hydra notes down what a multirun was: nowhere, unless it is told."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KEY = "hydra.sweep.dir"


@contextmanager
def own_sweep_dir(arguments: list[str]) -> Iterator[None]:
    """Adds a folder for Hydra's multirun.yaml that goes with the command: each run folder holds its configuration.

    Args:
        arguments: of a command line, for hydra.main; gets one more where it asks for a multirun and names no folder.
    """
    several = any(argument in ("-m", "--multirun") for argument in arguments)
    if not several or any(argument.lstrip("+").partition("=")[0] == _KEY for argument in arguments):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="fer-multirun-") as name:
        arguments.append(f"{_KEY}={Path(name).as_posix()}")
        yield
