"""The lines of the summary, in the order of the page, and its section."""

from collections.abc import Mapping
from typing import Final

from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.page.section import Section
from fer.report.result import AnalysisResult, Verdict
from fer.report.summary.verdicts import (
    accuracy_verdict,
    copy_verdict,
    leakage_verdict,
    not_measured,
    overfitting_verdict,
    weak_classes_verdict,
)

QUESTIONS: Final[Mapping[str, str]] = {
    "calibration": "Are its confidences calibrated?",
    "label_noise": "Can the labels be trusted?",
    "robustness": "Is it robust to changes of light?",
    "fairness": "Does it serve groups alike?",
}
"""What an analysis answers; asked even where it was not made."""


def summarise(run: EvaluatedRun, results: Mapping[str, AnalysisResult]) -> tuple[Verdict, ...]:
    """The summary of the run in detail, in the order of the page."""
    answered = {name: found.verdicts for name, found in results.items()}
    of_analyses = [
        verdict
        for name, question in QUESTIONS.items()
        for verdict in (answered.get(name) or (not_measured(question, name),))
    ]
    return (
        accuracy_verdict(run),
        weak_classes_verdict(run),
        overfitting_verdict(run),
        *of_analyses,
        leakage_verdict(run),
        copy_verdict(run),
        # Those that a package of one's own adds.
        *(verdict for name, verdicts in answered.items() if name not in QUESTIONS for verdict in verdicts),
    )


def summary_section(verdicts: tuple[Verdict, ...], *, keys: frozenset[str]) -> Section:
    """The section on top of the page; `keys` are those of the page's sections, for links."""
    return Section(
        key="summary",
        title="In short",
        template="summary/summary.html.j2",
        context={
            "rows": [
                {
                    "question": one.question,
                    "verdict": one.verdict,
                    "word": one.verdict,
                    "text": one.text,
                    "section": one.section if one.section in keys else None,
                }
                for one in verdicts
            ],
            "rules": [(one.question, one.rule) for one in verdicts if one.rule],
        },
        folded=False,
    )
