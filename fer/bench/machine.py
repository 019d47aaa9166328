"""The machine and the software that a number was measured with."""

import os
from typing import Any

from fer.common.environment import environment, physical_memory
from fer.common.processes import cores

_GIB = 2**30


def describe_machine(*, threads: int, device: str, precision: str) -> dict[str, Any]:
    """What a reader needs to judge the numbers, as plain values by the names of a table.

    Args:
        threads: of torch.
        device: in words.
        precision: Lightning's name, of the training.
    """
    import onnxruntime

    here, memory = environment(), physical_memory()
    return {
        "processor": here["machine"]["processor"],
        "cores": cores(),
        "memory, GiB": None if memory is None else round(memory / _GIB, 1),
        "device": device,
        "precision": precision,
        "threads of torch": threads,
        "system": here["machine"]["system"],
        "versions": {**here["versions"], "onnxruntime": onnxruntime.__version__},
        "git revision": here["git_revision"],
    }


def busy_cores() -> float | None:
    """Cores kept busy over the last minute, by everything on this machine; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
