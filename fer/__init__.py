"""Facial-emotion recognition: train, compare, explain and ship models with numbers one can trust.

    import fer

    fer.predict("photo.jpg")                          # faces with box, label and probabilities; needs no torch
    run = fer.train("experiment=quickstart", seed=1)  # as `fer-train experiment=quickstart seed=1`
    fer.evaluate(run)                                 # the report, which shows itself in a notebook

Everything is imported when it is first used, so that `import fer` costs next to nothing.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# From 1.29 on, ONNX Runtime keeps a database in the user's cache folder and reports to its makers what it runs. It
# reads this once, when it starts: nothing of ours may import it earlier. ORT_DISABLE_TELEMETRY=0 lets it report.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from fer.api.datasets import Dataset, dataset
    from fer.api.models import Explanation, Model, load
    from fer.api.predict import predict
    from fer.api.predictions import Faces
    from fer.api.reports import Report, compare, evaluate
    from fer.api.runs import Run, train
    from fer.api.sweeps import SweepResult, sweep
    from fer.common.errors import FerError

    __version__: str

__all__ = [
    "Dataset",
    "Explanation",
    "Faces",
    "FerError",
    "Model",
    "Report",
    "Run",
    "SweepResult",
    "__version__",
    "compare",
    "dataset",
    "evaluate",
    "load",
    "predict",
    "sweep",
    "train",
]

_HOMES = {
    "fer.api.datasets": ("Dataset", "dataset"),
    "fer.api.models": ("Explanation", "Model", "load"),
    "fer.api.predict": ("predict",),
    "fer.api.predictions": ("Faces",),
    "fer.api.reports": ("Report", "compare", "evaluate"),
    "fer.api.runs": ("Run", "train"),
    "fer.api.sweeps": ("SweepResult", "sweep"),
    "fer.common.errors": ("FerError",),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ferlab")
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(module), name)
            return value
    raise AttributeError(f"module 'fer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
