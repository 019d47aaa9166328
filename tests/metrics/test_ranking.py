"""ROC and precision-recall curves against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from fer.metrics.ranking import ranking_curves


@given(st.integers(2, 80), st.integers(0, 1000), st.integers(2, 20))
@settings(max_examples=80, deadline=None)
def test_curves_and_areas_are_scikit_learns(n: int, seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    positive[:2] = True, False
    score = rng.integers(0, levels, n) / levels
    found = ranking_curves(positive, score)
    assert found is not None
    assert found.auc == pytest.approx(roc_auc_score(positive, score))
    assert found.average_precision == pytest.approx(average_precision_score(positive, score))
    false_rate, true_rate, thresholds = roc_curve(positive, score, drop_intermediate=False)
    assert found.false_positive_rate == pytest.approx(false_rate[1:])
    assert found.recall == pytest.approx(true_rate[1:])
    assert found.threshold == pytest.approx(thresholds[1:])
    precision, recall, _ = precision_recall_curve(positive, score)
    assert found.precision[::-1] == pytest.approx(precision[:-1])
    assert found.recall[::-1] == pytest.approx(recall[:-1])


def test_a_class_without_faces_has_none() -> None:
    assert ranking_curves(np.zeros(3, dtype=bool), np.arange(3.0)) is None
    assert ranking_curves(np.ones(3, dtype=bool), np.arange(3.0)) is None
