"""A run on photographs: the page's numbers against its predictions file, and against fer-predict's way."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from support.layouts import write_image
from support.sketched import sketched

from fer.common.labels import EMOTIONS
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.report.context import ReportContext
from fer.report.cross_data.analysis import analyse
from fer.report.main import evaluate_record
from fer.report.options import CrossDataOptions, ReportOptions
from fer.report.page.render import render_page


def test_photographs_are_found_read_and_told(tiny_run: Path, tmp_path: Path) -> None:
    (record,) = read_runs([tiny_run])
    data, models = OpenData(), OpenModels("cpu")
    samples, _ = data.of(record)
    rows = ["file,emotion"]
    for n, image in enumerate(samples.images[-70:, 0]):
        # Larger than the faces: the reading must bring them back to size.
        write_image(tmp_path / "photos" / f"{n}.png", cv2.resize(image, (96, 96), interpolation=cv2.INTER_NEAREST))
        rows.append(f"{n}.png,{EMOTIONS[samples.labels[-70 + n]]}")
    write_image(tmp_path / "photos" / "stray.png", np.zeros((9, 9), np.uint8))
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    one = {"root": tmp_path / "photos", "labels": tmp_path / "labels.csv", "detector": "none"}
    gone = {"root": tmp_path / "none", "labels": tmp_path / "labels.csv"}
    options = ReportOptions(
        bootstrap=100, tta=False, cross_data=CrossDataOptions.model_validate({"photographs": [one, gone]})
    )
    run = evaluate_record(record, models.of(record), data, options)
    found = analyse(ReportContext(run=run, runs=[run], options=options, data=data, models=models))
    assert found is not None
    assert any("name the folder or the zip" in note for note in found.notes)
    read = [row for row in csv.DictReader(io.StringIO(str(found.files["photographs.csv"]))) if row["predicted"]]
    numbers = found.metrics["photographs_1"]
    assert numbers["found"]["value"] == 1.0
    right = accuracy_score([row["emotion"] for row in read], [row["predicted"] for row in read])
    assert numbers["right_of_all"]["value"] == pytest.approx(right)
    # The same pixels at twice the size: but for resampling, the score of the set itself.
    assert right == pytest.approx(run.sets["private"].plain.metrics["accuracy"].value, abs=0.1)
    page = sketched()(render_page)(found.sections, title="t", subtitle="", notes=(), faces=False)
    assert "1 further images without a label" in page
    assert f"{100 * right:.1f}" in page
