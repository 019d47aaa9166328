"""The sections of the calibration analysis."""

from collections.abc import Sequence
from typing import Any

from fer.common.labels import EMOTIONS
from fer.metrics import Estimate
from fer.metrics.calibration_scores import CALIBRATION_METRICS
from fer.report.calibration import figures
from fer.report.calibration.measurement import Measured
from fer.report.calibration.statements import (
    confidence_statement,
    effect_statement,
    outcome_statement,
    remaining_statement,
    temperature_statement,
    threshold_statement,
    uneven_statement,
)
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import percent
from fer.report.scores.statements import protocol, statement


def calibration_section(detail: Measured, every: Sequence[Measured]) -> Section:
    """Confidence against accuracy, before and after the temperature."""
    said = statement(detail.run, detail.run.headline_key)
    change = detail.change
    rows = [
        {
            "name": name,
            "before": cell(key, change.before.metrics[key]),
            "after": None if change.after is None else cell(key, change.after.metrics[key]),
            "change": _difference(None if change.change is None else change.change.get(key)),
            "chance": _chance(detail, key),
        }
        for key, name in CALIBRATION_METRICS.items()
    ]
    statements = (
        confidence_statement(detail),
        temperature_statement(detail),
        effect_statement(detail),
        remaining_statement(detail),
    )
    charts = [
        Chart(
            key="reliability-before",
            caption=f"Reliability as the model answers, before any temperature. {said}.",
            draw=lambda palette: figures.reliability_figure(
                detail.bins_before, title="As the model answers", palette=palette
            ),
        )
    ]
    bins_after, calibration = detail.bins_after, detail.calibration
    if bins_after is not None and calibration is not None:
        title = f"After temperature {calibration.temperature:.3f}"
        charts.append(
            Chart(
                key="reliability-after",
                caption=f"Reliability after the temperature fitted on {calibration.split}. {said}.",
                draw=lambda palette: figures.reliability_figure(bins_after, title=title, palette=palette),
            )
        )
    return Section(
        key="calibration",
        title="Can its confidence be believed?",
        template="calibration/section.html.j2",
        context={
            "statements": [told for told in statements if told is not None],
            "rows": rows,
            "scaled": change.after is not None,
            "statement": said,
            "few": figures.FEW,
            "fitted": None if calibration is None else f"{calibration.split} (n = {calibration.n:,})",
            "reason": detail.reason,
            "on_itself": detail.fitted_on_itself,
            "runs": [_run_row(measured) for measured in every] if len(every) > 1 else [],
            "detail": detail.run.record.name,
        },
        charts=tuple(charts),
    )


def abstention_section(detail: Measured) -> Section:
    """Risk against coverage, the threshold, and whom it leaves without an answer."""
    said = statement(detail.run, detail.run.headline_key)
    whole, classes, calibration = detail.whole, detail.classes, detail.calibration
    answers = whole is not None and whole.answered > 0
    chosen = (whole.coverage.value, 1 - whole.selective_accuracy.value) if whole is not None and answers else None
    charts = [
        Chart(
            key="risk-coverage",
            caption=f"Wrong answers among the answered faces, when only the surest are answered. {said}.",
            draw=lambda palette: figures.risk_coverage_figure(detail.curve, chosen=chosen, palette=palette),
        )
    ]
    rows: list[dict[str, Any]] = []
    if whole is not None and classes is not None and answers:
        rows = [
            {
                "name": name,
                "support": selective.support,
                "answered": selective.answered,
                "coverage": cell("accuracy", selective.coverage),
                "accuracy": cell("accuracy", selective.accuracy),
                "selective": cell("accuracy", selective.selective_accuracy) if selective.answered > 0 else None,
            }
            for name, selective in (("all", whole), *((emotion, classes[emotion]) for emotion in EMOTIONS))
            if selective.support > 0
        ]
        charts.append(
            Chart(
                key="coverage-by-emotion",
                caption=f"Of each true emotion the share that is answered, and the share right, with 95 % intervals. "
                f"{said}.",
                draw=lambda palette: figures.coverage_figure(classes, palette=palette),
            )
        )
    told = [
        detail.reason if calibration is None else threshold_statement(calibration),
        outcome_statement(detail),
        uneven_statement(detail),
    ]
    return Section(
        key="abstention",
        title="When to say “uncertain”",
        template="calibration/abstention.html.j2",
        context={
            "statements": [part for part in told if part is not None],
            "area_cell": cell("aurc", detail.curve.area),
            "rows": rows,
            "statement": said,
            "on_itself": detail.fitted_on_itself,
            "unreached": calibration is not None and calibration.threshold is None,
        },
        charts=tuple(charts),
    )


def _difference(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "text": f"{estimate.value:+.3f}",
        "interval": f"{estimate.low:+.3f} to {estimate.high:+.3f}",
        "sort": estimate.value,
    }


def _chance(measured: Measured, key: str) -> dict[str, Any] | None:
    """What a perfectly calibrated model shows, before and after where the two differ."""
    before, after = measured.change.before.chance.get(key), measured.change.after
    if before is None:
        return None
    texts = [f"{before:.3f}"] if after is None else [f"{before:.3f}", f"{after.chance[key]:.3f}"]
    return {"text": " / ".join(dict.fromkeys(texts)), "sort": before}


def _run_row(measured: Measured) -> dict[str, Any]:
    calibration, after, whole = measured.calibration, measured.change.after, measured.whole
    answers, title = whole is not None and whole.answered > 0, measured.run.headline.evaluation_set.title
    return {
        "name": measured.run.record.name,
        "set": f"{title}, {protocol(measured.run)}, n = {len(measured.predictions):,}",
        "temperature": None if measured.temperature is None else cell("temperature", measured.temperature),
        "before": cell("ece", measured.change.before.metrics["ece"]),
        "after": None if after is None else cell("ece", after.metrics["ece"]),
        "area": cell("aurc", measured.curve.area),
        "threshold": None
        if calibration is None or calibration.threshold is None
        else (percent(calibration.threshold), calibration.threshold),
        "coverage": None if whole is None else cell("accuracy", whole.coverage),
        "selective": cell("accuracy", whole.selective_accuracy) if whole is not None and answers else None,
    }
