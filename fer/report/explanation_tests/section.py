"""The section of the page that tests the heat maps, with its numbers, files and sentences for the card."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, Literal

from fer.common.wording import counted
from fer.metrics import Estimate
from fer.report.explanation_tests.figures import curves_figure, randomisation_figure
from fer.report.explanation_tests.measurement import Faithfulness, Trust, moved_parts
from fer.report.page.section import Cell, Chart, Section, cell
from fer.report.page.wording import number, percent
from fer.report.result import AnalysisResult
from fer.report.scores.tables import csv_text

KINDS: Final[tuple[Literal["deletion", "insertion"], ...]] = ("deletion", "insertion")


def tests_result(trust: Trust, *, missing: Sequence[str], title: str, statement: str, seed: int) -> AnalysisResult:
    """The tests as a section.

    Args:
        trust: what they found.
        missing: why methods are not among them.
        title: the set, in words.
        statement: split and protocol, for captions.
        seed: of the draw of faces, to be told.
    """
    from fer.explain.methods import METHODS
    from fer.explain.sanity import PASSES_BELOW

    titles = {method: METHODS[method].title for method in METHODS}
    charts = []
    if trust.faithfulness:
        charts = [_curves_chart(trust, kind, titles=titles, statement=statement) for kind in KINDS]
    if trust.randomisation:
        few = len(next(iter(trust.randomisation.values())).spearman)
        charts.append(
            Chart(
                key="randomisation",
                caption=f"How alike each method's maps stay as the net forgets. Mean of {few} faces; {statement}.",
                draw=lambda palette: randomisation_figure(
                    trust.randomisation, titles=titles, threshold=PASSES_BELOW, palette=palette
                ),
            )
        )
    section = Section(
        key="trust",
        title="How far to trust the maps",
        lead=_lead(trust),
        template="explanation_tests/section.html.j2",
        context={
            "n": trust.n,
            "cells": trust.cells,
            "curves": len(KINDS) if trust.faithfulness else 0,
            "missing": list(missing),
            "title": title,
            "statement": statement,
            "seed": seed,
            "start": [percent(share, 0) for share in trust.start],
            "faithfulness": [
                {
                    "title": titles[method],
                    "cells": [
                        cell("auc", result.deletion),
                        _gain(result.deletion_gain),
                        cell("auc", result.insertion),
                        _gain(result.insertion_gain),
                    ],
                    "verdict": result.verdict,
                }
                for method, result in trust.faithfulness.items()
            ],
            "random": None if trust.random is None else [cell("auc", estimate) for estimate in trust.random],
            "completeness": None
            if trust.completeness is None
            else {
                "median": percent(trust.completeness.median),
                "ninetieth": percent(trust.completeness.ninetieth),
                "n": trust.completeness.n,
                "poor": trust.completeness.median > 0.1,
            },
            "randomisation": [
                {
                    "title": titles[method],
                    "spearman": (f"{course.spearman[:, -1].mean():.2f}", float(course.spearman[:, -1].mean())),
                    "ssim": (f"{course.ssim[:, -1].mean():.2f}", float(course.ssim[:, -1].mean())),
                    "between": (f"{course.between_faces.mean():.2f}", float(course.between_faces.mean())),
                    "passes": course.passes,
                    "n": len(course.spearman),
                }
                for method, course in trust.randomisation.items()
            ],
            "threshold": PASSES_BELOW,
            "pointing": [
                {
                    "title": titles[method],
                    "cells": [cell("accuracy", result.hits), _points(result.gain), cell("accuracy", result.inside)],
                }
                for method, result in trust.pointing.items()
            ],
            "chance": None if trust.chance is None else [cell("accuracy", estimate) for estimate in trust.chance],
            "pointing_n": 0 if trust.chance is None else trust.chance[0].n,
            "parts": [(emotion, ", ".join(parts)) for emotion, parts in moved_parts().items() if parts],
        },
        charts=tuple(charts),
    )
    return AnalysisResult(
        sections=(section,),
        metrics=trust_metrics(trust),
        files=_files(trust),
        card=tuple(_sentences(trust, titles, title)),
    )


def _curves_chart(
    trust: Trust, kind: Literal["deletion", "insertion"], *, titles: Mapping[str, str], statement: str
) -> Chart:
    done = "covered with its mean grey" if kind == "deletion" else "put back onto the blurred face"
    return Chart(
        key=f"{kind}-curves",
        caption=f"Probability of the prediction as cells of the face are {done}, strongest first. Mean of "
        f"{counted(trust.n, 'face')}; {statement}.",
        draw=lambda palette: curves_figure(trust.curves, kind=kind, titles=titles, palette=palette),
    )


def trust_metrics(trust: Trust) -> dict[str, Any]:
    """The numbers, as `metrics.json` holds them."""
    from fer.explain.sanity import PASSES_BELOW

    found: dict[str, Any] = {}
    if trust.faithfulness and trust.random is not None:
        found["faithfulness"] = {
            **{
                method: {
                    "deletion_auc": result.deletion.as_dict(),
                    "insertion_auc": result.insertion.as_dict(),
                    "deletion_gain": result.deletion_gain.as_dict(),
                    "insertion_gain": result.insertion_gain.as_dict(),
                }
                for method, result in trust.faithfulness.items()
            },
            "random": {"deletion_auc": trust.random[0].as_dict(), "insertion_auc": trust.random[1].as_dict()},
        }
    if trust.completeness is not None:
        found["completeness_error"] = {
            "median": trust.completeness.median,
            "ninetieth_percentile": trust.completeness.ninetieth,
            "n": trust.completeness.n,
        }
    if trust.randomisation:
        found["randomisation"] = {
            method: {
                "layers_randomised": course.shares.tolist(),
                "spearman": course.spearman.mean(axis=0).tolist(),
                "ssim": course.ssim.mean(axis=0).tolist(),
                "between_faces": float(course.between_faces.mean()),
                "passes_below": PASSES_BELOW,
                "passes": course.passes,
                "n": len(course.spearman),
            }
            for method, course in trust.randomisation.items()
        }
    if trust.chance is not None:
        names = ("hits", "gain", "inside")
        found["pointing"] = {
            **{
                method: {name: getattr(result, name).as_dict() for name in names}
                for method, result in trust.pointing.items()
            },
            "chance": trust.chance[0].as_dict(),
            "centre": trust.chance[1].as_dict(),
            "area": trust.chance[2].as_dict(),
        }
    return found


def _files(trust: Trust) -> dict[str, str]:
    """One CSV a test: a row a method, a column a number."""
    files = {}
    for name, table in trust_metrics(trust).items():
        if name == "completeness_error":
            continue
        rows = []
        for method, numbers in table.items():
            row: dict[str, Any] = {"method": method}
            for key, value in (numbers if "value" not in numbers else {"value": numbers}).items():
                if isinstance(value, dict):
                    row |= {key if part == "value" else f"{key}_{part}": number for part, number in value.items()}
                elif isinstance(value, list):
                    row |= {f"{key}_{place}": number for place, number in enumerate(value, start=1)}
                else:
                    row[key] = value
            rows.append(row)
        files[f"explanations/{name}.csv"] = csv_text(rows)
    return files


def _gain(estimate: Estimate) -> Cell:
    """A difference of areas, with its sign."""
    return signed(estimate, digits=3)


def _points(estimate: Estimate) -> Cell:
    """A difference of shares, in points."""
    return signed(estimate, digits=1, scale=100)


def signed(estimate: Estimate, *, digits: int, scale: float = 1) -> Cell:
    """A number with its sign; that of a single face has no interval."""
    value, low, high = (scale * end for end in (estimate.value, estimate.low, estimate.high))
    ends = f"{low:+.{digits}f} to {high:+.{digits}f}" if isfinite(low) else "no interval"
    return Cell(text=f"{value:+.{digits}f}", interval=ends, sort=estimate.value)


def _lead(trust: Trust) -> str:
    """How many methods passed the tests."""
    if not trust.randomisation:
        return ""
    passed = sum(course.passes for course in trust.randomisation.values())
    return f"{passed} of {len(trust.randomisation)} methods passed the parameter-randomisation test."


def _sentences(trust: Trust, titles: dict[str, str], title: str) -> list[str]:
    said = []
    if trust.faithfulness and trust.random is not None:
        best = max(trust.faithfulness, key=lambda method: _gains(trust.faithfulness[method]))
        result = trust.faithfulness[best]
        said.append(
            f"Explanations: on {counted(trust.n, f'{title} face')} {titles[best]} names the places the prediction "
            f"depends on best (deletion AUC {number('auc', result.deletion.value)} against "
            f"{number('auc', trust.random[0].value)} of a random order, insertion AUC "
            f"{number('auc', result.insertion.value)} against {number('auc', trust.random[1].value)})."
        )
    failed = [titles[method] for method, course in trust.randomisation.items() if not course.passes]
    if failed:
        said.append(
            f"{' and '.join(failed)} failed the parameter-randomisation test: the maps stay when the net forgets, so "
            "they do not explain this model."
        )
    elif trust.randomisation:
        said.append("All its explanation methods passed the parameter-randomisation test (arXiv 1810.03292).")
    return said


def _gains(result: Faithfulness) -> float:
    return result.deletion_gain.value + result.insertion_gain.value
