"""Which analyses a report holds, in reading order."""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from fer.common.errors import ConfigError, FerError
from fer.common.plugins import own_callable
from fer.report.clock import StopWatch
from fer.report.context import ReportContext
from fer.report.own_result import checked_result
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
"""The function `analyse` of a room `fer.report.<name>.analysis`; None where it does not apply to these runs. An
analysis of one's own (`analyses.NAME._target_`) is such a function too, or an object that is called like one."""


def own_analyses(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, Analyse]:
    """The analyses that options name by class or function; they stand behind ours.

    Raises:
        ConfigError: none of that name, none that may be imported, or arguments it does not take; or a name of ours.
    """
    for name in nodes:
        if name in (*OPENING, *CLOSING):
            raise ConfigError(f"analyses.{name} is the name of an analysis that is there: give yours another")
    return {name: own_callable(node, f"analyses.{name}", handed=1) for name, node in nodes.items()}


def run_analyses(context: ReportContext) -> dict[str, AnalysisResult]:
    """What each analysis found, by name, in reading order.

    One that meets a mistake of the user's (a group file that matches no face, an extra that is not installed) becomes a
    note, so that whatever can be reported is; so does whatever one of another's code raises.
    """
    results = {}
    analyses: dict[str, Analyse] = {
        name: import_module(f"fer.report.{name}.analysis").analyse for name in (*OPENING, *CLOSING)
    }
    own = own_analyses(context.options.analyses)
    for name, analyse in (analyses | own).items():
        watch = StopWatch()
        try:
            result = analyse(context)
            if name in own:
                result = checked_result(result)
        except FerError as error:
            result = AnalysisResult(notes=(f"The analysis “{name}” is missing: {error}",))
        except Exception as error:
            if name not in own:
                raise
            log.warning("the analysis %s fails", name, exc_info=True)
            result = AnalysisResult(
                notes=(f"The analysis “{name}” is missing: it fails with {type(error).__name__}: {error}",)
            )
        if result is not None:
            results[name] = result
            for note in result.notes:
                log.warning("note: %s", note)
            log.info("analysed: %s (%s)", name.replace("_", " "), watch)
    return results
