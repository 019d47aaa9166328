import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS, NUM_CLASSES
from fer.metrics import (
    METRICS,
    Predictions,
    confusion_matrix,
    evaluate,
    evaluate_classes,
    headline,
    normalise_rows,
    weighted_auc,
)
from fer.metrics.roc_areas import RocAreas

CLASSES = list(range(NUM_CLASSES))


def table(labels, probabilities, *, dtype=np.float64) -> Predictions:
    labels = np.asarray(labels, dtype=np.int64)
    ids = np.array([f"face_{i}" for i in range(len(labels))], dtype=np.str_)
    return Predictions(ids=ids, labels=labels, probabilities=np.asarray(probabilities, dtype=dtype), split="PublicTest")


def random_table(n: int, *, seed: int, skill: float = 1.5) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, NUM_CLASSES, n)
    logits = rng.normal(size=(n, NUM_CLASSES))
    logits[np.arange(n), labels] += skill
    probabilities = np.exp(logits)
    return table(labels, probabilities / probabilities.sum(axis=1, keepdims=True))


@st.composite
def tables(draw) -> Predictions:
    """Tables with missing classes, tied scores and certain predictions."""
    present = draw(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=7, unique=True))
    labels = draw(st.lists(st.sampled_from(present), min_size=1, max_size=40))
    # Few different numbers, so that ties are the rule.
    raw = draw(
        st.lists(
            st.lists(st.integers(0, 4), min_size=7, max_size=7).filter(any), min_size=len(labels), max_size=len(labels)
        )
    )
    probabilities = np.array(raw, dtype=np.float64)
    return table(labels, probabilities / probabilities.sum(axis=1, keepdims=True))


@given(tables())
@settings(max_examples=150, deadline=None)
def test_scores_agree_with_scikit_learn(predictions: Predictions) -> None:
    true, predicted = predictions.labels, predictions.predicted
    scores = headline(predictions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of every convention named in the module
        expected = {
            "accuracy": reference.accuracy_score(true, predicted),
            "balanced_accuracy": reference.balanced_accuracy_score(true, predicted),
            "macro_f1": reference.f1_score(true, predicted, average="macro", zero_division=0),
            "weighted_f1": reference.f1_score(true, predicted, average="weighted", zero_division=0),
            "nll": reference.log_loss(true, predictions.probabilities, labels=CLASSES),
        }
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, abs=1e-6), name
    expected_confusion = reference.confusion_matrix(true, predicted, labels=CLASSES)
    np.testing.assert_array_equal(confusion_matrix(true, predicted), expected_confusion)


@given(tables())
@settings(max_examples=100, deadline=None)
def test_class_scores_agree_with_scikit_learn(predictions: Predictions) -> None:
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        predictions.labels, predictions.predicted, labels=CLASSES, zero_division=0
    )
    scores = evaluate_classes(predictions)
    assert tuple(scores) == EMOTIONS
    for c, emotion in enumerate(EMOTIONS):
        found = scores[emotion]
        assert found.precision.value == pytest.approx(precision[c], abs=1e-6)
        assert found.recall.value == pytest.approx(recall[c], abs=1e-6)
        assert found.f1.value == pytest.approx(f1[c], abs=1e-6)
        assert found.support == support[c] == found.recall.n
        assert found.precision.n == (predictions.predicted == c).sum()


@given(tables())
@settings(max_examples=150, deadline=None)
def test_weighted_auc_agrees_with_scikit_learn_class_by_class(predictions: Predictions) -> None:
    areas, weights = [], []
    for c in CLASSES:
        positive = predictions.labels == c
        if positive.any() and not positive.all():
            areas.append(reference.roc_auc_score(positive, predictions.probabilities[:, c]))
            weights.append(positive.sum())
    found = weighted_auc(predictions)
    if len(areas) == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(np.average(areas, weights=weights), abs=1e-6)


def test_weighted_auc_is_scikit_learns_where_every_class_occurs() -> None:
    predictions = random_table(400, seed=1)
    expected = reference.roc_auc_score(
        predictions.labels, predictions.probabilities, multi_class="ovr", average="weighted"
    )
    assert weighted_auc(predictions) == pytest.approx(expected, abs=1e-9)


def test_log_loss_of_float32_clips_as_scikit_learn_does() -> None:
    probabilities = np.zeros((2, NUM_CLASSES), dtype=np.float32)
    probabilities[:, 0] = 1
    predictions = table([0, 3], probabilities, dtype=np.float32)
    expected = reference.log_loss(predictions.labels, probabilities, labels=CLASSES)
    assert headline(predictions)["nll"] == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(expected)


@given(tables(), st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_weighting_faces_is_repeating_them(predictions: Predictions, seed: int) -> None:
    """The bootstrap's weighted AUC is the plain AUC of the table that the draw stands for."""
    n = len(predictions)
    drawn = np.random.default_rng(seed).integers(0, n, n)
    weights = np.bincount(drawn, minlength=n).astype(np.float32)[:, None]
    areas, support = RocAreas(predictions.labels, predictions.probabilities).weighted(weights)
    ones = np.ones((n, 1))
    repeated = predictions.take(drawn)
    expected_areas, expected_support = RocAreas(repeated.labels, repeated.probabilities).weighted(ones)
    np.testing.assert_allclose(support, expected_support)
    np.testing.assert_allclose(areas, expected_areas, atol=1e-6)


def test_a_class_that_nobody_or_everybody_shows_has_no_area() -> None:
    labels = np.array([3, 3, 3, 3])
    areas, support = RocAreas(labels, random_table(4, seed=0).probabilities).weighted(np.ones((4, 2)))
    assert areas.shape == support.shape == (NUM_CLASSES, 2)
    assert not areas.any()
    assert not support.any()


def test_intervals_are_those_of_the_bootstrap_over_faces() -> None:
    """Against the plain way: draw faces with replacement, score the drawn table."""
    predictions = random_table(150, seed=3)
    estimates = evaluate(predictions, resamples=1500, seed=0)
    rng = np.random.default_rng(5)
    draws = [headline(predictions.take(rng.integers(0, 150, 150))) for _ in range(500)]
    for name, estimate in estimates.items():
        values = np.array([draw[name] for draw in draws])
        low, high = np.percentile(values, (2.5, 97.5))
        # Two Monte-Carlo estimates of the same quantile differ by a part of the spread.
        assert estimate.low == pytest.approx(low, abs=0.35 * values.std()), name
        assert estimate.high == pytest.approx(high, abs=0.35 * values.std()), name


def test_accuracy_interval_has_the_binomial_width() -> None:
    """FACTS: +/- 1.45 points at 3,589 faces and 73 % or so."""
    n, accuracy = 3589, 0.73
    hit = np.arange(n) < round(accuracy * n)
    labels = np.arange(n) % NUM_CLASSES
    probabilities = np.eye(NUM_CLASSES)[np.where(hit, labels, (labels + 1) % NUM_CLASSES)]
    estimate = evaluate(table(labels, probabilities), resamples=2000)["accuracy"]
    assert 50 * (estimate.high - estimate.low) == pytest.approx(1.45, abs=0.1)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.n == n


def test_intervals_cover_the_true_value_about_as_often_as_they_say() -> None:
    true_value = 0.6
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(120):
        labels = rng.integers(0, NUM_CLASSES, 120)
        predicted = np.where(rng.random(120) < true_value, labels, (labels + 1) % NUM_CLASSES)
        estimate = evaluate(table(labels, np.eye(NUM_CLASSES)[predicted]), resamples=200, seed=trial)["accuracy"]
        covered += estimate.low <= true_value <= estimate.high
    assert 0.88 <= covered / 120 <= 0.99


def test_the_seed_decides_the_interval_and_nothing_else() -> None:
    predictions = random_table(90, seed=2)
    first, again, other = (evaluate(predictions, resamples=300, seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert all(first[name].value == other[name].value for name in METRICS)


def test_perfect_answers_score_one() -> None:
    labels = np.arange(70) % NUM_CLASSES
    scores = evaluate(table(labels, np.eye(NUM_CLASSES)[labels]), resamples=50)
    for name in ("balanced_accuracy", "macro_f1", "weighted_f1", "weighted_auc"):
        assert scores[name].value == 1
        assert np.isnan(scores[name].low), "the bootstrap sees no mistake that has not happened yet"
    assert (scores["accuracy"].value, scores["accuracy"].high) == (1, 1)
    assert 0.94 < scores["accuracy"].low < 1
    assert scores["nll"].value == pytest.approx(0, abs=1e-12)


def test_one_class_alone_has_no_auc_but_everything_else() -> None:
    scores = evaluate(table([3, 3], np.full((2, NUM_CLASSES), 1 / 7)), resamples=20)
    reason = "all 2 faces of PublicTest are of one class (happy)"
    undefined = {"value": None, "low": None, "high": None, "n": 2, "reason": reason}
    assert scores["weighted_auc"].as_dict() == undefined
    assert scores["accuracy"].value == 0


def test_normalised_rows_sum_to_one_or_to_nothing() -> None:
    shares = normalise_rows(confusion_matrix(np.array([0, 0, 2]), np.array([0, 1, 2])))
    assert shares.sum(axis=1).tolist() == [1, 0, 1, 0, 0, 0, 0]
    assert shares[0, :2].tolist() == [0.5, 0.5]


def test_an_empty_table_is_refused() -> None:
    empty = table([], np.zeros((0, NUM_CLASSES)))
    for score in (headline, evaluate, evaluate_classes):
        with pytest.raises(DataError, match="PublicTest hold no faces"):
            score(empty)


def test_a_diverged_model_is_named_as_such() -> None:
    with pytest.raises(DataError, match=r"1 of 2 faces .* diverged"):
        table([0, 1], [[1, 0, 0, 0, 0, 0, 0], [np.nan] * 7])


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(2, 6\)"):
        table([0, 1], np.full((2, 6), 1 / 6))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_table_survives_its_file(tmp_path: Path, dtype: type) -> None:
    predictions = random_table(20, seed=4)
    predictions = Predictions(
        ids=np.array([f"täst/{i}=ü.jpg" for i in range(20)]),
        labels=predictions.labels,
        probabilities=predictions.probabilities.astype(dtype),
        split="PrivateTest, deduplicated",
    )
    path = tmp_path / "predictions" / "private.parquet"
    predictions.write(path)
    back = Predictions.read(path)
    assert back.split == predictions.split
    assert back.ids.tolist() == predictions.ids.tolist()
    assert back.labels.dtype == np.int64
    assert back.probabilities.dtype == dtype
    np.testing.assert_array_equal(back.labels, predictions.labels)
    np.testing.assert_array_equal(back.probabilities, predictions.probabilities)
    assert [file.name for file in path.parent.iterdir()] == ["private.parquet"]


def test_a_table_without_rows_keeps_its_split(tmp_path: Path) -> None:
    table([], np.zeros((0, NUM_CLASSES))).write(tmp_path / "x.parquet")
    back = Predictions.read(tmp_path / "x.parquet")
    assert (len(back), back.split) == (0, "PublicTest")


def test_the_file_reads_without_this_package(tmp_path: Path) -> None:
    import pandas as pd

    predictions = random_table(5, seed=0)
    predictions.write(tmp_path / "x.parquet")
    frame = pd.read_parquet(tmp_path / "x.parquet")
    assert list(frame.columns) == ["id", "split", "label", "predicted", *EMOTIONS]
    assert frame["label"].tolist() == [EMOTIONS[label] for label in predictions.labels]


@pytest.mark.parametrize("content", [b"", b"no parquet at all", None])
def test_a_broken_table_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "public.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"public\.parquet is no prediction table"):
        Predictions.read(path)


def test_a_foreign_table_is_named(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"id": ["a"], "label": ["angry"]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no prediction table"):
        Predictions.read(tmp_path / "x.parquet")
