"""Environment variables that change what the commands do."""

import os
from collections.abc import Iterator
from typing import Final

from fer.common.errors import nearest
from fer.common.processes import AGREED_RUN_DIR
from fer.common.redaction import is_secret, without_credentials
from fer.doctor.finding import Finding

_PREFIXES: Final = (
    "FER_",
    "MLFLOW_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "CUDA_",
    "PYTORCH_",
    "TORCH_",
    "NCCL_",
    "HF_",
    "HYDRA_",
)
_OTHERS: Final = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_NTASKS", "XDG_CACHE_HOME", "XDG_DATA_HOME")
_OURS: Final = ("FER_DATA", "FER_CACHE", "FER_DEBUG", "FER_PLUGINS", "FER_SERVE_TOKEN", "FER_STUDIO_TOKEN")


def examine() -> Iterator[Finding]:
    """The variables that are set; of secret ones only that they are."""
    found = {name: value for name, value in sorted(os.environ.items()) if name.startswith(_PREFIXES) or name in _OTHERS}
    if not found:
        yield Finding("variables", "none that matters here is set")
    for name, value in found.items():
        hidden = is_secret(name) or name.endswith("_USERNAME")
        yield _finding(name, "set, not shown" if hidden else without_credentials(value))


def _finding(name: str, shown: str) -> Finding:
    if name == AGREED_RUN_DIR:
        return Finding(
            name,
            shown,
            "problem",
            f"Beside a LOCAL_RANK above 0 a training takes itself for a helper of another and is silent: unset {name}.",
        )
    if name.startswith("FER_") and name not in _OURS:
        return Finding(name, shown, "note", f"ferlab reads no such variable{nearest(name, _OURS)}.")
    if name == "FER_DEBUG" and shown != "1":
        return Finding(name, shown, "note", "Only FER_DEBUG=1 has an effect.")
    return Finding(name, shown)
