"""Which analyses a report holds, in reading order."""

import logging
import time
from collections.abc import Callable
from importlib import import_module
from typing import Final

from fer.common.errors import FerError
from fer.report.context import ReportContext
from fer.report.result import AnalysisResult

log = logging.getLogger(__name__)

OPENING: Final = ("comparison", "seeds", "ensemble")
"""Analyses that stand before the scores."""

CLOSING: Final = (
    "cost",
    "class_curves",
    "examples",
    "embedding",
    "calibration",
    "explanations",
    "occlusion",
    "robustness",
    "fairness",
    "cross_data",
    "label_noise",
)
"""Analyses that stand between the scores and the facts of training and data."""

Analyse = Callable[[ReportContext], AnalysisResult | None]
"""The function `analyse` of a room `fer.report.<name>.analysis`; None where it does not apply to these runs."""


def run_analyses(context: ReportContext) -> dict[str, AnalysisResult]:
    """What each analysis found, by name, in reading order.

    One that meets a mistake of the user's (a group file that matches no face, an extra that is not installed) becomes a
    note, so that whatever can be reported is.
    """
    results = {}
    for name in (*OPENING, *CLOSING):
        analyse: Analyse = import_module(f"fer.report.{name}.analysis").analyse
        begun = time.monotonic()
        try:
            result = analyse(context)
        except FerError as error:
            result = AnalysisResult(notes=(f"The analysis “{name}” is missing: {error}",))
        if result is not None:
            results[name] = result
            log.info("analysed: %s (%.1f s)", name.replace("_", " "), time.monotonic() - begun)
    return results
