"""Training and selection rows: disjoint, stratified, free of leaks, the same whatever the order of the samples."""

import dataclasses
import tracemalloc
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.common.errors import ConfigError, DataError
from fer.data.protocol import Protocol, ProtocolSplit, split_rows
from fer.data.samples import FaceSamples, Split, content_hashes

HELD_OUT = ("stratified", "kfold", "folder7178")


def faces(pixels: Any, labels: Any, splits: Any) -> FaceSamples:
    """Samples of 2x2 pixels: equal numbers in `pixels` are equal images."""
    codes = np.asarray(pixels, dtype="<u4")
    images = codes.view(np.uint8).reshape(-1, 1, 2, 2)
    return FaceSamples(
        images=images,
        labels=np.asarray(labels, dtype=np.int64),
        splits=np.asarray(splits, dtype="U11"),
        ids=np.array([f"id{i:05d}" for i in range(len(codes))]),
        source="made",
    )


@st.composite
def sample_sets(draw: st.DrawFn, *, contradictions: bool = True) -> FaceSamples:
    """Up to a few hundred images in all four splits, many of them copies, some with contradictory labels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(40, 300))
    distinct = draw(st.integers(20, 600))
    pixels = rng.integers(0, distinct, n)
    classes = draw(st.integers(1, 7))
    labels = rng.integers(0, classes, n) if contradictions else pixels % classes
    splits = rng.choice(sorted(Split), n, p=draw(st.sampled_from([(0.1, 0.1, 0.0, 0.8), (0.2, 0.2, 0.2, 0.4)])))
    splits[:20] = Split.TRAINING
    splits[20:22] = Split.PUBLIC
    return faces(pixels, labels, splits)


SHARES = {"stratified": 0.3, "kfold": 0.25, "folder7178": 0.1}


def split(samples: FaceSamples, *, protocol: Protocol, seed: int, dedup: bool = False) -> ProtocolSplit:
    return split_rows(samples, protocol=protocol, seed=seed, folds=4, fold=1, holdout=0.3, dedup=dedup)


def split_if_enough(
    samples: FaceSamples, *, protocol: Protocol, seed: int, dedup: bool = False
) -> ProtocolSplit | None:
    """None where the images are too few, or nothing but copies."""
    try:
        return split(samples, protocol=protocol, seed=seed, dedup=dedup)
    except DataError:
        return None


def largest_group(samples: FaceSamples) -> int:
    training = samples.images[samples.splits == Split.TRAINING]
    return int(np.unique(content_hashes(training), return_counts=True)[1].max())


@settings(max_examples=40, deadline=None)
@given(
    samples=sample_sets(),
    seed=st.integers(-5, 2**40),
    dedup=st.booleans(),
    protocol=st.sampled_from(get_args(Protocol)),
)
def test_rows_are_disjoint_and_never_sealed(samples: FaceSamples, seed: int, dedup: bool, protocol: Protocol) -> None:
    rows = split_if_enough(samples, protocol=protocol, seed=seed, dedup=dedup)
    if rows is None:
        return
    assert np.intersect1d(rows.train, rows.valid).size == 0
    for side in (rows.train, rows.valid):
        assert side.dtype == np.int64
        assert np.all(np.diff(side) > 0)
    assert set(samples.splits[rows.train]) == {Split.TRAINING}
    if protocol == "official":
        assert rows.valid_name == "public"
        np.testing.assert_array_equal(rows.valid, np.flatnonzero(samples.splits == Split.PUBLIC))
    else:
        assert rows.valid_name == "heldout"
        assert set(samples.splits[rows.valid]) == {Split.TRAINING}
    if not dedup:
        used = len(rows.train) + (0 if protocol == "official" else len(rows.valid))
        assert used == np.count_nonzero(samples.splits == Split.TRAINING)


@settings(max_examples=30, deadline=None)
@given(samples=sample_sets(contradictions=False), seed=st.integers(0, 99), protocol=st.sampled_from(HELD_OUT))
def test_held_out_rows_are_stratified_and_keep_copies_together(
    samples: FaceSamples, seed: int, protocol: Protocol
) -> None:
    rows = split_if_enough(samples, protocol=protocol, seed=seed)
    if rows is None:
        return
    hashes = content_hashes(samples.images)
    assert not set(hashes[rows.train]) & set(hashes[rows.valid])
    aim = samples.class_counts(Split.TRAINING) * SHARES[protocol]
    tolerance = max(1, largest_group(samples))
    assert np.all(np.abs(samples.take(rows.valid).class_counts() - aim) <= tolerance)


@pytest.mark.parametrize("protocol", HELD_OUT)
def test_single_images_are_stratified_within_one(protocol: Protocol) -> None:
    rng = np.random.default_rng(5)
    labels = rng.choice(7, 1000, p=[0.3, 0.02, 0.1, 0.2, 0.18, 0.1, 0.1])
    samples = faces(np.r_[np.arange(980), np.arange(20)], np.r_[labels[:980], labels[:20]], ["Training"] * 1000)
    held_out = split(samples, protocol=protocol, seed=3).valid
    assert np.all(np.abs(samples.take(held_out).class_counts() - samples.class_counts() * SHARES[protocol]) <= 1)


@settings(max_examples=25, deadline=None)
@given(samples=sample_sets(), order=st.randoms(use_true_random=False), protocol=st.sampled_from(get_args(Protocol)))
@pytest.mark.parametrize("dedup", [False, True])
def test_order_of_the_samples_does_not_matter(
    samples: FaceSamples, order: Any, protocol: Protocol, dedup: bool
) -> None:
    rows = list(range(len(samples)))
    order.shuffle(rows)
    shuffled = samples.take(np.array(rows))
    a = split_if_enough(samples, protocol=protocol, seed=11, dedup=dedup)
    b = split_if_enough(shuffled, protocol=protocol, seed=11, dedup=dedup)
    if a is None or b is None:
        assert a is b
        return
    assert set(samples.ids[a.train]) == set(shuffled.ids[b.train])
    assert set(samples.ids[a.valid]) == set(shuffled.ids[b.valid])
    assert a.description == b.description


def test_folds_partition_training() -> None:
    samples = faces(np.arange(203), np.arange(203) % 7, ["Training"] * 203)
    folds = [split_rows(samples, protocol="kfold", seed=4, folds=6, fold=i) for i in range(6)]
    assert sorted(np.concatenate([fold.valid for fold in folds])) == list(range(203))
    sizes = [samples.take(fold.valid).class_counts() for fold in folds]
    assert np.ptp(sizes, axis=0).max() <= 1


def test_seed_names_the_partition() -> None:
    samples = faces(np.arange(300), np.arange(300) % 7, ["Training"] * 300)
    held = {seed: split_rows(samples, protocol="stratified", seed=seed).valid.tolist() for seed in (0, 0, 1, 2)}
    assert len({tuple(rows) for rows in held.values()}) == 3
    assert held[0] == split_rows(samples, protocol="stratified", seed=0).valid.tolist()


def test_partition_is_the_same_on_every_machine() -> None:
    samples = faces(np.arange(30), np.arange(30) % 3, ["Training"] * 30)
    assert split_rows(samples, protocol="stratified", seed=1).valid.tolist() == [1, 2, 6, 12, 13, 14, 16, 18, 20]


def rows_of(samples: FaceSamples, **settings: Any) -> list[int]:
    return list(split_rows(samples, protocol="official", **settings).train)


def test_dedup_leaves_out_copies_contradictions_and_repetitions() -> None:
    rows: list[tuple[int, int, str]] = [
        (1, 0, "Training"),  # alone
        (2, 0, "Training"),  # copy of PublicTest, whatever its label
        (2, 5, "PublicTest"),
        (3, 0, "Training"),  # copy of PrivateTest
        (3, 0, "PrivateTest"),
        (4, 0, "Training"),  # copy of the merged test
        (4, 0, "Test"),
        (5, 2, "Training"),  # repeated: one stays
        (5, 2, "Training"),
        (5, 2, "Training"),
        (6, 1, "Training"),  # contradiction: none stays
        (6, 1, "Training"),
        (6, 4, "Training"),
        (7, 0, "PublicTest"),  # copy within the test splits: selection rows stay as they are
        (7, 0, "PrivateTest"),
    ]
    samples = faces(*zip(*rows, strict=True))
    assert rows_of(samples, dedup=False) == [0, 1, 3, 5, 7, 8, 9, 10, 11, 12]
    assert rows_of(samples, dedup=True) == [0, 7]
    split = split_rows(samples, protocol="official", dedup=True)
    assert split.valid.tolist() == [2, 13]
    assert split.description == (
        "official: trained on Training, selected on PublicTest "
        "(10 and 2 images; 8 copies and contradictions left out of training)"
    )


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_sealed_labels_are_not_read(protocol: Protocol) -> None:
    rng = np.random.default_rng(0)
    splits = rng.choice(sorted(Split), 400)
    samples = faces(rng.integers(0, 150, 400), rng.integers(0, 7, 400), splits)

    class Sealed(np.ndarray[Any, np.dtype[np.int64]]):
        def __getitem__(self, rows: Any) -> Any:
            assert set(np.atleast_1d(splits[rows])) == {Split.TRAINING}
            return np.asarray(self)[rows]

    relabelled = samples.labels.copy()
    relabelled[splits != Split.TRAINING] = 0
    sealed = samples.take(np.arange(400))
    object.__setattr__(sealed, "labels", samples.labels.view(Sealed))
    a = split_rows(sealed, protocol=protocol, dedup=True)
    b = split_rows(
        faces(samples.images.reshape(-1, 4).copy().view("<u4").ravel(), relabelled, splits),
        protocol=protocol,
        dedup=True,
    )
    np.testing.assert_array_equal(a.train, b.train)
    np.testing.assert_array_equal(a.valid, b.valid)


def only(*splits: str) -> FaceSamples:
    return faces(np.arange(70), np.arange(70) % 7, np.resize(np.array(splits, dtype="U11"), 70))


def test_official_needs_public_test() -> None:
    with pytest.raises(DataError, match=r"merges it with PrivateTest: use data\.protocol=folder7178"):
        split_rows(only("Training", "Test"), protocol="official")
    with pytest.raises(DataError, match=r"does not hold: use data\.protocol=stratified or kfold"):
        split_rows(only("Training"), protocol="official")
    for protocol in ("stratified", "kfold", "folder7178"):
        assert split_rows(only("Training", "Test"), protocol=protocol).valid_name == "heldout"


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_nothing_to_train_on(protocol: Protocol) -> None:
    with pytest.raises(DataError, match="has no Training rows"):
        split_rows(only("PublicTest", "PrivateTest"), protocol=protocol)


def test_too_little_to_split() -> None:
    one = faces([1, 1, 1], [0, 0, 0], ["Training"] * 3)
    with pytest.raises(DataError, match=r"data\.protocol=kfold leaves no rows to select on: the 3 images"):
        split_rows(one, protocol="kfold", fold=4)
    copies = faces([1, 1], [0, 0], ["Training", "PublicTest"])
    with pytest.raises(DataError, match=r"data\.dedup=true leaves nothing to train on"):
        split_rows(copies, protocol="official", dedup=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"protocol": "random"},
            r"data\.protocol=random is unknown: use one of official, stratified, kfold, folder7178",
        ),
        ({"protocol": "kfold", "folds": 1}, r"data\.folds=1 is too few"),
        ({"protocol": "kfold", "folds": 3, "fold": 3}, r"data\.fold=3 is not there: with data\.folds=3 use 0 to 2"),
        ({"protocol": "kfold", "fold": -1}, r"data\.fold=-1 is not there"),
        ({"protocol": "stratified", "holdout": 0.0}, r"data\.holdout=0\.0 is no share"),
        ({"protocol": "stratified", "holdout": 1.0}, r"data\.holdout=1\.0 is no share"),
        ({"protocol": "stratified", "holdout": float("nan")}, r"data\.holdout=nan is no share"),
    ],
)
def test_impossible_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split_rows(only("Training"), **settings)


@pytest.mark.parametrize("protocol", HELD_OUT)
def test_splitting_copies_no_pictures_which_may_fill_the_memory_once_already(protocol: Protocol) -> None:
    images = np.random.default_rng(0).integers(0, 256, (400, 1, 128, 128)).astype(np.uint8)
    samples = faces(np.arange(400), np.arange(400) % 2, ["Training"] * 400)
    samples = dataclasses.replace(samples, images=images)
    tracemalloc.start()
    try:
        split(samples, protocol=protocol, seed=0)
        assert tracemalloc.get_traced_memory()[1] < images.nbytes / 4
    finally:
        tracemalloc.stop()
