"""The sections on calibration and abstention, and the sentences that their numbers carry."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, Final

from fer.common.wording import in_words
from fer.metrics import Estimate
from fer.metrics.calibration import FEWEST_ACCEPTED, Calibration
from fer.metrics.calibration_scores import CALIBRATION_METRICS
from fer.report.calibration import figures
from fer.report.calibration.measurement import Measured
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import interval, percent
from fer.report.result import Judgement, Verdict
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
            caption=f"Reliability as the model predicts, before any temperature. {said}.",
            draw=lambda palette: figures.reliability_figure(
                detail.bins_before, title="As the model predicts", palette=palette
            ),
        )
    ]
    bins_after, calibration = (detail.bins_after, detail.calibration) if detail.tempered else (None, None)
    if bins_after is not None and calibration is not None:
        title = f"After temperature {calibration.temperature:.3f}"
        charts.append(
            Chart(
                key="reliability-after",
                caption=f"Reliability after the temperature fitted on {calibration.split}. {said}.",
                draw=lambda palette: figures.reliability_figure(bins_after, title=title, palette=palette),
            )
        )
    charts.append(
        Chart(
            key="reliability-classes",
            caption="Of the faces given a probability for an emotion, the share labelled so, with 95 % Wilson "
            f"intervals, {'after temperature' if bins_after is not None else 'as the model predicts'}. {said}.",
            draw=lambda palette: figures.class_reliability_figure(detail.class_bins, palette=palette),
        )
    )
    return Section(
        key="calibration",
        title="Is its confidence calibrated?",
        template="calibration/section.html.j2",
        context={
            "statements": [told for told in statements if told is not None],
            "rows": rows,
            "scaled": detail.tempered,
            "statement": said,
            "few": figures.FEW,
            "number_of_labels": in_words(len(detail.run.labels)),
            "guessing": 1 - 1 / len(detail.run.labels),
            "fitted": None if calibration is None else f"{calibration.split} (n = {calibration.n:,})",
            "reason": detail.reason,
            "on_itself": detail.fitted_on_itself,
            "runs": [_run_row(measured) for measured in every] if len(every) > 1 else [],
            "detail": detail.run.record.name,
        },
        charts=tuple(charts),
    )


def abstention_section(detail: Measured) -> Section:
    """Risk against coverage, the threshold, and on whom the model abstains."""
    said = statement(detail.run, detail.run.headline_key)
    whole, classes, calibration = detail.whole, detail.classes, detail.calibration
    # Without a face withheld there is nothing to set beside the whole.
    predicts = whole is not None and 0 < whole.accepted < whole.support
    chosen = (whole.coverage.value, 1 - whole.selective_accuracy.value) if whole is not None and predicts else None
    charts = [
        Chart(
            key="risk-coverage",
            caption=f"Wrong predictions among the accepted faces, when the model abstains on the least sure. {said}.",
            draw=lambda palette: figures.risk_coverage_figure(detail.curve, chosen=chosen, palette=palette),
        )
    ]
    rows: list[dict[str, Any]] = []
    if whole is not None and classes is not None and predicts:
        rows = [
            {
                "name": name,
                "support": selective.support,
                "accepted": selective.accepted,
                "coverage": cell("accuracy", selective.coverage),
                "accuracy": cell("accuracy", selective.accuracy),
                "selective": cell("accuracy", selective.selective_accuracy) if selective.accepted > 0 else None,
            }
            for name, selective in (("all", whole), *classes.items())
            if selective.support > 0
        ]
        charts.append(
            Chart(
                key="coverage-by-emotion",
                caption="Of the faces predicted as each emotion the coverage, and the share that is right, with 95 % "
                f"intervals. {said}.",
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
        title="When to abstain",
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
        lead=outcome_statement(detail) or "",
    )


def _difference(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    ends = f"{estimate.low:+.3f} to {estimate.high:+.3f}" if isfinite(estimate.low) else "no interval"
    return {"text": f"{estimate.value:+.3f}", "interval": ends, "sort": estimate.value}


def _chance(measured: Measured, key: str) -> dict[str, Any] | None:
    """What a perfectly calibrated model shows, before and after where the two differ."""
    before, after = measured.change.before.chance.get(key), measured.change.after
    if before is None:
        return None
    texts = [f"{before:.3f}"] if after is None else [f"{before:.3f}", f"{after.chance[key]:.3f}"]
    return {"text": " / ".join(dict.fromkeys(texts)), "sort": before}


def _run_row(measured: Measured) -> dict[str, Any]:
    calibration, after, whole = measured.calibration, measured.change.after, measured.whole
    predicts, title = whole is not None and whole.accepted > 0, measured.run.headline.evaluation_set.title
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
        "selective": cell("accuracy", whole.selective_accuracy) if whole is not None and predicts else None,
    }


def confidence_statement(measured: Measured) -> str:
    """Whether the model is surer than it is right."""
    confidence = float(measured.predictions.confidence.mean())
    accuracy = measured.run.headline.plain.metrics["accuracy"]
    told = (
        f"On average the model is {percent(confidence)} sure of its prediction and right in {percent(accuracy.value)}"
    )
    points = 100 * abs(confidence - accuracy.value)
    if accuracy.low <= confidence <= accuracy.high:
        return f"{told}: over all faces together, no further apart than chance makes them."
    return f"{told}: it is {'over' if confidence > accuracy.value else 'under'}confident by {points:.1f} points."


def temperature_statement(measured: Measured) -> str:
    """The temperature, what it does, and what it was fitted on; or why there is none."""
    calibration, estimate = measured.calibration, measured.temperature
    if calibration is None or estimate is None:
        return measured.reason
    fitted = f"fitted on {calibration.split} (n = {calibration.n:,})"
    if calibration.temperature == 1.0:
        return (
            f"No temperature fits {calibration.split} (n = {calibration.n:,}): its predictions are all correct, or no "
            "better than guesses, or all equally sure. So none is applied (temperature 1)."
        )
    direction = (
        "above 1, so it lowers every confidence"
        if estimate.low > 1
        else "below 1, so it raises every confidence"
        if estimate.high < 1
        else "not clearly different from 1, so these faces do not tell which way confidences are off"
    )
    return (
        f"The temperature is {calibration.temperature:.3f} (95 % interval {estimate.low:.3f} to {estimate.high:.3f}), "
        f"{fitted}. It is {direction}. No prediction changes, and so no accuracy."
    )


def effect_statement(measured: Measured) -> str | None:
    """Whether the temperature helped on the headline set, judged by the negative log-likelihood; None without one."""
    if measured.change.change is None or measured.calibration is None or measured.calibration.temperature == 1.0:
        return None
    moved = measured.change.change["nll"]
    size = f"{abs(moved.value):.3f} nats"
    if moved.high < 0:
        return f"It lowers the NLL by {size} (95 % interval {-moved.high:.3f} to {-moved.low:.3f}): it helps."
    if moved.low > 0:
        return f"It raises the NLL by {size} (95 % interval {moved.low:.3f} to {moved.high:.3f}): it does harm here."
    ends = f"95 % interval {moved.low:+.3f} to {moved.high:+.3f}" if isfinite(moved.low) else "no interval"
    return f"It changes the NLL by {moved.value:+.3f} nats ({ends}): no clear effect."


def remaining_statement(measured: Measured) -> str:
    """What the calibration errors say beside those that chance alone makes."""
    scores = measured.change.before if measured.change.after is None else measured.change.after
    applied = measured.calibration is not None and measured.calibration.temperature != 1.0
    when = " after it" if measured.change.after is not None and applied else ""
    told, beyond = [], beyond_chance(measured)
    for key, name in (("ece", "The ECE"), ("classwise_ece", "the classwise ECE")):
        told.append(f"{name} is {scores.metrics[key].value:.3f} (by chance alone {scores.chance[key]:.3f})")
    said = f"{' and '.join(told)}{when}."
    if not beyond:
        return f"{said} Neither is more than chance would show on so many faces."
    if beyond == ("classwise_ece",):
        return (
            f"{said} The confidence of the prediction is no further off than chance, but the probabilities of single "
            "emotions are: do not rely on a probability of an emotion that is not the prediction."
        )
    if beyond == ("ece",):
        return f"{said} The confidence of the prediction is further off than chance."
    return f"{said} Both are more than chance: its confidences are still off."


def beyond_chance(measured: Measured) -> tuple[str, ...]:
    """Which of "ece" and "classwise_ece" are above what chance shows, after the temperature where there is one."""
    scores = measured.change.before if measured.change.after is None else measured.change.after
    return tuple(key for key in ("ece", "classwise_ece") if scores.metrics[key].low > 0)


SMALL: Final = 0.05
MISLEADING: Final = 0.1
"""An ECE for certain below the first may pass; one for certain above the second, ten points on average, fails."""


def calibration_verdict(measured: Measured) -> Verdict:
    """The summary's line."""
    scores = measured.change.before if measured.change.after is None else measured.change.after
    ece, beyond = scores.metrics["ece"], beyond_chance(measured)
    of = {"ece": "ECE", "classwise_ece": "classwise ECE"}
    after = " after temperature" if measured.tempered else ""
    rest = f"{' and '.join(of[key] for key in beyond)} above chance" if beyond else "no more than chance shows"
    if not beyond and ece.high >= SMALL:
        rest += f", but on so few faces errors up to {ece.high:.2f} go unseen"
    verdict: Judgement = "look"
    if ece.low > MISLEADING:
        verdict = "fail"
    elif not beyond and ece.high < SMALL:
        verdict = "look" if measured.fitted_on_itself else "pass"
    return Verdict(
        question="Are its confidences calibrated?",
        verdict=verdict,
        value=ece.value,
        text=f"ECE {ece.value:.3f} ({interval('ece', ece)}), classwise {scores.metrics['classwise_ece'].value:.3f}"
        f"{after}: {rest}.",
        section="calibration",
        rule=f"After the temperature, where there is one. Pass: ECE below {SMALL:g} for certain, and neither it nor "
        "classwise ECE above what a perfectly calibrated model shows by chance. Fail: ECE above "
        f"{MISLEADING:g} for certain. Look: otherwise, or where the scored faces fitted the temperature.",
    )


def threshold_statement(calibration: Calibration) -> str:
    """The threshold and how it was chosen; or that it was not to be found."""
    faces = f"{calibration.split} (n = {calibration.n:,})"
    if calibration.threshold is None:
        return (
            f"No threshold reaches an accuracy of {percent(calibration.target)} with 95 % confidence on {faces} with "
            f"at least {FEWEST_ACCEPTED} faces accepted, so there is none, and with this target the model abstains on "
            "every face. Choose a lower calibration.target_accuracy, or a share with calibration.answer_share."
        )
    if calibration.threshold == 0:
        aim = "accuracy with 95 % confidence" if calibration.rule == "accuracy" else "coverage"
        return f"No threshold is needed for {percent(calibration.target)} {aim} on {faces}, so none is withheld."
    chosen = (
        f"chosen on {faces} so that faces like these, where they are accepted, are predicted with an accuracy of at "
        f"least {percent(calibration.target)} with 95 % confidence (arXiv 1705.08500)"
        if calibration.rule == "accuracy"
        else f"the highest that accepts {percent(calibration.target)} of the faces of {faces}"
    )
    reached = (
        "" if calibration.accuracy is None else f", with {percent(calibration.accuracy)} of the predictions correct"
    )
    return (
        f"The threshold is a confidence of {percent(calibration.threshold)}"
        f"{' after the temperature' if calibration.temperature != 1 else ''}, {chosen}. There it accepts "
        f"{percent(calibration.coverage)}{reached}."
    )


def outcome_statement(measured: Measured) -> str | None:
    """What the threshold does to the headline set; None without one."""
    whole, calibration = measured.whole, measured.calibration
    if whole is None or calibration is None or calibration.threshold is None:
        return None
    title = measured.run.headline.evaluation_set.title
    if calibration.threshold == 0:
        return f"It abstains on no face: of all on {title} {_share(whole.accuracy)} are right."
    told = f"On {title} it accepts {_share(whole.coverage)} of {whole.support:,} faces"
    if whole.accepted == 0:
        return f"{told}."
    told += f", of which {_share(whole.selective_accuracy)} are right, against {percent(whole.accuracy.value)} of all."
    if calibration.rule == "accuracy" and not measured.fitted_on_itself:
        low, high = whole.selective_accuracy.low, whole.selective_accuracy.high
        told += (
            " The target is not reached here."
            if high < calibration.target
            else " The target is reached here too."
            if low >= calibration.target
            else " That agrees with the target."
        )
    return told


def uneven_statement(measured: Measured) -> str | None:
    """On which predicted emotions it abstains, and which predictions are still wrong; None without a threshold."""
    if measured.classes is None or measured.calibration is None or measured.calibration.threshold is None:
        return None
    classes = measured.classes
    enough = [name for name in classes if classes[name].support >= FEWEST_ACCEPTED]
    if len(enough) < 2:
        return None
    by_coverage = sorted(enough, key=lambda name: classes[name].coverage.value)
    least, most = (classes[by_coverage[place]].coverage for place in (0, -1))
    if least.high >= most.low:
        return None
    told = (
        f"The model abstains unevenly: {percent(most.value)} of what it predicts as {by_coverage[-1]} is accepted, but "
        f"only {percent(least.value)} of what it predicts as {by_coverage[0]}."
    )
    target = measured.calibration.target
    short = [
        name
        for name in enough
        if measured.calibration.rule == "accuracy" and classes[name].selective_accuracy.high < target
    ]
    if short:
        told += (
            f" And the accuracy of the accepted faces holds over all of them, not for each emotion: of the accepted "
            f"predictions of {_listed(short)} clearly fewer than {percent(target)} are right."
        )
    return told


def card_sentences(measured: Measured) -> tuple[str, ...]:
    """What the model card says."""
    before, after = measured.change.before.metrics["ece"], measured.change.after
    told = f"Expected calibration error (15 bins) {before.value:.3f} ({interval('ece', before)})"
    if after is None or measured.calibration is None:
        told += f". {measured.reason}"
    elif not measured.tempered:
        told += f"; no temperature fits {measured.calibration.split} (n = {measured.calibration.n:,}): none is applied."
    else:
        error = after.metrics["ece"]
        told += (
            f"; after temperature {measured.calibration.temperature:.3f}, fitted on {measured.calibration.split} "
            f"(n = {measured.calibration.n:,}), {error.value:.3f} ({interval('ece', error)})."
        )
    sentences = [f"Calibration: {told} ({statement(measured.run, measured.run.headline_key)}.)"]
    if measured.calibration is not None:
        parts = [threshold_statement(measured.calibration), outcome_statement(measured), uneven_statement(measured)]
        sentences.append("Abstention: " + " ".join(part for part in parts if part is not None))
    return tuple(sentences)


def _share(estimate: Estimate) -> str:
    return f"{percent(estimate.value)} ({interval('accuracy', estimate)})"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
