"""Occlusion: one model under every mask, and models trained under different masks against each other."""

from collections.abc import Mapping, Sequence
from typing import Any

from fer.metrics import METRICS
from fer.report.context import ReportContext
from fer.report.occlusion.measurement import MaskScores, Recovery, RunUnderMasks, recoveries, score_under_masks
from fer.report.occlusion.section import mask_statements, masks_section, statement_of, study_section, study_statements
from fer.report.result import AnalysisResult
from fer.report.scores.statements import protocol
from fer.report.scores.tables import csv_text


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The occlusion analysis; where it is off, only the note on runs that were trained on a part of the face."""
    notes = _notes(context)
    options = context.options
    if not options.occlusion.enabled:
        return AnalysisResult(notes=notes) if notes else None
    detail, study, cautions = score_under_masks(context)
    resamples, seed = options.bootstrap, options.seed
    said = mask_statements(detail, resamples=resamples, seed=seed)
    sections = [masks_section(detail, said, seed=seed)]
    key = detail.run.headline_key
    shown = statement_of(detail, seed=seed)
    card = [f"With a part of the face hidden: {' '.join(said)} ({shown}.)"]
    found = recoveries(study, resamples=resamples, seed=seed)
    if study:
        told = study_statements(study, found, resamples=resamples, seed=seed)
        sections.insert(0, study_section(study, told, found, cautions))
        card.insert(0, f"Occlusion study: {' '.join(told)} ({shown}.)")
    others = [one for one in study if one.run is not detail.run]
    return AnalysisResult(
        sections=tuple(sections),
        metrics=metrics_tree(detail, study, found, evaluated_on=key, protocol=protocol(detail.run)),
        files={"occlusion.csv": csv_text(csv_rows([detail, *others], evaluated_on=key))},
        columns=columns([detail, *others]),
        notes=notes,
        card=tuple(card),
    )


def _notes(context: ReportContext) -> tuple[str, ...]:
    parts = [run.record for run in context.runs if run.record.visible != "full"]
    if not parts:
        return ()
    names = ", ".join(f"{record.name} ({record.visible})" for record in parts)
    return (
        f"Trained, and their epoch selected, on faces with nothing but one part visible: {names}. Where no mask is "
        "named, scores are those on whole faces; what their training recorded are scores under their mask.",
    )


def csv_rows(runs: Sequence[RunUnderMasks], *, evaluated_on: str) -> list[dict[str, Any]]:
    """`occlusion.csv`: a row for each run and test mask."""
    rows = []
    for one in runs:
        for key, scores in one.scores.items():
            row: dict[str, Any] = {
                "run": one.run.record.name,
                "training_mask": one.trained_on,
                "test_mask": key,
                "hidden_area": float(scores.mask.hidden),
                "set": evaluated_on,
                "n": len(scores.predictions),
            }
            for name in METRICS:
                row |= scores.metrics[name].as_columns(name)
            row |= scores.retention.as_columns("retention")
            for emotion, recall in scores.recall.items():
                row |= recall.as_columns(f"recall_{emotion}")
            rows.append(row)
    return rows


def metrics_tree(
    detail: RunUnderMasks,
    study: Sequence[RunUnderMasks],
    found: Sequence[Recovery],
    *,
    evaluated_on: str,
    protocol: str,
) -> dict[str, Any]:
    """What `metrics.json` holds under `occlusion`."""
    tree: dict[str, Any] = {
        "set": evaluated_on,
        "protocol": protocol,
        "run": detail.run.record.name,
        "training_mask": detail.trained_on,
        "masks": {key: _scores_tree(scores) for key, scores in detail.scores.items()},
    }
    if study:
        tree["study"] = {
            one.run.record.name: {
                "training_mask": one.trained_on,
                "test_masks": {key: _scores_tree(scores) for key, scores in one.scores.items()},
            }
            for one in study
        }
        tree["recovered"] = {one.half: one.recovered.as_dict() for one in found}
    return tree


def columns(runs: Sequence[RunUnderMasks]) -> Mapping[str, Mapping[str, Any]]:
    """Columns of `model_eval.csv`: accuracy under each mask."""
    return {
        one.run.record.name: {
            f"occlusion_{key}_accuracy": scores.metrics["accuracy"].value
            for key, scores in one.scores.items()
            if key != "full"
        }
        for one in runs
    }


def _scores_tree(scores: MaskScores) -> dict[str, Any]:
    return {
        **{name: estimate.as_dict() for name, estimate in scores.metrics.items()},
        "retention": scores.retention.as_dict(),
        "recall": {emotion: estimate.as_dict() for emotion, estimate in scores.recall.items()},
    }
