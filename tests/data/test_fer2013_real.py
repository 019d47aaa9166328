"""The real archive, where it lies beside the checkout: the counts of the challenge, whole and by class."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from fer.data.cache import source_key
from fer.data.fer2013 import load_fer2013
from fer.data.fer2013.counts import OFFICIAL_COUNTS, count_differences
from fer.data.protocol import split_rows
from fer.data.samples import Split, content_hashes

pytestmark = pytest.mark.realdata


def test_archive_gives_the_official_splits_and_opens_from_the_cache(
    fer2013_archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    packed = load_fer2013(fer2013_archive, cache_dir=tmp_path)
    samples = packed.samples
    assert packed.built
    assert samples.source == "FER-2013 (class folders, zip)"
    assert (len(samples), samples.unreadable) == (35_887, ())
    assert len(set(samples.ids)) == 35_887
    for split, size in ((Split.TRAINING, 28_709), (Split.PUBLIC, 3_589), (Split.PRIVATE, 3_589)):
        assert np.count_nonzero(samples.splits == split) == size
        assert tuple(samples.class_counts(split)) == OFFICIAL_COUNTS[split]
    assert count_differences(samples) == []
    assert caplog.text == ""
    assert len(np.unique(content_hashes(samples.images))) == 34_034

    # A zip is known by its directory, wherever it lies.
    copy = shutil.copyfile(fer2013_archive, tmp_path / "other.zip")
    assert source_key(copy) == source_key(fer2013_archive)
    again = load_fer2013(copy, cache_dir=tmp_path)
    assert not again.built
    assert again.fingerprint == packed.fingerprint

    official = split_rows(again.samples, protocol="official")
    assert (len(official.train), len(official.valid)) == (28_709, 3_589)
    fold = split_rows(again.samples, protocol="kfold", fold=2)
    expected = np.array(OFFICIAL_COUNTS[Split.TRAINING]) / 5
    assert np.all(np.abs(again.samples.take(fold.valid).class_counts() - expected) < 1)
