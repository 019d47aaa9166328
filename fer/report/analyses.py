"""Which analyses a report holds, in reading order."""

import logging
import time
from collections.abc import Callable
from importlib import import_module
from typing import Final

from fer.common.errors import FerError
from fer.report.finding import Finding
from fer.report.subject import Subject

log = logging.getLogger(__name__)

OPENING: Final = ("comparison", "seeds", "ensemble")
"""Analyses that stand before the scores."""

CLOSING: Final = (
    "cost",
    "calibration",
    "explanations",
    "occlusion",
    "robustness",
    "fairness",
    "cross_data",
    "label_noise",
)
"""Analyses that stand between the scores and the facts of training and data."""

Analyse = Callable[[Subject], Finding | None]
"""The function `analyse` of a room `fer.report.<name>.analysis`; None where it does not apply to these runs."""


def run_analyses(subject: Subject) -> dict[str, Finding]:
    """What each analysis found, by name, in reading order.

    One that meets a mistake of the user's (a group file that matches no face, an extra that is not installed) becomes a
    note, so that whatever can be reported is.
    """
    findings = {}
    for name in (*OPENING, *CLOSING):
        analyse: Analyse = import_module(f"fer.report.{name}.analysis").analyse
        begun = time.monotonic()
        try:
            finding = analyse(subject)
        except FerError as error:
            finding = Finding(notes=(f"The analysis “{name}” is missing: {error}",))
        if finding is not None:
            findings[name] = finding
            log.info("analysed: %s (%.0f s)", name.replace("_", " "), time.monotonic() - begun)
    return findings
