"""Occlusion: one model under every mask, and models trained under different masks against each other."""

from fer.report.finding import Finding
from fer.report.occlusion.scoring import score_subject
from fer.report.occlusion.sections import masks_section, study_section
from fer.report.occlusion.statements import mask_statements, recoveries, study_statements
from fer.report.occlusion.tables import columns, csv_rows, metrics_tree
from fer.report.scores.statements import protocol, statement
from fer.report.scores.tables import csv_text
from fer.report.subject import Subject


def analyse(subject: Subject) -> Finding | None:
    """The occlusion analysis; where it is off, only the note on runs that were trained on a part of the face."""
    notes = _notes(subject)
    options = subject.options
    if not options.occlusion.enabled:
        return Finding(notes=notes) if notes else None
    detail, study, cautions = score_subject(subject)
    resamples, seed = options.bootstrap, options.seed
    said = mask_statements(detail, resamples=resamples, seed=seed)
    sections = [masks_section(detail, said, seed=seed)]
    key = detail.run.headline_key
    shown = statement(detail.run, key)
    card = [f"With a part of the face hidden: {' '.join(said)} ({shown}.)"]
    found = recoveries(study, resamples=resamples, seed=seed)
    if study:
        told = study_statements(study, found, resamples=resamples, seed=seed)
        sections.insert(0, study_section(study, told, found, cautions))
        card.insert(0, f"Occlusion study: {' '.join(told)} ({shown}.)")
    others = [one for one in study if one.run is not detail.run]
    return Finding(
        sections=tuple(sections),
        metrics=metrics_tree(detail, study, found, evaluated_on=key, protocol=protocol(detail.run)),
        files={"occlusion.csv": csv_text(csv_rows([detail, *others], evaluated_on=key))},
        columns=columns([detail, *others]),
        notes=notes,
        card=tuple(card),
    )


def _notes(subject: Subject) -> tuple[str, ...]:
    parts = [run.record for run in subject.runs if run.record.visible != "full"]
    if not parts:
        return ()
    names = ", ".join(f"{record.name} ({record.visible})" for record in parts)
    return (
        f"Trained, and their epoch selected, on faces with nothing but one part visible: {names}. Where no mask is "
        "named, scores are those on whole faces; what their training recorded are scores under their mask.",
    )
