"""Calibration and abstention: confidences before and after a temperature, and the threshold of “uncertain”."""

from fer.report.calibration.files import columns, files, metrics_tree
from fer.report.calibration.measurement import measure
from fer.report.calibration.sections import abstention_section, calibration_section
from fer.report.calibration.statements import card_sentences
from fer.report.finding import Finding
from fer.report.subject import Subject


def analyse(subject: Subject) -> Finding | None:
    """What is fitted on the faces that chose the epoch, measured on the headline set; None where it is off."""
    if not subject.options.calibration.enabled:
        return None
    every = [measure(run, subject.options) for run in subject.runs]
    detail = next(measured for measured in every if measured.run is subject.run)
    return Finding(
        sections=(calibration_section(detail, every), abstention_section(detail)),
        metrics=metrics_tree(detail, every),
        files=files(detail),
        columns=columns(every),
        card=card_sentences(detail),
    )
