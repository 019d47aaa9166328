"""Which runs form an ensemble, with which weights, and what it scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fer.metrics import Estimate, Predictions, evaluate
from fer.metrics.ensemble import average, fit_weights, resampled_weights, uniform_weights
from fer.metrics.predictions import Floats
from fer.metrics.significance import Comparison, adjust, compare, same_faces
from fer.report.evaluation.evaluate import EvaluatedRun, Scores
from fer.report.evaluation.views import Views
from fer.report.scores.tables import tables

FITTED_ON = "public"
"""The set that weights are fitted on and the best single run is chosen by: never PrivateTest."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """One way of averaging the members.

    Attributes:
        key: "uniform" or "fitted".
        views: whose predictions are averaged in; None: those of the face alone.
        weights: float64 array (R,), one a member, summing to 1.
        spread: float64 arrays (R,) low and high, 95 % of the weights refitted on resampled faces; None for equal
            weights.
        predictions: set -> the ensemble's predictions.
        metrics: set -> metric -> score with interval.
        against: set -> the ensemble against the best single run with the same augmentation; `adjusted_p` is Holm's over
            all pools and augmentations of a set.
    """

    key: str
    views: Views | None
    weights: Floats
    spread: tuple[Floats, Floats] | None
    predictions: Mapping[str, Predictions]
    metrics: Mapping[str, Mapping[str, Estimate]]
    against: Mapping[str, Comparison]


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """The pools of the same members.

    Attributes:
        members: at least two.
        best: the member with the highest PublicTest accuracy, or the first where there is no PublicTest.
        sets: keys of the sets that are scored, in reading order.
        pools: uniform and fitted, without and with test-time augmentation as far as the members were scored so.
    """

    members: tuple[EvaluatedRun, ...]
    best: EvaluatedRun
    sets: tuple[str, ...]
    pools: tuple[Pool, ...]


def choose_members(detail: EvaluatedRun, runs: Sequence[EvaluatedRun]) -> tuple[EvaluatedRun, ...]:
    """The runs that were scored on the very faces of the run in detail, itself among them, in the order named."""
    return tuple(run for run in runs if run is detail or _agree(detail, run))


def build_ensemble(
    members: Sequence[EvaluatedRun], *, best: EvaluatedRun, resamples: int, weight_resamples: int, seed: int
) -> Ensemble:
    """Averages, scores and tests every pool.

    Args:
        members: at least two, of the same faces.
        best: the member to beat, chosen without PrivateTest.
        resamples: bootstrap resamples behind the intervals of scores and differences.
        weight_resamples: bootstrap resamples behind the spread of fitted weights.
        seed: of all of them.
    """
    sets = _sets(best)
    pools = []
    for tta in (False, True):
        views = best.headline.views if tta else None
        if tta and any(run.headline.views is None for run in members):
            continue
        fitted = FITTED_ON in best.sets
        for key in ("uniform", "fitted") if fitted else ("uniform",):
            weights, spread = uniform_weights(len(members)), None
            if key == "fitted":
                public = [_scores(run, FITTED_ON, tta=tta).predictions for run in members]
                weights = fit_weights(public)
                spread = _spread(public, resamples=weight_resamples, seed=seed)
            averages = {
                name: average([_scores(run, name, tta=tta).predictions for run in members], weights) for name in sets
            }
            pools.append(
                Pool(
                    key=key,
                    views=views,
                    weights=weights,
                    spread=spread,
                    predictions=averages,
                    metrics={name: evaluate(table, resamples=resamples, seed=seed) for name, table in averages.items()},
                    against={
                        name: compare(
                            table,
                            _scores(best, name, tta=tta).predictions,
                            names=(f"{key}{'_tta' if tta else ''}", best.record.name),
                            resamples=resamples,
                            seed=seed,
                        )
                        for name, table in averages.items()
                    },
                )
            )
    return Ensemble(members=tuple(members), best=best, sets=sets, pools=_as_families(pools, sets))


def best_single(members: Sequence[EvaluatedRun]) -> EvaluatedRun:
    """The member with the highest PublicTest accuracy, the first of equals; the first where there is no PublicTest."""
    if any(FITTED_ON not in run.sets for run in members):
        return members[0]
    return max(members, key=lambda run: run.sets[FITTED_ON].plain.metrics["accuracy"].value)


def _scores(run: EvaluatedRun, key: str, *, tta: bool) -> Scores:
    return tables(run)[f"{key}_tta" if tta else key]


def _sets(run: EvaluatedRun) -> tuple[str, ...]:
    """The sets worth scoring: the two official ones and PrivateTest without copies, and the headline."""
    return tuple(key for key in run.sets if key in ("private", "private_dedup", "public", run.headline_key))


def _agree(first: EvaluatedRun, second: EvaluatedRun) -> bool:
    """Whether two runs were scored on the same faces with the same labels, of data with the same fingerprint."""
    return first.data.fingerprint == second.data.fingerprint and all(
        key in second.sets and same_faces(first.sets[key].plain.predictions, second.sets[key].plain.predictions)
        for key in _sets(first)
    )


def _spread(public: Sequence[Predictions], *, resamples: int, seed: int) -> tuple[Floats, Floats]:
    import numpy as np

    low, high = np.percentile(resampled_weights(public, resamples=resamples, seed=seed), (2.5, 97.5), axis=0)
    return low, high


def _as_families(pools: Sequence[Pool], sets: Sequence[str]) -> tuple[Pool, ...]:
    """The pools with Holm's correction over all of them on each set."""
    adjusted = {key: adjust([pool.against[key] for pool in pools]) for key in sets}
    return tuple(replace(pool, against={key: adjusted[key][place] for key in sets}) for place, pool in enumerate(pools))
