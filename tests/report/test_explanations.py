"""The explanations of a report: what is drawn, what is tested, and what a page without faces leaves out."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.sketched import sketched

from fer.common.labels import EMOTIONS
from fer.data.samples import Split
from fer.data.synthetic.source import synthetic_samples
from fer.explain.heat_maps import HeatMaps
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.metrics import Estimate, Predictions
from fer.metrics.estimate import mean_estimate
from fer.report.context import ReportContext
from fer.report.explanation_tests.measurement import UNITS_OF, Faithfulness, ground_truth_masks, moved_parts
from fer.report.explanation_tests.section import signed
from fer.report.explanations.analysis import analyse
from fer.report.explanations.class_maps import class_maps, class_maps_result
from fer.report.explanations.gallery import SIDE
from fer.report.explanations.methods import compared_rows, for_the_eye, maps_by_method
from fer.report.main import evaluate_record
from fer.report.options import ReportOptions
from fer.report.page.render import render_page
from fer.report.result import AnalysisResult

SMALL = {
    "cam_images_per_class": 1,
    "mistakes": 2,
    "successes": 2,
    "compared_faces": 3,
    "class_map_faces": 5,
    "tested_faces": 6,
    "randomised_faces": 3,
    "pointing_faces": 6,
}


def found_for(run: Path, *, faces: bool = True, **changes: object) -> AnalysisResult | None:
    options = ReportOptions(bootstrap=100, tta=False, faces=faces, device="cpu", explanations={**SMALL, **changes})
    data, models = OpenData(), OpenModels("cpu")
    (record,) = read_runs([run])
    evaluated = evaluate_record(record, models.of(record), data, options)
    return analyse(ReportContext(run=evaluated, runs=[evaluated], options=options, data=data, models=models))


@sketched()
def page(found: AnalysisResult) -> str:
    return render_page(found.sections, title="x", subtitle="x", notes=[], faces=True)


@pytest.fixture(scope="module")
def whole(tiny_run: Path) -> AnalysisResult:
    found = found_for(tiny_run)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def faceless(tiny_run: Path) -> AnalysisResult:
    found = found_for(tiny_run, faces=False, methods=["grad_cam", "saliency"])
    assert found is not None
    return found


METHODS = ("grad_cam", "guided_grad_cam", "integrated_gradients", "saliency", "occlusion")


def test_every_part_is_there(whole: AnalysisResult) -> None:
    assert [section.key for section in whole.sections] == ["gradcam", "mistakes", "class-maps", "methods", "trust"]
    html = " ".join(page(whole).split())
    for told in ("Least confident successes", "the level to beat", "passes if", "random place, even map", "But:"):
        assert told in html.replace("<b>", "").replace("</b>", ""), told
    assert {path.partition("/")[0] for path in whole.files} == {"gradcam", "explanations"}
    for path, content in whole.files.items():
        if path.endswith(".png"):
            picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            assert picture.shape[0] == SIDE, path


def test_numbers_stand_beside_what_chance_would_do(whole: AnalysisResult) -> None:
    numbers = whole.metrics
    faithful = numbers["faithfulness"]
    assert set(faithful) == {*METHODS, "random"}
    for method in METHODS:
        gain = faithful["random"]["deletion_auc"]["value"] - faithful[method]["deletion_auc"]["value"]
        assert faithful[method]["deletion_gain"]["value"] == pytest.approx(gain, abs=1e-9)
        assert faithful[method]["insertion_auc"]["n"] == 6
        assert numbers["randomisation"][method]["n"] == 3
        assert numbers["randomisation"][method]["layers_randomised"][-1] == 1
        hits = numbers["pointing"][method]
        assert hits["gain"]["value"] == pytest.approx(
            hits["hits"]["value"] - numbers["pointing"]["chance"]["value"], abs=1e-9
        )
    assert 0 < numbers["pointing"]["area"]["value"] < numbers["pointing"]["chance"]["value"] < 1
    assert numbers["completeness_error"]["n"] == 6
    for name in ("faithfulness", "randomisation", "pointing", "class_maps"):
        rows = list(csv.DictReader(io.StringIO(whole.files[f"explanations/{name}.csv"])))
        assert len(rows) >= (1 if name == "class_maps" else 5), name
    assert any("random order" in sentence for sentence in whole.card)


def test_a_page_without_faces_shows_maps_alone(faceless: AnalysisResult) -> None:
    assert [section.key for section in faceless.sections] == ["class-maps", "trust"]
    pictures = [path for path in faceless.files if path.endswith(".png")]
    assert pictures
    for path in pictures:
        assert path.startswith("explanations/class_")
        picture = cv2.imdecode(np.frombuffer(faceless.files[path], np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (SIDE, SIDE, 3)
        # Inferno holds no grey but its black: a grey pixel would be the face's.
        spread = picture.max(axis=2).astype(int) - picture.min(axis=2)
        assert ((spread > 0) | (picture.max(axis=2) < 10)).all()
    assert page(faceless).count("<img") == len(pictures)


def test_the_same_run_gives_the_same_bytes(tiny_run: Path, faceless: AnalysisResult) -> None:
    again = found_for(tiny_run, faces=False, methods=["grad_cam", "saliency"])
    assert again is not None
    assert again.files == faceless.files
    assert again.metrics == faceless.metrics


def test_switched_off_there_is_nothing(tiny_run: Path) -> None:
    assert found_for(tiny_run, enabled=False) is None
    assert found_for(tiny_run, faces=False, class_map_faces=0, tested_faces=0) is None


def test_options_name_each_method_once() -> None:
    with pytest.raises(ValueError, match=r"name each method once, as in \[grad_cam,occlusion\]"):
        ReportOptions(explanations={"methods": ["saliency", "saliency"]})


def test_a_mean_has_the_interval_of_its_faces() -> None:
    values = np.random.default_rng(0).normal(3, 1, 400)
    estimate = mean_estimate(values, resamples=4000, seed=0)
    assert estimate.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 20
    assert (estimate.value - estimate.low, estimate.high - estimate.value) == pytest.approx((half, half), rel=0.1)
    assert mean_estimate(values, resamples=4000, seed=0) == estimate
    shifted = mean_estimate(values + 1, resamples=4000, seed=0)
    assert shifted.low == pytest.approx(estimate.low + 1)
    assert np.isnan(mean_estimate(values[:0], resamples=10, seed=0).value)


@pytest.mark.parametrize(
    ("deletion", "insertion", "verdict"),
    [
        ((0.1, 0.2), (0.1, 0.2), "better than random"),
        ((0.1, 0.2), (-0.1, 0.2), "better than random in deletion alone"),
        ((-0.1, 0.2), (-0.1, 0.2), "not told from random"),
        ((0.1, 0.2), (-0.2, -0.1), "worse than random in insertion"),
    ],
)
def test_verdicts_follow_the_intervals(
    deletion: tuple[float, float], insertion: tuple[float, float], verdict: str
) -> None:
    gains = [Estimate(value=sum(ends) / 2, low=ends[0], high=ends[1], n=9) for ends in (deletion, insertion)]
    found = Faithfulness(deletion=gains[0], insertion=gains[1], deletion_gain=gains[0], insertion_gain=gains[1])
    assert found.verdict == verdict


def test_the_ground_truth_follows_the_action_units() -> None:
    parts = moved_parts()
    assert parts["happy"] == ("eyes", "mouth")
    assert parts["sad"] == ("brows", "mouth")
    assert parts["surprise"] == ("brows", "eyes", "mouth")
    assert parts["neutral"] == ()
    from fer.data.synthetic.action_units import ACTION_UNITS

    assert {unit for units in UNITS_OF.values() for unit in units} == set(ACTION_UNITS) - {9}
    samples = synthetic_samples(counts={Split.PUBLIC: 14}, seed=0)
    rows = np.flatnonzero(samples.labels == EMOTIONS.index("happy"))
    masks = ground_truth_masks(samples, rows)
    np.testing.assert_array_equal(masks, samples.masks["eyes"][rows] | samples.masks["mouth"][rows])
    assert not ground_truth_masks(samples, np.flatnonzero(samples.labels == EMOTIONS.index("neutral"))).any()


def table(n: int = 28) -> Predictions:
    labels = np.arange(n) % 7
    predicted = np.where(np.arange(n) < 7, (labels + 1) % 7, labels)
    return Predictions(
        ids=np.arange(n).astype(str), labels=labels, probabilities=np.eye(7)[predicted] * 0.9 + 0.1 / 7, split="x"
    )


def test_compared_faces_take_each_emotion_in_turn() -> None:
    rows = compared_rows(table(), count=9, seed=0)
    assert table().labels[rows].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]
    assert len(set(rows.tolist())) == 9
    assert len(compared_rows(table(), count=70, seed=0)) == 28
    assert len(compared_rows(table(), count=0, seed=0)) == 0


def test_average_maps_are_means_over_right_answers() -> None:
    images = np.random.default_rng(1).integers(0, 256, (28, 1, 48, 48)).astype(np.uint8)
    explained: list[np.ndarray] = []

    def explain(faces: np.ndarray, classes: np.ndarray) -> HeatMaps:
        explained.append(classes)
        maps = np.zeros((len(faces), 48, 48), dtype=np.float32)
        # All heat in the mouth's band for happy, in the eyes' for the others; the first face has none.
        maps[1:, 36 if classes[0] == 3 else 14, 24] = 1
        return HeatMaps(maps=maps, empty=maps.max((1, 2)) == 0, grid=(6, 6), values=maps)

    found = class_maps(table(), images, explain=explain, count=10, resamples=100, seed=0)
    assert [average.emotion for average in found] == list(EMOTIONS)
    assert [set(classes.tolist()) for classes in explained] == [{c} for c in range(7)]
    for average in found:
        region, other = ("mouth", "eyes") if average.emotion == "happy" else ("eyes", "mouth")
        assert average.shares[region].value == 1
        assert average.shares[other].value == 0
        assert (average.shares[region].n, average.empty) == (2, 1)
        assert average.heat.max() == pytest.approx(2 / 3)
    happy = np.arange(10, 28, 7)
    np.testing.assert_array_equal(found[3].face, images[happy].mean(axis=0).round().astype(np.uint8))
    section = class_maps_result(found, title="PrivateTest", faces=False, seed=0, count=10)
    assert section.metrics["class_maps"]["happy"]["heat_in_mouth"]["value"] == 1


def test_nothing_is_averaged_where_the_map_is_too_coarse() -> None:
    def explain(faces: np.ndarray, classes: np.ndarray) -> HeatMaps:
        maps = np.ones((len(faces), 48, 48), dtype=np.float32)
        return HeatMaps(maps=maps, empty=np.zeros(len(faces), bool), grid=(3, 3), values=maps)

    images = np.zeros((28, 1, 48, 48), dtype=np.uint8)
    assert class_maps(table(), images, explain=explain, count=10, resamples=100, seed=0) == ()


def test_methods_that_do_not_apply_are_named_with_their_reason() -> None:
    import torch

    from fer.models.preprocess import Preprocess
    from fer.models.registry import build_net

    class Model:
        net = build_net("vit", in_channels=1, num_classes=7, size=48, params={"depth": 1, "patch_size": 16})
        preprocess = Preprocess()

    torch.manual_seed(0)
    images = np.random.default_rng(2).integers(0, 256, (2, 1, 48, 48)).astype(np.uint8)
    found = maps_by_method(Model(), images, np.array([0, 1]), methods=["grad_cam", "guided_grad_cam", "saliency"])
    assert list(found.maps) == ["saliency"]
    assert found.missing["grad_cam"].startswith("Grad-CAM has 3 x 3 cells for the whole face in this net")
    assert found.missing["guided_grad_cam"].startswith("Guided Grad-CAM does not apply to this net: guided back")


def test_only_maps_of_single_pixels_are_smoothed_for_the_eye() -> None:
    maps = np.zeros((2, 48, 48), dtype=np.float32)
    maps[0, 20, 20] = 1
    empty = np.array([False, True])
    coarse = HeatMaps(maps=maps, empty=empty, grid=(6, 6), values=maps)
    np.testing.assert_array_equal(for_the_eye(coarse), maps)
    fine = for_the_eye(HeatMaps(maps=maps, empty=empty, grid=(48, 48), values=maps))
    assert fine[0, 20, 20] == 1
    assert 0.5 < fine[0, 20, 21] < 0.7
    assert not fine[1].any()


def test_the_gain_on_a_single_face_has_no_interval() -> None:
    alone = mean_estimate(np.array([0.25]), resamples=100, seed=0)
    told = signed(alone, digits=3)
    assert (told.text, told.interval) == ("+0.250", "no interval")
    assert signed(Estimate(value=-0.1, low=-0.2, high=0.05, n=9), digits=1, scale=100).interval == "-20.0 to +5.0"
