"""Tables of predictions for tests of metrics: calibrated ones by chance, and any at all for hypothesis."""

import numpy as np
from hypothesis import strategies as st

from fer.common.labels import NUM_CLASSES
from fer.metrics import Predictions

CLASSES = list(range(NUM_CLASSES))


def draw(n: int, *, seed: int, spread: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn from them: perfectly calibrated."""
    rng = np.random.default_rng(seed)
    logits = spread * rng.normal(size=(n, NUM_CLASSES))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random((n, 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return p, labels


def table(p: np.ndarray, labels: np.ndarray, *, split: str = "PublicTest") -> Predictions:
    ids = np.array([f"face_{i}" for i in range(len(labels))], dtype=np.str_)
    return Predictions(ids=ids, labels=labels.astype(np.int64), probabilities=p, split=split)


@st.composite
def prediction_tables(draw_from) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with ties and exact zeros and ones, and labels."""
    n = draw_from(st.integers(1, 40))
    raw = draw_from(st.lists(st.lists(st.integers(0, 4), min_size=7, max_size=7).filter(any), min_size=n, max_size=n))
    labels = draw_from(st.lists(st.sampled_from(CLASSES), min_size=n, max_size=n))
    p = np.array(raw, dtype=np.float64)
    return p / p.sum(axis=1, keepdims=True), np.array(labels, dtype=np.int64)
