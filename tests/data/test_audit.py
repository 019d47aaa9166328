"""The audit's counts on planted faults, on other data, and on the real FER-2013."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.audited_faces import faces, noise, planted_faces

from fer.common.labels import ALPHABETICAL, EMOTIONS
from fer.data.audit import AuditReport, audit, recognise
from fer.data.cache import Packed
from fer.data.fer2013.counts import OFFICIAL_COUNTS
from fer.data.near_duplicates import near_duplicates
from fer.data.samples import FaceSamples, Split
from fer.data.tables import audit_text


@pytest.fixture(scope="module")
def planted() -> FaceSamples:
    return planted_faces()


@pytest.fixture(scope="module")
def report(planted: FaceSamples) -> AuditReport:
    return audit(planted)


def test_counts_of_planted_faults(report: AuditReport) -> None:
    assert report.unique_images == 11
    assert report.duplicate_groups == 6
    assert {(copies.split, copies.of): copies.images for copies in report.copies} == {
        ("PublicTest", "Training"): 2,
        ("PrivateTest", "Training"): 1,
        ("PrivateTest", "PublicTest"): 1,
    }
    assert report.within == {"Training": 3, "PublicTest": 0, "PrivateTest": 1}
    assert (report.conflicting_groups, report.conflicting_images) == (1, 3)
    assert report.blank == {"Training": 1, "PublicTest": 1, "PrivateTest": 0}
    assert report.near is not None
    assert {near.split: (near.images, near.exact) for near in report.near} == {
        "PublicTest": (2, 1),
        "PrivateTest": (2, 1),
    }
    assert report.counts["PublicTest"] == {
        "angry": 1, "disgust": 1, "fear": 0, "happy": 1, "sad": 0, "surprise": 1, "neutral": 1,
    }  # fmt: skip


def test_findings_name_the_images(planted: FaceSamples, report: AuditReport) -> None:
    found = {(finding.kind, finding.row): finding for finding in report.findings}
    assert {key for key in found if key[0] == "copy-of-training"} == {("copy-of-training", row) for row in (8, 9, 14)}
    assert {key for key in found if key[0] == "copy-of-public"} == {("copy-of-public", 13)}
    assert {key[1] for key in found if key[0] == "within"} == {1, 2, 3, 4, 5, 16, 17}
    assert {key[1] for key in found if key[0] == "conflicting"} == {1, 2, 14}
    assert {key[1] for key in found if key[0] == "blank"} == {7, 9}
    assert {key[1] for key in found if key[0] == "near"} == {10, 15}
    assert found["copy-of-training", 8].of == planted.ids[0]
    assert found["copy-of-training", 8].ncc == 1.0
    assert found["within", 3].of == ""
    assert found["within", 5].of == planted.ids[3]
    assert found["near", 10].of == planted.ids[6]
    assert found["near", 10].ncc == pytest.approx(1.0)
    assert 0.95 < found["near", 15].ncc < 1.0
    assert found["conflicting", 14].group == found["conflicting", 1].group


def test_report_is_plain_json_and_text(report: AuditReport) -> None:
    answer = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert answer["images"] == 19
    assert answer["near"][0] == {"split": "PublicTest", "of": "Training", "threshold": 0.95, "images": 2, "exact": 1}
    text = audit_text(report)
    for line in (
        "PublicTest images that equal one of Training",
        "1 groups of equal images carry more than one label: 3 images",
        "1 in Training, 1 in PublicTest",
        "has seen 2 of the 5 PublicTest images before",
        "Every image could be read",
        "The class counts are not those of FER-2013.",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) <= 120


def test_near_duplicates_can_be_left_out(planted: FaceSamples) -> None:
    report = audit(planted, near_duplicates=False)
    assert report.near is None
    assert not [finding for finding in report.findings if finding.kind == "near"]
    assert "Near-duplicates" not in audit_text(report)


def test_clean_data_has_no_findings() -> None:
    images = noise(6)
    report = audit(
        faces([(image, "happy", split) for image, split in zip(images, ["Training", "PublicTest"] * 3, strict=True)])
    )
    assert report.findings == ()
    assert report.unique_images == 6
    assert "What it means" not in audit_text(report)


def test_one_split_and_merged_test() -> None:
    images = noise(4)
    alone = audit(faces([(image, "happy", "PrivateTest") for image in images]))
    assert alone.copies == ()
    assert alone.near == ()
    merged = audit(faces([(images[0], "sad", "Training"), (images[0], "sad", "Test"), (images[1], "sad", "Test")]))
    assert [(copies.split, copies.of, copies.images) for copies in merged.copies] == [("Test", "Training", 1)]


def test_unreadable_items_are_listed(planted: FaceSamples) -> None:
    from dataclasses import replace

    names = tuple(f"train/sad/{i}.jpg" for i in range(7))
    report = audit(replace(planted, unreadable=names))
    assert report.to_json()["unreadable"] == names
    assert "7 images could not be read and are left out: train/sad/0.jpg, " in audit_text(report)


def smooth(n: int, *, channels: int, height: int, width: int, seed: int) -> np.ndarray:
    """Images with much in common, as faces have: correlations spread from 0 to 1."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(1, channels, height, width)).cumsum(axis=2).cumsum(axis=3)
    own = rng.normal(size=(n, channels, height, width)).cumsum(axis=2).cumsum(axis=3)
    mixed = common + own * rng.uniform(0, 1.5, (n, 1, 1, 1))
    mixed[::3] = mixed[::3, :, :, ::-1]
    low, high = mixed.min(axis=(1, 2, 3), keepdims=True), mixed.max(axis=(1, 2, 3), keepdims=True)
    return (255 * (mixed - low) / (high - low)).astype(np.uint8)


def by_hand(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """NCC of all pairs over all pixels, mirrored included, float64 (N, M)."""

    def unit(images: np.ndarray) -> np.ndarray:
        weights = np.ones(1) if images.shape[1] == 1 else np.array([0.299, 0.587, 0.114])
        grey = np.einsum("nchw,c->nhw", images.astype(np.float64), weights)
        grey -= grey.mean(axis=(1, 2), keepdims=True)
        return grey / np.linalg.norm(grey, axis=(1, 2), keepdims=True)

    a, b = unit(queries), unit(references)
    mirrored = b[:, :, ::-1].reshape(len(b), -1)
    return np.maximum(a.reshape(len(a), -1) @ b.reshape(len(b), -1).T, a.reshape(len(a), -1) @ mirrored.T)


@pytest.mark.parametrize(
    ("channels", "height", "width"), [(1, 48, 48), (1, 31, 17), (3, 24, 40), (1, 6, 7)], ids=lambda value: str(value)
)
@pytest.mark.parametrize("threshold", [0.8, 0.95, 0.99])
def test_near_duplicate_search_equals_the_full_search(channels: int, height: int, width: int, threshold: float) -> None:
    images = smooth(360, channels=channels, height=height, width=width, seed=height)
    queries, references = images[:300], images[300:]
    ncc = by_hand(queries, references)
    index, likeness = near_duplicates(queries, references_NCHW=references, threshold=threshold)
    best = ncc.max(axis=1)
    certain = np.abs(best - threshold) > 1e-5
    np.testing.assert_array_equal((index >= 0)[certain], (best >= threshold)[certain])
    assert (index >= 0).sum() > 10
    hits = index >= 0
    np.testing.assert_allclose(likeness[hits], best[hits], atol=1e-5)
    np.testing.assert_allclose(ncc[hits, index[hits]], best[hits], atol=1e-5)
    assert np.isnan(likeness[~hits]).all()


def test_frames_of_a_film_take_one_product_and_not_every_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Near-equal pictures pass the bound in their hundreds of thousands: pair by pair that takes hours."""
    frames = np.clip(smooth(1, channels=1, height=24, width=24, seed=3) + noise(300, size=(24, 24)) // 16, 0, 255)
    frames = frames.astype(np.uint8)
    # Twins, of which the first counts, one of them mirrored; and two that are like none.
    frames[250], frames[40], frames[41] = frames[5], frames[5, :, :, ::-1], 0
    frames[6] = noise(1, size=(24, 24))
    queries, references = frames[:20], frames[20:]

    def pairs(*_: object) -> None:
        raise AssertionError("pair by pair")

    with monkeypatch.context() as patched:
        patched.setattr("fer.data.near_duplicates._correlations", pairs)
        index, ncc = near_duplicates(queries, references_NCHW=references)
    assert index[5] == 20
    assert index[6] == -1
    monkeypatch.setattr("fer.data.near_duplicates._MANY", 2.0)
    one_by_one = near_duplicates(queries, references_NCHW=references)
    np.testing.assert_array_equal(index, one_by_one[0])
    np.testing.assert_allclose(ncc, one_by_one[1], atol=1e-12)


def test_constant_images_are_near_to_nothing() -> None:
    flat = np.full((3, 1, 48, 48), 255, np.uint8)
    index, ncc = near_duplicates(flat, references_NCHW=np.concatenate([flat, noise(2)]))
    assert (index == -1).all()
    assert np.isnan(ncc).all()


def test_near_duplicates_of_nothing() -> None:
    index, _ = near_duplicates(noise(3), references_NCHW=noise(3)[:0])
    assert (index == -1).all()


def official(order: tuple[str, ...] = EMOTIONS, *, merged: bool = False) -> FaceSamples:
    """One-pixel images in the numbers of FER-2013, with label codes numbered in `order`."""
    labels, splits = [], []
    wanted = (Split.TRAINING, Split.MERGED_TEST) if merged else (Split.TRAINING, Split.PUBLIC, Split.PRIVATE)
    for split in wanted:
        for emotion, count in zip(EMOTIONS, OFFICIAL_COUNTS[split], strict=True):
            labels.append(np.full(count, order.index(emotion)))
            splits.append(np.full(count, split.value, dtype="U11"))
    n = sum(map(len, labels))
    return FaceSamples(
        images=np.zeros((n, 1, 1, 1), np.uint8),
        labels=np.concatenate(labels),
        splits=np.concatenate(splits),
        ids=np.arange(n).astype(str),
        source="test data",
    )


def test_recognises_fer2013_by_its_counts() -> None:
    assert recognise(official()) == (True, "The class counts are those of FER-2013 in its three official splits.")
    is_fer2013, sentence = recognise(official(merged=True))
    assert is_fer2013
    assert "Public and Private mixed" in sentence
    training = official().take(official().splits == Split.TRAINING)
    assert recognise(training) == (True, "The class counts are those of FER-2013 in Training alone.")


@pytest.mark.parametrize(
    ("order", "word"), [(ALPHABETICAL, "alphabetical"), (("happy", *(set(EMOTIONS) - {"happy"})), "another")]
)
def test_labels_numbered_in_another_order_are_told_of(order: tuple[str, ...], word: str) -> None:
    is_fer2013, sentence = recognise(official(order))
    assert not is_fer2013
    assert f"numbered in {word} order" in sentence


def test_missing_images_are_told_of() -> None:
    samples = official()
    is_fer2013, sentence = recognise(samples.take(np.arange(5, len(samples))))
    assert not is_fer2013
    assert "Training has 28,704 of 28,709 images (angry 3,990 of 3,995)" in sentence


@pytest.mark.realdata
def test_audit_of_the_real_archive(packed_fer2013: tuple[Packed, list[str]]) -> None:
    report = audit(packed_fer2013[0].samples, near_duplicates=False)
    assert report.is_fer2013
    assert report.copy is not None
    assert report.to_json()["copy"] == {
        "verdict": "original", "change": "bit for bit", "pictures": 35_887, "recognised": 35_887, "missing": 0,
        "doubled": 0, "relabelled": 0, "moved": 0, "leaked": 0, "strange": 0,
    }  # fmt: skip
    assert report.ferplus is not None
    assert sum(report.ferplus.non_faces.values()) == 176
    assert report.unreadable == ()
    assert report.unique_images == 34_034
    assert report.duplicate_groups == 1_516
    assert [(copies.split, copies.of, copies.images) for copies in report.copies] == [
        ("PublicTest", "Training", 280),
        ("PrivateTest", "Training", 288),
        ("PrivateTest", "PublicTest", 44),
    ]
    assert (report.conflicting_groups, report.conflicting_images) == (57, 160)
    assert report.blank == {"Training": 11, "PublicTest": 1, "PrivateTest": 0}


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("split", "images"), [("PublicTest", 376), pytest.param("PrivateTest", 397, marks=pytest.mark.slow)]
)
def test_near_duplicates_in_the_real_archive(fer2013_archive: Path, split: str, images: int) -> None:
    from fer.data.fer2013 import load_fer2013

    samples = load_fer2013(fer2013_archive).samples
    training = samples.images[samples.splits == "Training"]
    index, _ = near_duplicates(samples.images[samples.splits == split], references_NCHW=training)
    assert (index >= 0).sum() == images
