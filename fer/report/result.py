"""What one analysis adds to a report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fer.report.page.section import Section

Judgement = Literal["pass", "look", "fail"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One line of the summary.

    Attributes:
        question: what is asked.
        verdict: pass, look (at the section before you rely on it) or fail.
        value: the number it rests on; None without one.
        text: the answer with its number, a sentence.
        section: key of the section that says more.
        rule: what makes a pass, a look and a fail, in sentences; the page folds it away.
    """

    question: str
    verdict: Judgement
    value: float | None
    text: str
    section: str
    rule: str = ""

    def as_dict(self) -> dict[str, Any]:
        """A row of `summary.json`."""
        return {
            "question": self.question,
            "verdict": self.verdict,
            "value": self.value,
            "text": self.text,
            "rule": self.rule,
        }


@dataclass(frozen=True, kw_only=True)
class AnalysisResult:
    """Sections, numbers and files of one analysis.

    Attributes:
        sections: its parts of the page, in reading order.
        metrics: its numbers, plain types, as `metrics.json` holds them under the analysis' name; empty adds nothing.
        files: path under the report folder -> content. The folder a path names belongs to the analysis: what an
            earlier report left there goes.
        columns: run name -> column -> value, added to the run's row of `model_eval.csv`.
        notes: what a reader must know before any number.
        verdicts: its lines of the summary.
        card: sentences for the model card, in Markdown, under the analysis' heading.
    """

    sections: tuple[Section, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    card: tuple[str, ...] = ()
