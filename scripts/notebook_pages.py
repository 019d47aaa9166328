"""A notebook as a page: its text, its code and the output that it was saved with.

A few lines over nbformat's JSON, since the plug-ins for it bring all of nbconvert; the notebooks are run by
tests/docs/test_notebooks.py, not while the site is built.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def converted(notebook: Path) -> tuple[str, dict[str, bytes]]:
    """The page as Markdown, and the pictures it shows by their file names."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code":
            parts.append(f"```python\n{source}\n```")
            parts += [part for output in cell["outputs"] for part in _output(output, notebook.stem, pictures)]
    return "\n\n".join(parts) + "\n", pictures


def _output(output: Mapping[str, Any], stem: str, pictures: dict[str, bytes]) -> list[str]:
    if output["output_type"] == "stream":
        return [_text("".join(output["text"]))]
    data = output.get("data", {})
    if "image/png" in data:
        name = f"{stem}-{len(pictures) + 1}.png"
        pictures[name] = base64.b64decode("".join(data["image/png"]))
        return [f"![Output of the cell above]({name})"]
    if "text/html" in data:
        return ["".join(data["text/html"])]
    return [_text("".join(data.get("text/plain", "")))]


def _text(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"
