"""The real FER-2013: the counts of the challenge, and that altered copies of it are recognised picture by picture."""

import hashlib
import shutil
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.alterations import (
    ALTERATIONS,
    Alteration,
    altered,
    by_imagemagick,
    has_imagemagick,
    jpeg,
    noisy,
    turned,
    webp,
)

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.cache import Packed
from fer.data.fer2013 import load_fer2013, read_fer2013
from fer.data.fer2013.copy import CopyFacts, describe_copy
from fer.data.fer2013.counts import OFFICIAL_COUNTS, count_differences
from fer.data.fer2013.original import CSV_MD5, load_original
from fer.data.fer2013.recognise import Recognition, recognise
from fer.data.fer2013.signature import IDENTITY
from fer.data.ferplus import votes_for
from fer.data.protocol import split_rows
from fer.data.samples import FaceSamples, Split, content_hashes
from fer.data.source_key import source_key

pytestmark = pytest.mark.realdata

ORIGINAL_FINGERPRINT = "05074fa977d2e945"


@pytest.fixture(scope="module")
def real(packed_fer2013: tuple[Packed, list[str]]) -> FaceSamples:
    """In the order of the CSV."""
    samples = packed_fer2013[0].samples
    assert samples.original_rows is not None
    return samples.take(np.argsort(samples.original_rows))


def test_the_archive_is_the_challenges_csv(fer2013_archive: Path) -> None:
    torchvision = pytest.importorskip("torchvision.datasets.fer2013")
    with zipfile.ZipFile(fer2013_archive) as archive:
        found = hashlib.md5(archive.read("fer2013.csv")).hexdigest()
    assert found == CSV_MD5
    assert CSV_MD5 in str(vars(torchvision.FER2013))


def test_archive_gives_the_official_splits_and_opens_from_the_cache(
    fer2013_archive: Path, packed_fer2013: tuple[Packed, list[str]], tmp_path: Path
) -> None:
    packed, told = packed_fer2013
    samples = packed.samples
    assert packed.built
    assert packed.fingerprint == ORIGINAL_FINGERPRINT
    assert samples.source == "FER-2013 (fer2013.csv, zip)"
    assert (len(samples), samples.unreadable) == (35_887, ())
    assert len(set(samples.ids)) == 35_887
    for split, size in ((Split.TRAINING, 28_709), (Split.PUBLIC, 3_589), (Split.PRIVATE, 3_589)):
        assert np.count_nonzero(samples.splits == split) == size
        assert tuple(samples.class_counts(split)) == OFFICIAL_COUNTS[split]
    assert count_differences(samples) == []
    assert told == []
    assert len(np.unique(content_hashes(samples.images))) == 34_034
    assert CopyFacts.from_json(samples.copy).warning is None
    assert samples.copy["verdict"] == "original"
    assert samples.original_rows is not None
    assert [f"fer2013.csv:{row + 1}" for row in samples.original_rows] == samples.ids.tolist()

    # A zip is known by its directory, wherever it lies.
    copy = shutil.copyfile(fer2013_archive, tmp_path / "other.zip")
    assert source_key(copy) == source_key(fer2013_archive)
    again = load_fer2013(copy)
    assert not again.built
    assert again.fingerprint == packed.fingerprint
    assert again.samples.copy == samples.copy

    official = split_rows(again.samples, protocol="official")
    assert (len(official.train), len(official.valid)) == (28_709, 3_589)
    fold = split_rows(again.samples, protocol="kfold", fold=2)
    expected = np.array(OFFICIAL_COUNTS[Split.TRAINING]) / 5
    assert np.all(np.abs(again.samples.take(fold.valid).class_counts() - expected) < 1)


def found_in(pictures: np.ndarray, real: FaceSamples, *, splits: bool = True) -> Recognition:
    nothing = np.full(len(real), "", dtype="U11")
    return recognise(pictures, labels=real.labels, splits=real.splits if splits else nothing, original=load_original())


def facts_of(pictures: np.ndarray, real: FaceSamples, found: Recognition) -> CopyFacts:
    return describe_copy(pictures, labels=real.labels, splits=real.splits, found=found, original=load_original())


def wrong(found: Recognition, real: FaceSamples) -> tuple[int, int]:
    """(pictures taken for another one, those of them that can be told apart: 3 grey levels and more)."""
    original = load_original()
    assert real.original_rows is not None
    own, rows = original.picture_of[real.original_rows], found.rows
    off = np.flatnonzero((rows >= 0) & (original.picture_of[rows] != own))
    apart = np.searchsorted(real.original_rows, rows[off])
    known = real.original_rows[np.minimum(apart, len(real) - 1)] == rows[off]
    difference = real.images[off[known], 0].astype(float) - real.images[apart[known], 0]
    return len(off), int((np.sqrt((difference**2).mean(axis=(1, 2))) >= 3).sum()) + int((~known).sum())


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [*ALTERATIONS, "original"])
def test_altered_copies_are_found_row_by_row(name: str, real: FaceSamples) -> None:
    """All 35,887, with and without splits; near-duplicates that differ by less than 3 grey levels are one picture."""
    pictures = real.images[:, 0] if name == "original" else altered(real.images[:, 0], ALTERATIONS[name])
    started = time.process_time()
    found = found_in(pictures, real)
    seconds = time.process_time() - started
    assert real.original_rows is not None
    at_home = (found.rows == real.original_rows).mean()
    off, apart = wrong(found, real)
    print(f"{name}: {at_home:.3%} at their row, {off} wrong, {apart} told apart, {seconds:.1f} s of CPU")
    moved = name.startswith(("cropped", "shifted"))
    facts = facts_of(pictures, real, found)
    # Swapped near-duplicates; a copy with 36 on another side of PrivateTest is refused.
    assert facts.relabelled <= 8
    assert facts.leaked <= 8
    assert at_home >= (0.97 if moved else 0.995)
    assert apart / len(real) < 0.0005
    assert seconds < 20
    without = found_in(pictures, real, splits=False)
    own = load_original().picture_of
    assert (own[without.rows] == own[real.original_rows]).mean() >= 0.99


WORDS = {
    "jpeg 95": ("reencoded", r"1\.\d grey levels off"),
    "jpeg 50": ("reencoded", r"7\.\d grey levels off"),
    "64 px": ("altered", "blurred or resampled"),
    "equalised": ("altered", "evened out"),
    "clahe": ("altered", "evened out"),
    "sharpened": ("altered", r"^sharpened \(fine detail x 1\.8\)"),
    "stretched and sharpened": ("altered", r"contrast x 1\.4, sharpened"),
    "blurred": ("altered", r"^blurred or resampled \(fine detail x 0\.1"),
    "brighter": ("altered", "^brighter by (39|40) grey levels"),
    "cropped 2": ("altered", "cropped by 2 px and enlarged"),
    "shifted": ("altered", "shifted by 3 px across and 2 down or up"),
    "mirrored": ("altered", "mirrored"),
    "turned by 5": ("altered", "^turned by 5 degrees to the left$"),
    "turned by -7.5": ("altered", r"^turned by 7\.5 degrees to the right$"),
    "turned by 90": ("altered", "^turned by 90 degrees to the left$"),
    "upside down": ("altered", "^turned by 180 degrees$"),
    "negative": ("altered", "^black and white exchanged$"),
    "bordered": ("altered", "^a border of 4 px at every side, made smaller$"),
}


@pytest.mark.parametrize("name", WORDS)
def test_what_was_done_is_told(name: str, real: FaceSamples) -> None:
    import re

    some = real.take(np.arange(0, len(real), 48))
    pictures = altered(some.images[:, 0], ALTERATIONS[name])
    found = found_in(pictures, some)
    facts = facts_of(pictures, some, found)
    verdict, words = WORDS[name]
    assert facts.verdict == verdict
    assert re.search(words, facts.change), facts.change
    assert facts.recognised >= 0.99 * len(some)
    assert facts.leaked <= 1
    if verdict == "reencoded":
        off = np.sqrt(((pictures.astype(float) - some.images[:, 0]) ** 2).mean())
        told = float(facts.change.split(", ")[-1].split()[0])
        assert told == pytest.approx(off, rel=0.1)


@pytest.mark.parametrize(
    ("alter", "verdict", "words"),
    [
        (noisy(3), "altered", "^noise, 3.0 grey"),
        (noisy(5), "altered", r"^noise, (4\.9|5\.\d) grey"),
        (lambda picture: picture // 16 * 16 + 8, "altered", "^only 16 grey levels"),
        (jpeg(93), "reencoded", "^compressed anew"),
        (jpeg(85), "reencoded", "^compressed anew"),
        (webp(90), "reencoded", "^compressed anew"),
        (webp(80), "reencoded", "^compressed anew"),
    ],
)
def test_noise_and_lost_grey_levels_are_told_from_compression(
    alter: Alteration, verdict: str, words: str, real: FaceSamples
) -> None:
    import re

    some = real.take(np.arange(0, len(real), 20))
    assert some.original_rows is not None
    everything = np.ones(len(some), dtype=bool)
    found = Recognition(rows=some.original_rows, geometry=IDENTITY, exact=~everything, in_place=everything)
    facts = facts_of(altered(some.images[:, 0], alter), some, found)
    assert facts.verdict == verdict, facts.change
    assert re.search(words, facts.change), facts.change


def test_of_a_few_changed_pictures_the_number_is_told(real: FaceSamples) -> None:
    some = real.take(np.arange(0, len(real), 20))
    assert some.original_rows is not None
    pictures, exact = some.images[:, 0].copy(), np.ones(len(some), dtype=bool)
    pictures[:8], exact[:8] = 255 - pictures[:8], False
    found = Recognition(rows=some.original_rows, geometry=IDENTITY, exact=exact, in_place=np.ones(len(some), bool))
    assert facts_of(pictures, some, found).change.endswith("(root mean square) in 8 pictures")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-quality", "50"), "compressed anew"),
        (("-sharpen", "0x1", "-quality", "95"), "sharpened"),
        (("-normalize", "-quality", "95"), "evened out|contrast"),
    ],
)
def test_what_imagemagick_does_is_recognised(
    arguments: tuple[str, ...], words: str, real: FaceSamples, tmp_path: Path
) -> None:
    import re

    if not has_imagemagick():
        pytest.skip("ImageMagick is not installed")
    some = real.take(np.arange(0, len(real), 60))
    pictures = by_imagemagick(some.images[:, 0], *arguments, folder=tmp_path)
    found = found_in(pictures, some)
    facts = facts_of(pictures, some, found)
    assert facts.recognised == len(some)
    assert re.search(words, facts.change), facts.change
    assert wrong(found, some)[1] <= 2


def write_kaggle(real: FaceSamples, root: Path, *, quality: int = 95, every: int = 8) -> Path:
    """Kaggle's msambare layout; the numbers in the names are none of the CSV's."""
    for row in range(0, len(real), every):
        split = real.splits[row]
        folder = root / ("train" if split == Split.TRAINING else "test") / EMOTIONS[real.labels[row]]
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{split}_{(row * 7919) % 1_000_003}.jpg"
        cv2.imwrite(str(folder / name), real.images[row, 0], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return root


@pytest.fixture(scope="module")
def kaggle(real: FaceSamples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4,486 pictures as JPEG."""
    return write_kaggle(real, tmp_path_factory.mktemp("kaggle"))


def test_class_folders_of_jpegs_have_the_votes_of_the_csv(kaggle: Path, real: FaceSamples) -> None:
    samples = read_fer2013(kaggle)
    assert samples.copy["verdict"] == "reencoded"
    assert len(samples) == 4_486
    # One of them is too far off to be sure of.
    assert samples.copy["recognised"] >= 4_485
    assert (samples.copy["relabelled"], samples.copy["moved"], samples.copy["doubled"]) == (0, 0, 0)
    joined, by_csv = votes_for(samples), votes_for(real)
    assert joined is not None
    assert by_csv is not None
    row_of = {f"{split}_{(row * 7919) % 1_000_003}.jpg": row for row, split in enumerate(real.splits)}
    own = np.array([row_of[name.rpartition("/")[2]] for name in samples.ids])
    assert (joined.votes == by_csv.votes[own]).all(axis=1).mean() > 0.99


@pytest.mark.parametrize("form", [pytest.param("classes", marks=pytest.mark.slow), "alone"])
def test_flat_and_unlabelled_copies_get_their_splits_back(
    form: str, kaggle: Path, real: FaceSamples, tmp_path: Path
) -> None:
    row_of = {f"{split}_{(row * 7919) % 1_000_003}.jpg": row for row, split in enumerate(real.splits)}
    own = {}
    for number, path in enumerate(sorted(kaggle.rglob("*.jpg"))):
        own[f"{number:05d}.jpg"] = row_of[path.name]
        target = tmp_path / path.parent.name if form == "classes" else tmp_path / "all"
        target.mkdir(exist_ok=True)
        shutil.copyfile(path, target / f"{number:05d}.jpg")
    samples = read_fer2013(tmp_path if form == "classes" else tmp_path / "all")
    rows = np.array([own[name.rpartition("/")[2]] for name in samples.ids])
    assert len(samples) == 4_486
    # 1.6 % are equal to a picture of another split with the same label; an eighth of the set cannot tell which.
    assert (samples.splits == real.splits[rows]).mean() > 0.975
    assert (samples.labels == real.labels[rows]).mean() == (1 if form == "classes" else pytest.approx(1, abs=0.01))
    assert split_rows(samples, protocol="official").valid_name == "public"


def test_a_merged_test_part_is_told_apart(kaggle: Path, real: FaceSamples, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(kaggle.rglob("*.jpg"))):
        target = tmp_path / path.parts[-3] / path.parts[-2]
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / f"im{number}.jpg")
    samples = read_fer2013(tmp_path)
    wanted = {split: int((real.splits[::8] == split).sum()) for split in (Split.PUBLIC, Split.PRIVATE)}
    for split, count in wanted.items():
        # Equal pictures of both parts, of which an eighth of the set cannot tell which it has.
        assert abs(int((samples.splits == split).sum()) - count) <= 12
    assert (samples.splits == Split.MERGED_TEST).sum() <= 1


def test_a_copy_that_was_split_anew_is_refused_and_can_be_put_right(real: FaceSamples, tmp_path: Path) -> None:
    some = real.take(np.arange(0, len(real), 16))
    rng = np.random.default_rng(0)
    shuffled = FaceSamples(
        images=some.images, labels=some.labels, splits=rng.permutation(some.splits), ids=some.ids, source="shuffled"
    )
    root = write_kaggle(shuffled, tmp_path, every=1)
    with pytest.raises(DataError, match=r"pictures are on another side of PrivateTest.*data\.splits=original"):
        read_fer2013(root)
    samples = read_fer2013(root, splits="original")
    assert tuple(samples.class_counts()) == tuple(some.class_counts())
    # Equal pictures of two splits, see above.
    assert abs(int((samples.splits == Split.PRIVATE).sum()) - int((some.splits == Split.PRIVATE).sum())) <= 20


@pytest.mark.parametrize("anew", [pytest.param(0.0, marks=pytest.mark.slow), 0.05])
def test_pictures_turned_each_by_itself_are_not_said_to_be_moved_unless_they_were(
    anew: float, real: FaceSamples
) -> None:
    rng = np.random.default_rng(1)
    some = real.take(np.arange(0, len(real), 6))
    pictures = np.stack([turned(rng.uniform(-8, 8))(picture) for picture in some.images[:, 0]])
    splits = some.splits.copy()
    drawn = rng.permutation(len(some))[: int(anew * len(some))]
    splits[drawn] = splits[rng.permutation(drawn)]
    found = recognise(pictures, labels=some.labels, splits=splits, original=load_original())
    facts = describe_copy(pictures, labels=some.labels, splits=splits, found=found, original=load_original())
    moved = int((splits != some.splits).sum())
    assert facts.recognised > 0.8 * len(some)
    assert facts.relabelled <= 2
    # A seventh of the pictures, and with it of the moved ones, is beyond recognition.
    assert 0.8 * moved <= facts.moved <= 1.1 * moved + 5


def test_permuted_labels_strangers_and_gaps_are_counted(real: FaceSamples) -> None:
    from fer.data.synthetic import synthetic_samples

    some = real.take(np.arange(0, len(real), 24))
    pictures = altered(some.images[:, 0], jpeg(90))
    found = recognise(pictures, labels=(some.labels + 1) % 7, splits=some.splits, original=load_original())
    facts = describe_copy(
        pictures, labels=(some.labels + 1) % 7, splits=some.splits, found=found, original=load_original()
    )
    assert facts.verdict == "altered"
    assert "100% of the labels are not FER-2013's" in facts.change
    # Equal pictures with several labels may fit by chance.
    assert facts.relabelled >= len(some) - 20

    strangers = synthetic_samples(counts={Split.TRAINING: 500}, seed=5).images[:, 0]
    mixed = np.concatenate([pictures[: len(some) - 500], strangers])
    found = recognise(mixed, labels=some.labels, splits=some.splits, original=load_original())
    facts = facts_of(mixed, some, found)
    assert 495 <= facts.strange <= 502
    assert facts.verdict == "altered"
    assert "33% of the pictures are not FER-2013's" in facts.change
    assert facts.missing == 35_887 - len(np.unique(found.rows[found.rows >= 0]))


@pytest.mark.parametrize("kind", ["photographs", "synthetic"])
def test_faces_of_elsewhere_are_not_taken_for_fer2013(kind: str, fer2013_archive: Path) -> None:
    if kind == "synthetic":
        from fer.data.synthetic import synthetic_samples

        pictures = synthetic_samples(counts={Split.TRAINING: 420}, seed=5).images[:, 0]
    else:
        path = fer2013_archive.parent.parent / "photos" / "photos.zip"
        if not path.is_file():
            pytest.skip("the photographs are not beside FER-2013")
        with zipfile.ZipFile(path) as archive:
            read = [cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), 0) for name in archive.namelist()[::3]]
        squares = [image[: min(image.shape), : min(image.shape)] for image in read if image is not None]
        pictures = np.stack([cv2.resize(image, (48, 48), interpolation=cv2.INTER_AREA) for image in squares])
    labels, splits = np.arange(len(pictures)) % 7, np.full(len(pictures), "Training")
    found = recognise(pictures, labels=labels, splits=splits, original=load_original())
    facts = describe_copy(pictures, labels=labels, splits=splits, found=found, original=load_original())
    assert facts.recognised <= 0.01 * len(pictures)
    assert facts.verdict == "unknown"


@pytest.mark.slow
def test_the_fingerprint_is_made_from_the_csv(real: FaceSamples) -> None:
    from fer.data.fer2013.original import measure

    made, shipped = measure(real.images[:, 0], labels=real.labels), load_original()
    for name in ("labels", "repeats", "repeated", "checks", "means", "deviations"):
        np.testing.assert_array_equal(getattr(made, name), getattr(shipped, name), err_msg=name)
    # Signs of coefficients near zero hang on the order of a sum.
    assert np.bitwise_count(made.signs ^ shipped.signs).mean() < 1e-3
    assert np.abs(made.sketches.astype(int) - shipped.sketches).max() <= 1
