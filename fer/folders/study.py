"""A study: run folders that belong together, and the file that names them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer.common.errors import DataError
from fer.common.files import read_text, write_json
from fer.common.parsing import parse_json

RECIPE_SCORES: Final = "study_scores.json"
"""In each run folder of fer-study: what the study measured of it."""


@dataclass(frozen=True)
class StudyFolder:
    """A folder whose `study.json` names the run folders of a study."""

    path: Path

    @property
    def file(self) -> Path:
        """`study.json`; a folder that holds it is a study."""
        return self.path / "study.json"

    @property
    def exists(self) -> bool:
        """Whether the folder is a study."""
        return self.file.is_file()

    def write(self, *, kind: str, runs: Mapping[str, str], facts: Mapping[str, Any]) -> None:
        """Writes `study.json`.

        Args:
            kind: what is studied ("occlusion").
            runs: name -> run folder, relative to the study's folder, so that both can move together.
            facts: whatever else a later reader needs, plain types.
        """
        write_json(self.file, {"study": kind, "runs": dict(runs), **facts})

    def read(self) -> dict[str, Any]:
        """The content of `study.json`.

        Raises:
            DataError: it is no study file.
        """
        try:
            content = parse_json(read_text(self.file))
        except ValueError as error:
            raise DataError(f"{self.file} is not readable JSON ({error}): delete it and repeat the study") from error
        if not (isinstance(content, dict) and isinstance(content.get("runs"), dict)):
            raise DataError(f"{self.file} names no runs: delete it and repeat the study")
        return content

    @property
    def runs(self) -> dict[str, Path]:
        """Name -> run folder, in the study's order, whether it was trained already or not.

        Raises:
            DataError: `study.json` is no study file.
        """
        return {
            str(name): Path(os.path.normpath(self.path / str(place))) for name, place in self.read()["runs"].items()
        }
