"""Where Hydra notes down what a multirun was: nowhere, unless it is told."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fer.common.processes import environment_with

FOLDER: Final = "FER_MULTIRUN"
"""Environment variable by which conf/train.yaml, and a launcher's processes, learn of the folder."""


@contextmanager
def own_sweep_dir() -> Iterator[None]:
    """Within, Hydra's multirun.yaml goes to a folder that goes with the command: each run folder holds all it says."""
    with tempfile.TemporaryDirectory(prefix="fer-multirun-") as name, environment_with({FOLDER: name}):
        yield
