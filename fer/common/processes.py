"""Several processes that train one model: what can be known of them before they can talk to each other.

Lightning finds out by itself who started a process (its own launcher, torchrun, Slurm, MPI) and gives it its rank; see
`fer.training.trainer`. Before that, two things must be settled: every process needs the same run folder, and one alone
may talk to the user.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fer.common.errors import ConfigError

AGREED_RUN_DIR: Final = "FER_RUN_DIR"
"""Environment variable by which the first process tells those it starts the name of the run folder; it counts beside a
`LOCAL_RANK` above 0 alone, which Lightning gives to each of them."""

_LAUNCHERS: Final = (
    ("torchrun", "WORLD_SIZE", ("TORCHELASTIC_RUN_ID",)),
    ("Slurm", "SLURM_NTASKS", ("SLURM_PROCID",)),
    ("MPI", "OMPI_COMM_WORLD_SIZE", ()),
    ("MPI", "PMI_SIZE", ()),
)
"""Who starts processes from outside: its name, the variable with their number, variables that must be there too."""

_RANKS: Final = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "LOCAL_RANK")


def agreed_run_dir() -> Path | None:
    """The run folder that the process which started this one chose; None where this one may choose.

    Raises:
        ConfigError: this is one of several processes that were started from outside: each would choose another name.
    """
    told = told_run_dir()
    if told is not None:
        return Path(told)
    for name, size, others in _LAUNCHERS:
        count = os.environ.get(size, "1")
        if count.isdigit() and int(count) > 1 and all(other in os.environ for other in others):
            raise ConfigError(
                f"run_dir: {name} started {count} processes, and each would name its run folder by its own clock: "
                "give run_dir=PATH (the same command with it also goes on after an interruption)"
            )
    return None


def told_run_dir() -> str | None:
    """The run folder in which the process that started this one trains; None where none did."""
    rank = os.environ.get("LOCAL_RANK", "0")
    return os.environ.get(AGREED_RUN_DIR) if rank.isdigit() and int(rank) > 0 else None


def started_by_another() -> bool:
    """Whether the first process of a training started this one to train with it."""
    return told_run_dir() is not None


def first_process() -> bool:
    """Whether this process is the one that talks to the user, as far as its environment tells."""
    rank = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    return rank == "0" and os.environ.get("NODE_RANK", "0") == "0"


@contextmanager
def environment_with(variables: Mapping[str, str]) -> Iterator[None]:
    """Within, the environment holds `variables`, for processes started there; afterwards it is as it was before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
