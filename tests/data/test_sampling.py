import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fer.data.sampling import SamplingMode, epoch_counts, epoch_order

MODES: list[SamplingMode] = ["shuffle", "balanced", "oversample"]
FER2013_TRAINING = np.repeat(np.arange(7), [3995, 436, 4097, 7215, 4830, 3171, 4965])

label_arrays = arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 6))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(labels=label_arrays, mode=st.sampled_from(MODES), seed=st.integers(0, 3), epoch=st.integers(0, 3))
def test_shares_of_classes_and_samples(
    labels: npt.NDArray[np.int64], mode: SamplingMode, seed: int, epoch: int
) -> None:
    order = epoch_order(labels, mode=mode, seed=seed, epoch=epoch)
    assert order.dtype == np.int64
    counts = np.bincount(labels, minlength=7)
    shown = np.bincount(labels[order], minlength=7)
    times = np.bincount(order, minlength=len(labels))
    if mode == "shuffle":
        assert (times == 1).all()
        return
    assert (shown[counts == 0] == 0).all()
    if mode == "balanced":
        assert len(order) == len(labels)
        assert np.ptp(shown[counts > 0]) <= 1 if len(labels) else True
    else:
        assert (shown[counts > 0] == counts.max()).all()
        assert (times >= 1).all()
    for k in np.unique(labels):
        assert np.ptp(times[labels == k]) <= 1, "no sample of a class comes more than once more often than another"


@pytest.mark.parametrize("mode", MODES)
def test_order_is_a_function_of_seed_and_epoch(mode: SamplingMode) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return list(epoch_order(FER2013_TRAINING, mode=mode, seed=seed, epoch=epoch))

    assert order(7, 3) == order(7, 3)
    assert order(7, 3) != order(7, 4)
    assert order(7, 3) != order(8, 3)
    # Sums of seed and epoch would make these equal.
    assert order(3, 7) != order(7, 3)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("shuffle", [6, 0, 7, 5, 1, 4, 3, 2]),
        ("balanced", [7, 2, 4, 5, 5, 6, 1, 7]),
        ("oversample", [1, 7, 3, 5, 7, 5, 7, 7, 6, 0, 4, 6, 2, 7, 5]),
    ],
)
def test_order_stays_the_same_across_platforms_and_versions(mode: SamplingMode, expected: list[int]) -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 6])
    assert epoch_order(labels, mode=mode, seed=1, epoch=2).tolist() == expected


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(0)
    expected = np.random.random()
    np.random.seed(0)
    epoch_order(FER2013_TRAINING, mode="balanced", seed=0, epoch=0)
    assert np.random.random() == expected


def test_epochs_of_fer2013() -> None:
    balanced = epoch_order(FER2013_TRAINING, mode="balanced", seed=0, epoch=0)
    assert np.bincount(FER2013_TRAINING[balanced]).min() == 28_709 // 7
    oversampled = epoch_order(FER2013_TRAINING, mode="oversample", seed=0, epoch=0)
    assert len(oversampled) == 7 * 7215
    # Classes are mixed from the first batch to the last.
    for batch in np.array_split(FER2013_TRAINING[oversampled], 50):
        assert np.bincount(batch, minlength=7).min() > 80


def test_balanced_epochs_cover_a_large_class_over_time() -> None:
    seen = {i for epoch in range(8) for i in epoch_order(FER2013_TRAINING, mode="balanced", seed=0, epoch=epoch)}
    assert len(seen) > 0.99 * len(FER2013_TRAINING)


def test_shares_after_balancing_are_a_seventh_each() -> None:
    """57,677 images, the sum that is reported for FER-2013 and AffectNet together: 8,239 or 8,240 of each class."""
    labels = np.repeat(np.arange(7), [5000, 1500, 6000, 20000, 9000, 7000, 9177])
    counts = epoch_counts(labels, mode="balanced", classes=7)
    assert counts.sum() == 57_677
    assert {f"{share:.2%}" for share in counts / counts.sum()} == {"14.28%", "14.29%"}
    assert epoch_counts(labels, mode="oversample", classes=7).tolist() == [20_000] * 7
    assert epoch_counts(labels, mode="shuffle", classes=7).tolist() == [5000, 1500, 6000, 20000, 9000, 7000, 9177]
