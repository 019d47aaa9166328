"""Test-time augmentation: which views of a face are averaged, and what the page calls them."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.report_stand_ins import OPTIONS, SAMPLES, Page, evaluated, predict, report, run_folder
from support.sketched import sketched

from fer.data.samples import Split
from fer.report.evaluation.views import VIEWS, ZOOM, enlarged


def test_more_faces_than_are_enlarged_at_a_time_keep_their_order() -> None:
    images = np.broadcast_to((np.arange(2000) % 251).astype(np.uint8)[:, None, None, None], (2000, 1, 8, 8))
    larger = enlarged(images)
    assert larger.dtype == np.uint8
    np.testing.assert_array_equal(larger, images)
    np.testing.assert_array_equal(enlarged(images[:0]), images[:0])


def test_zoom_averages_the_answers_to_four_views(tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"tta": "zoom"})
    found = evaluated(run_folder(tmp_path / "run"), options=options)
    images = SAMPLES.images[SAMPLES.splits == Split.PRIVATE]
    four = [images, images[..., ::-1], enlarged(images), enlarged(images)[..., ::-1]]
    averaged = found.sets["private"].averaged
    assert averaged is not None
    np.testing.assert_allclose(
        averaged.predictions.probabilities, np.mean([predict(view) for view in four], axis=0), atol=1e-6
    )
    page = sketched()(report)(tmp_path / "out", found, options=options)
    text = Page(page.read_text(encoding="utf-8")).text
    assert "mirrored and enlarged faces averaged in" in text
    assert f"the face enlarged by {ZOOM}" in text
    assert "mirror and zoom" in (page.parent / "model_card.md").read_text(encoding="utf-8")
    assert "private_tta" in json.loads((page.parent / "metrics.json").read_text(encoding="utf-8"))


def test_views_are_told_apart_by_their_names() -> None:
    assert len({views.title for views in VIEWS.values()}) == len(VIEWS)
    assert [len(list(views.of(SAMPLES.images[:3]))) for views in VIEWS.values()] == [1, 3]


@pytest.mark.parametrize(("given", "means"), [(True, "mirror"), (False, False), ("zoom", "zoom")])
def test_the_option_takes_true_for_the_mirror(given: object, means: object) -> None:
    assert type(OPTIONS).model_validate({"tta": given}).tta == means
