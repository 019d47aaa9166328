"""Every source under other labels than the seven emotions: which faces stay, and what each is called."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.layouts import EIGHT, write_affectnet, write_ckplus, write_classes

from fer.common.errors import ConfigError, DataError
from fer.common.label_set import LABEL_SETS
from fer.data.datamodule import FERDataModule
from fer.data.dataset_argument import validated
from fer.data.samples import FaceSamples, Split
from fer.data.sources import open_samples, with_labels

OWN = {"pain": 6, "No Pain": 5, "drowsy": 4}


def opened(name: str, root: Path | None = None, **settings: Any) -> FaceSamples:
    place = {} if root is None else {"root": str(root)}
    return open_samples(validated({"name": name, **place, **settings}, prefix="data.")).samples


def counts(samples: FaceSamples) -> dict[str, int]:
    return dict(zip(samples.classes, samples.class_counts().tolist(), strict=True))


def test_folders_of_any_names(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {**OWN, "happy": 3})
    samples = opened("folder", root, labels=["drowsy", "pain", "No Pain"])
    assert counts(samples) == {"drowsy": 4, "pain": 6, "No Pain": 5}
    assert "3 faces of the class 'happy' are left out (no label of this run)." in samples.notes
    names = np.array(samples.classes)[samples.labels]
    assert all(path.startswith(f"{name}/") for path, name in zip(samples.ids.tolist(), names.tolist(), strict=True))
    # Other labels are another data set in the cache, and the same ones the same.
    mapped = opened("folder", root, labels=["pain", "fine"], mapping={"No Pain": "fine", "drowsy": "drop"})
    assert counts(mapped) == {"pain": 6, "fine": 5}
    assert opened("folder", root, labels=["drowsy", "pain", "No Pain"]).classes == ("drowsy", "pain", "No Pain")


def test_sets_with_contempt_have_it_as_a_label(tmp_path: Path) -> None:
    root = write_affectnet(tmp_path / "a")
    assert counts(opened("affectnet", root, labels="ferplus8")) == dict.fromkeys(LABEL_SETS["ferplus8"], 10)
    assert len(EIGHT) == 8
    five = opened("affectnet", root, labels="five", contempt="drop")
    assert counts(five) == dict.fromkeys(LABEL_SETS["five"], 10)
    assert opened("ckplus", write_ckplus(tmp_path / "c"), labels="ferplus8").class_counts()[7] > 0
    with pytest.raises(ConfigError, match=r"data\.contempt=.*contempt is a label of this run and needs no rule"):
        opened("affectnet", root, labels="ferplus8", contempt="drop")


def test_members_of_a_merged_set_have_its_labels(tmp_path: Path) -> None:
    sources = [
        {"name": "affectnet", "root": str(write_affectnet(tmp_path / "a")), "contempt": "drop"},
        {"name": "synthetic", "train": 70, "public": 14, "private": 14},
    ]
    merged = opened("merged", sources=sources, labels="five")
    assert merged.classes == LABEL_SETS["five"]
    drawn = counts(opened("synthetic", train=70, public=14, private=14))
    assert counts(merged) == {label: 10 + drawn[label] for label in LABEL_SETS["five"]}
    config = validated({"name": "merged", "sources": sources[1:]}, prefix="data.")
    assert open_samples(with_labels(config, LABEL_SETS["five"])).samples.classes == LABEL_SETS["five"]
    with pytest.raises(ConfigError, match="labels of a member have no effect"):
        opened("merged", sources=[{**sources[1], "labels": "five"}])


def test_synthetic_faces_show_some_of_their_emotions_and_no_others() -> None:
    small = {"train": 70, "public": 14, "private": 14}
    samples = opened("synthetic", **small, labels=["happy", "sad"])
    whole = opened("synthetic", **small)
    assert counts(samples) == {label: counts(whole)[label] for label in ("happy", "sad")}
    assert set(samples.masks) == set(whole.masks)
    with pytest.raises(DataError, match=r"labels=\[pain,happy\]: synthetic faces .* has no pain: it can tell angry"):
        opened("synthetic", **small, labels=["pain", "happy"])


def test_labels_that_the_training_faces_lack_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_classes(tmp_path, {f"{split}/{name}": 4 for split in ("train", "valid") for name in ("pain", "calm")})

    def module(*labels: str) -> FERDataModule:
        config = validated({"name": "folder", "root": str(root), "labels": labels, "test_share": 0}, prefix="data.")
        data = FERDataModule(config, augment=None, seed=0)
        data.setup()
        return data

    with caplog.at_level(logging.WARNING):
        assert module("pain", "drowsy", "calm").class_counts.tolist() == [4, 0, 4]
    assert "has no training face of drowsy (pain 4, drowsy 0, calm 4)" in caplog.text
    write_classes(root, {"valid/drowsy": 4})
    with pytest.raises(DataError, match=r"has a class 'calm' that is no label of this run"):
        module("pain", "drowsy")


@pytest.mark.realdata
def test_the_published_protocol_of_ferplus_keeps_the_published_faces(fer2013_archive: Path) -> None:
    """Counts of microsoft/FERPlus's `fer2013new.csv` under its reader's "majority", computed apart from this code."""
    samples = opened("fer2013", fer2013_archive, labels="ferplus8")
    assert samples.classes[-1] == "contempt"
    assert samples.source.startswith("FER+ (majority labels of FER-2013")
    assert {str(split): samples.class_counts(split).tolist() for split in Split} == {
        "Training": [2100, 119, 532, 7287, 3014, 3149, 8740, 119],
        "PublicTest": [287, 24, 62, 865, 351, 415, 1182, 13],
        "PrivateTest": [273, 18, 83, 893, 384, 396, 1090, 16],
        "Test": [0] * 8,
    }
    five = opened("fer2013", fer2013_archive, labels="five")
    # FER-2013's own counts without those of disgust and fear.
    assert five.class_counts(Split.TRAINING).tolist() == [3995, 7215, 4830, 3171, 4965]
    assert five.class_counts(Split.PUBLIC).tolist() == [467, 895, 653, 415, 607]
    with pytest.raises(DataError, match="has no pain"):
        opened("fer2013", fer2013_archive, labels=["pain", "happy"])


@pytest.mark.realdata
def test_shares_of_votes_have_contempt_among_them(fer2013_archive: Path) -> None:
    config = validated(
        {"name": "fer2013", "root": str(fer2013_archive), "labels": "ferplus8", "targets": "distribution"}, prefix=""
    )
    data = FERDataModule(config, augment=None, seed=0)
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert batch["target"].shape[1] == 8
    np.testing.assert_allclose(batch["target"].sum(dim=1).numpy(), 1, rtol=1e-5)
    # The faces of the majority protocol have usable shares too.
    assert len(data.split.train) > 24_000
