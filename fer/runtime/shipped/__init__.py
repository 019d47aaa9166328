"""The model that comes with the package, its card and its hash.

Made by `fer-export RUN --int8 --card --out fer/runtime/shipped/emotions.onnx` (docs/how-to/deploy.md).
"""

from pathlib import Path
from typing import Final

MODEL: Final = Path(__file__).parent / "emotions.onnx"
CARD: Final = MODEL.with_suffix(".md")
HASH: Final = MODEL.with_suffix(".sha256")


def expected_sha256() -> str:
    """64 hex digits, from the file in the form of `sha256sum` beside the model."""
    return HASH.read_text(encoding="utf-8").split()[0]
