"""Several runs side by side."""

from collections.abc import Sequence

from fer.report.comparison.figures import comparison_figure, runs_figure
from fer.report.finding import Finding
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import duration, parameters
from fer.report.scores.evaluation import EvaluatedRun
from fer.report.subject import Subject


def analyse(subject: Subject) -> Finding | None:
    """The comparison; None for a single run."""
    if len(subject.runs) < 2:
        return None
    return Finding(sections=(comparison_section(subject.run, subject.runs),))


def comparison_section(detail: EvaluatedRun, runs: Sequence[EvaluatedRun]) -> Section:
    """Accuracy and macro F1 of each run, with what keeps them from being compared."""
    key = detail.headline_key
    rows = []
    for run in runs:
        scores = run.sets.get(key)
        plain = None if scores is None else scores.plain.metrics
        flipped = None if scores is None or scores.flipped is None else scores.flipped.metrics
        clean, public = run.sets.get("private_dedup"), run.sets.get("public")
        rows.append(
            {
                "name": run.record.name,
                "model": run.record.model,
                "seed": run.record.seed,
                "protocol": run.record.protocol,
                "parameters": (parameters(run.num_parameters), run.num_parameters),
                "seconds": (duration(run.record.final.get("train_seconds")), run.record.final.get("train_seconds", "")),
                "accuracy": None if plain is None else cell("accuracy", plain["accuracy"]),
                "flipped": None if flipped is None else cell("accuracy", flipped["accuracy"]),
                "macro_f1": None if plain is None else cell("macro_f1", plain["macro_f1"]),
                "clean": None if clean is None else cell("accuracy", clean.plain.metrics["accuracy"]),
                "public": None if public is None else cell("accuracy", public.plain.metrics["accuracy"]),
                "is_detail": run is detail,
            }
        )
    title = detail.headline.evaluation_set.title
    accuracies = {run.record.name: run.sets[key].plain.metrics["accuracy"] for run in runs if key in run.sets}
    caption = (
        f"{title} accuracy of each run with its 95 % interval, no test-time augmentation; the numbers are in the table."
    )
    charts = [
        Chart(
            key="runs-accuracy",
            caption=caption,
            draw=lambda palette: comparison_figure(accuracies, label=f"{title} accuracy", palette=palette),
        )
    ]
    epochs_of = {run.record.name: run.record.epochs for run in runs if len(run.record.epochs) > 0}
    if len(epochs_of) > 0:
        charts.append(
            Chart(
                key="runs-curves",
                caption="Accuracy on the selection faces by epoch.",
                draw=lambda palette: runs_figure(epochs_of, palette=palette),
            )
        )
    cautions = []
    if len({run.record.protocol for run in runs}) > 1:
        cautions.append(
            "These runs follow different protocols: their selection scores, and what they trained on, differ."
        )
    if len({run.data.fingerprint for run in runs}) > 1:
        cautions.append("These runs are scored on different data (see the fingerprints): their numbers do not compare.")
    return Section(
        key="comparison",
        title=f"Comparison of {len(runs)} runs",
        template="comparison/section.html.j2",
        context={
            "rows": rows,
            "title": title,
            "cautions": cautions,
            "detail": detail.record.name,
            "n": f"{len(detail.headline.plain.predictions):,}",
            "reason": "the run with the highest PublicTest accuracy; choosing it by PrivateTest would make its score "
            "optimistic"
            if all("public" in run.sets for run in runs)
            else "the first run named",
        },
        charts=tuple(charts),
    )
