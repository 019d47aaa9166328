"""The models that come with the package: of each the file, its card and its hash.

`everyday` is for photographs of people, `benchmark` for comparisons on FER-2013's own labels. Each is made by
`fer-export RUN --int8 --card --out fer/runtime/shipped/NAME.onnx` (docs/how-to/deploy.md), and what is said of it
anywhere is read from its file.
"""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent

NAMES: Final = ("everyday", "benchmark")
"""The first is the default."""


def shipped_name(source: str | Path | None) -> str | None:
    """The name of a model of the package where `source` is one, or None and so the default; else None."""
    if source is None:
        return NAMES[0]
    return str(source) if str(source) in NAMES else None


def shipped_file(name: str = NAMES[0]) -> Path:
    """The .onnx file of a model of the package, whose card (.md) and hash (.sha256) lie beside it."""
    return FOLDER / f"{name}.onnx"


def expected_sha256(name: str) -> str:
    """64 hex digits, from the file in the form of `sha256sum` beside the model."""
    return shipped_file(name).with_suffix(".sha256").read_text(encoding="utf-8").split()[0]
