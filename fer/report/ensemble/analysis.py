"""The mean of several runs' probabilities, scored against the best of them."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fer.metrics import METRICS, Estimate
from fer.report.context import ReportContext
from fer.report.ensemble.figures import gains_figure, weights_figure
from fer.report.ensemble.pool import FITTED_ON, Ensemble, Pool, best_single, build_ensemble, choose_members
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.evaluation.sets import SET_TITLES
from fer.report.page.figures import Palette
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import p_value, percent, points
from fer.report.result import AnalysisResult
from fer.report.scores.statements import chose_epoch, protocol
from fer.report.scores.tables import csv_text, tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# With fewer faces for each weight than this, fitted weights are mostly noise.
_FACES_A_WEIGHT = 300

_TITLES = {"uniform": "all, equal weights", "fitted": "all, fitted weights"}


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The ensemble of the runs that share the faces of the run in detail; None for fewer than two, or switched off."""
    options = context.options
    if not options.ensemble.enabled or len(context.runs) < 2:
        return None
    members = choose_members(context.run, context.runs)
    if len(members) < 2:
        return AnalysisResult(
            notes=(
                f"No ensemble was made: no other run was scored on the faces and labels of {context.run.record.name}.",
            )
        )
    ensemble = build_ensemble(
        members,
        best=best_single(members),
        resamples=options.bootstrap,
        weight_resamples=options.ensemble.resamples,
        seed=options.seed,
    )
    return AnalysisResult(
        sections=(_section(context, ensemble),),
        metrics=_metrics(ensemble),
        files={"ensemble.csv": csv_text(_csv_rows(ensemble)), **_prediction_files(ensemble)},
    )


def _section(context: ReportContext, ensemble: Ensemble) -> Section:
    best, members = ensemble.best, ensemble.members
    key, names = best.headline_key, [run.record.name for run in ensemble.members]
    title, n = SET_TITLES[key], len(best.headline.plain.predictions)
    fitted = [pool for pool in ensemble.pools if pool.key == "fitted"]
    n_public = len(best.sets[FITTED_ON].plain.predictions) if fitted else 0
    charts = [_gains_chart(ensemble, title, n)]
    if fitted:
        charts.append(_weights_chart(names, fitted, n_public))
    return Section(
        key="ensemble",
        title=f"{len(members)} runs as one: the ensemble",
        template="ensemble/section.html.j2",
        context={
            "title": title,
            "n": f"{n:,}",
            "protocol": protocol(best),
            "best": best.record.name,
            "chosen": FITTED_ON in best.sets,
            "chosen_by_public": _chosen_by_public(members),
            "sentence": _sentence(ensemble),
            "others": [SET_TITLES[name] for name in ensemble.sets if name != key],
            "rows": _rows(ensemble),
            "members": [
                {
                    "name": run.record.name,
                    "is_best": run is best,
                    "public": cell("accuracy", run.sets[FITTED_ON].plain.metrics["accuracy"]),
                    "equal": f"{100 / len(members):.1f} %",
                    "weights": [_weight(pool, place) for pool in fitted],
                }
                for place, run in enumerate(members)
            ]
            if fitted
            else [],
            "augmentations": [_of_what(pool) for pool in fitted],
            "n_public": f"{n_public:,}",
            "cautions": _cautions(context, ensemble, n_public=n_public, fitted=bool(fitted)),
        },
        charts=tuple(charts),
    )


def _chosen_by_public(members: Sequence[EvaluatedRun]) -> str:
    """Whose epoch PublicTest chose; nothing where it is not scored or chose none."""
    names = [run.record.name for run in members if FITTED_ON in run.sets and chose_epoch(run, FITTED_ON)]
    return "each member's epoch" if len(names) == len(members) else f"the epoch of {', '.join(names)}" if names else ""


def _rows(ensemble: Ensemble) -> list[dict[str, Any]]:
    """The best single run and every pool: title, tta, scores of the headline set, the test, accuracy on other sets."""
    best, key = ensemble.best, ensemble.best.headline_key
    others = [name for name in ensemble.sets if name != key]
    single = tables(best)
    rows = []
    for views in dict.fromkeys(pool.views for pool in ensemble.pools):
        title = None if views is None else views.title
        of_best = {name: single[name if views is None else f"{name}_tta"].metrics for name in ensemble.sets}
        rows.append(
            _scores_row(f"best single: {best.record.name}", of_best, key, others) | {"tta": title, "test": None}
        )
        for pool in ensemble.pools:
            if pool.views is views:
                rows.append(
                    _scores_row(_TITLES[pool.key], pool.metrics, key, others) | {"tta": title, "test": _test(pool, key)}
                )
    return rows


def _scores_row(
    title: str, metrics: Mapping[str, Mapping[str, Estimate]], key: str, others: Sequence[str]
) -> dict[str, Any]:
    return {
        "title": title,
        "cells": [cell(metric, metrics[key][metric]) for metric in ("accuracy", "macro_f1", "nll")],
        "others": [cell("accuracy", metrics[name]["accuracy"]) for name in others],
    }


def _test(pool: Pool, key: str) -> dict[str, Any]:
    against = pool.against[key]
    difference = against.difference
    return {
        "points": points(difference.value, plus=True),
        "interval": f"{points(difference.low, plus=True)} to {points(difference.high, plus=True)}",
        "sort": difference.value,
        "p": p_value(against.adjusted_p),
        "p_sort": against.adjusted_p,
    }


def _weight(pool: Pool, place: int) -> dict[str, Any]:
    assert pool.spread is not None
    low, high = pool.spread
    value = float(pool.weights[place])
    return {
        "text": f"{100 * value:.1f} %",
        "interval": f"{100 * low[place]:.0f} to {100 * high[place]:.0f} %",
        "sort": value,
    }


def _sentence(ensemble: Ensemble) -> str:
    """What equal weights bring on the headline set, with test-time augmentation where there is any."""
    key = ensemble.best.headline_key
    pool = [pool for pool in ensemble.pools if pool.key == "uniform"][-1]
    against = pool.against[key]
    accuracy = pool.metrics[key]["accuracy"]
    with_views = "" if pool.views is None else f", {_of_what(pool)}"
    verdict = (
        "which these faces cannot tell from no difference"
        if against.adjusted_p >= 0.05
        else "more than chance explains"
        if against.difference.value > 0
        else "worse by more than chance explains"
    )
    return (
        f"With equal weights{with_views}, the {len(ensemble.members)} models together reach {percent(accuracy.value)} "
        f"on {SET_TITLES[key]}, {points(against.difference.value, plus=True)} points against the best single one, "
        f"{verdict} (McNemar, p = {p_value(against.adjusted_p)} after Holm's correction)."
    )


def _gains_chart(ensemble: Ensemble, title: str, n: int) -> Chart:
    best, key = ensemble.best, ensemble.best.headline_key
    plain, averaged = {}, {}
    for run in sorted(ensemble.members, key=lambda run: -run.headline.plain.metrics["accuracy"].value):
        name = f"{run.record.name} *" if run is best else run.record.name
        plain[name] = run.sets[key].plain.metrics["accuracy"]
        with_views = run.sets[key].averaged
        if with_views is not None:
            averaged[name] = with_views.metrics["accuracy"]
    for pool in ensemble.pools:
        (plain if pool.views is None else averaged)[_TITLES[pool.key]] = pool.metrics[key]["accuracy"]
    averaging = next((pool for pool in ensemble.pools if pool.views is not None), None)
    both = {} if averaging is None else averaged
    star = "best single by PublicTest" if FITTED_ON in best.sets else "the run to beat"
    return Chart(
        key="ensemble",
        caption=f"{title} accuracy of the members (* {star}) and of their ensembles; {protocol(best)}, n = {n:,}.",
        draw=partial(_draw_gains, plain, both, "" if averaging is None else _of_what(averaging), title),
    )


def _draw_gains(
    plain: Mapping[str, Estimate], averaged: Mapping[str, Estimate], of_what: str, title: str, palette: Palette
) -> "Figure":
    return gains_figure(plain, averaged, of_what=of_what, label=f"{title} accuracy", palette=palette)


def _of_what(pool: Pool) -> str:
    return "as it is" if pool.views is None else f"{pool.views.faces} averaged in"


def _weights_chart(names: Sequence[str], fitted: Sequence[Pool], n_public: int) -> Chart:
    weights = {_of_what(pool): (pool.weights, pool.spread) for pool in fitted if pool.spread is not None}

    def draw(palette: Palette) -> "Figure":
        return weights_figure(names, weights, palette=palette)

    return Chart(
        key="ensemble-weights",
        caption=f"Weights fitted on PublicTest (n = {n_public:,}) by the lowest NLL, with 95 % of the weights that "
        "come out when its faces are drawn anew.",
        draw=draw,
    )


def _cautions(context: ReportContext, ensemble: Ensemble, *, n_public: int, fitted: bool) -> list[str]:
    """What keeps the ensemble's numbers from being taken at their face."""
    members = ensemble.members
    cautions = []
    if fitted and n_public < _FACES_A_WEIGHT * (len(members) - 1):
        cautions.append(
            f"{len(members)} weights were fitted on {n_public:,} faces, fewer than {_FACES_A_WEIGHT} for each weight "
            "that is free: they are mostly noise, and equal weights are the safer choice."
        )
    left_out = [run.record.name for run in context.runs if not any(run is member for member in members)]
    if left_out:
        cautions.append(f"Not in the ensemble, because their faces or labels differ: {', '.join(left_out)}.")
    unfinished = [run.record.name for run in members if len(run.record.final) == 0]
    if unfinished:
        cautions.append(f"Some members were interrupted and are weaker than they could be: {', '.join(unfinished)}.")
    if len({run.record.protocol for run in members}) > 1:
        cautions.append(
            "The members follow different protocols; all of them leave PublicTest and PrivateTest out of training."
        )
    return cautions


def _metrics(ensemble: Ensemble) -> dict[str, Any]:
    """Members, weights, scores and tests, plain types."""
    return {
        "members": [run.record.name for run in ensemble.members],
        "best_single": ensemble.best.record.name,
        "weights_fitted_on": FITTED_ON,
        **{
            pool.key if pool.views is None else f"{pool.key}_tta": {
                "weights": dict(zip([run.record.name for run in ensemble.members], pool.weights.tolist(), strict=True)),
                **{
                    key: {metric: estimate.as_dict() for metric, estimate in of.items()}
                    for key, of in pool.metrics.items()
                },
                "against_best_single": {
                    key: {
                        "accuracy_difference": test.difference.as_dict(),
                        "mcnemar_p": test.p,
                        "holm_p": test.adjusted_p,
                    }
                    for key, test in pool.against.items()
                },
            }
            for pool in ensemble.pools
        },
    }


def _csv_rows(ensemble: Ensemble) -> list[dict[str, Any]]:
    """A row for each pool and set."""
    rows = []
    for pool in ensemble.pools:
        for key in ensemble.sets:
            test = pool.against[key]
            row: dict[str, Any] = {
                "ensemble": pool.key,
                "tta": "none" if pool.views is None else pool.views.title,
                "set": key,
                "n": len(pool.predictions[key]),
            }
            for metric in METRICS:
                row |= pool.metrics[key][metric].as_columns(metric)
            row |= {
                "best_single": ensemble.best.record.name,
                "accuracy_difference": test.difference.value,
                "accuracy_difference_low": test.difference.low,
                "accuracy_difference_high": test.difference.high,
                # As text, which keeps the digits of a small p.
                "mcnemar_p": f"{test.p:.4g}",
                "holm_p": f"{test.adjusted_p:.4g}",
            }
            weights = zip(ensemble.members, pool.weights.tolist(), strict=True)
            rows.append(row | {f"weight_{run.record.name}": weight for run, weight in weights})
    return rows


def _prediction_files(ensemble: Ensemble) -> dict[str, bytes]:
    """`predictions/ensemble_<set>.parquet` (equal weights) and `ensemble_fitted_<set>.parquet`, `_tta` with views."""
    named = {}
    for pool in ensemble.pools:
        prefix = "ensemble" if pool.key == "uniform" else f"ensemble_{pool.key}"
        for key, table in pool.predictions.items():
            named[f"{prefix}_{key}{'' if pool.views is None else '_tta'}"] = table
    return {f"predictions/{name}.parquet": table.as_parquet() for name, table in named.items()}
