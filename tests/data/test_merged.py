"""Several sources as one: splits kept, ids told apart, faces brought to one size and colour."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.layouts import write_affectnet, write_ckplus, write_classes

from fer.common.errors import ConfigError
from fer.data.dataset_argument import validated
from fer.data.fer2013.copy import CopyFacts
from fer.data.merged.read import load_merged, merge
from fer.data.protocol import split_rows
from fer.data.resize import fit_images
from fer.data.samples import FaceSamples, content_hashes
from fer.data.sources import open_samples

SYNTHETIC = {"name": "synthetic", "size": 48, "train": 21, "public": 7, "private": 7}


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    root = tmp_path_factory.mktemp("merged")
    return [
        SYNTHETIC,
        {"name": "affectnet", "root": str(write_affectnet(root / "affectnet", per_class=5)), "contempt": "drop"},
        {"name": "ckplus", "root": str(write_ckplus(root / "ck")), "contempt": "disgust"},
    ]


def opened(config: dict[str, Any]) -> FaceSamples:
    return open_samples(validated(config, prefix="data.")).samples


@pytest.fixture(scope="module")
def merged(members: list[dict[str, Any]]) -> FaceSamples:
    return opened({"name": "merged", "sources": members, "size": 32})


def test_every_member_keeps_its_faces_labels_and_splits(merged: FaceSamples, members: list[dict[str, Any]]) -> None:
    assert merged.images.shape[1:] == (1, 32, 32)
    assert len(set(merged.ids.tolist())) == len(merged)
    for member in members:
        own = opened(member if member["name"] == "synthetic" else {**member, "size": 32})
        rows = {id_: row for row, id_ in enumerate(merged.ids.tolist())}
        at = [rows[f"{member['name']}/{id_}"] for id_ in own.ids.tolist()]
        np.testing.assert_array_equal(merged.labels[at], own.labels)
        np.testing.assert_array_equal(merged.splits[at], own.splits)
        np.testing.assert_array_equal(merged.images[at], fit_images(own.images, size=32, channels=1))
        assert set(merged.groups["source"][at]) == {member["name"]}
    assert len(merged) == 35 + 35 + 72


def test_persons_that_a_source_learned_to_tell_are_not_those_of_an_earlier_cache(tmp_path: Path) -> None:
    packed = open_samples(validated(SYNTHETIC, prefix="data."))
    for persons in (["a", "b"], ["a", "a"]):
        subjects = np.resize(persons, len(packed.samples))
        now = replace(packed, samples=replace(packed.samples, subjects=subjects))
        found = load_merged([("x", now)], size=48, channels=1, cache_dir=tmp_path).samples.subjects
        assert found is not None
        assert found.tolist() == [f"x/{person}" for person in subjects]


def test_its_notes_say_what_was_merged_and_dropped(merged: FaceSamples) -> None:
    told = " ".join(merged.notes)
    assert "synthetic: faces of 48 x 48 pixels with 1 channel were brought to 32 x 32" in told
    assert "affectnet: 5 faces of the class 'contempt' are left out" in told
    assert "ckplus: " in told
    assert "counted as disgust" in told


def test_one_altered_source_alters_the_whole_and_one_as_published_vouches_for_none() -> None:
    samples = opened(SYNTHETIC)
    counts = {"pictures": 35, "recognised": 35, "doubled": 0, "relabelled": 0, "moved": 0, "leaked": 0, "strange": 0}
    facts = {"verdict": "original", "change": "", "missing": 0, **counts}
    altered = {**facts, "verdict": "altered", "change": "sharpened"}
    assert CopyFacts.from_json(altered).warning is not None

    def copy_of(*copies: dict[str, Any]) -> Mapping[str, Any]:
        members = [(f"member{place}", replace(samples, copy=copy)) for place, copy in enumerate(copies)]
        return merge(members, size=48, channels=1).copy

    assert copy_of({}, facts, altered) == altered
    assert copy_of({}, facts) == {}


def test_persons_of_a_member_stay_together(merged: FaceSamples) -> None:
    assert merged.subjects is not None
    assert set(merged.subjects[merged.groups["source"] != "ckplus"]) == {""}
    split = split_rows(merged, protocol="stratified", holdout=0.5)
    of_train, of_valid = set(merged.subjects[split.train]), set(merged.subjects[split.valid])
    assert of_train & of_valid == {""}


def test_one_source_twice_is_told_apart(tmp_path: Path) -> None:
    roots = [write_classes(tmp_path / name, {"happy": 3, "sad": 3}, seed=seed) for seed, name in enumerate("ab")]
    both = opened({"name": "merged", "sources": [{"name": "folder", "root": str(root)} for root in roots]})
    assert {id_.split("/")[0] for id_ in both.ids} == {"folder-1", "folder-2"}
    assert len(set(content_hashes(both.images))) == 12


def test_a_change_in_a_member_is_noticed(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "a", {"happy": 3, "sad": 3})
    config = validated({"name": "merged", "sources": [{"name": "folder", "root": str(root)}]}, prefix="")
    assert len(open_samples(config).samples) == 6
    assert not open_samples(config).built
    write_classes(root, {"fear": 2}, seed=9)
    assert len(open_samples(config).samples) == 8


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ([], r"data\.sources: .*at least 1 item"),
        ([{"name": "rafbd"}], r"data\.sources\.0\.name=rafbd: there is no such source \(did you mean 'rafdb'"),
        ([{"name": "rafdb", "rot": "x"}], r"data\.sources\.0\.rot: rafdb has no such key \(did you mean 'root'"),
        ([{"root": "x"}], r"data\.sources\.0\.name is missing"),
        ([{"name": "rafdb", "batch_size": 8}], "batch_size of the member rafdb has no effect"),
        (
            [{"name": "fer2013", "targets": "majority", "ferplus": "x", "contempt": "drop"}],
            "FER\\+ votes are for data=fer2013 alone",
        ),
    ],
)
def test_mistakes(sources: list[Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        validated({"name": "merged", "sources": sources}, prefix="data.")


def test_resizing_shrinks_by_area_enlarges_bilinearly_and_mixes_luma() -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (3, 1, 48, 48), dtype=np.uint8)
    halved = fit_images(grey, size=24, channels=1)
    means = grey.reshape(3, 1, 24, 2, 24, 2).mean(axis=(3, 5))
    assert np.abs(halved - means).max() <= 0.5
    doubled = fit_images(grey, size=96, channels=3)
    np.testing.assert_array_equal(doubled[:, 0], doubled[:, 2])
    np.testing.assert_array_equal(doubled[0, 0], cv2.resize(grey[0, 0], (96, 96), interpolation=cv2.INTER_LINEAR))
    rgb = rng.integers(0, 256, (2, 3, 48, 48), dtype=np.uint8)
    luma = np.tensordot([0.299, 0.587, 0.114], rgb.astype(float), axes=(0, 1))
    assert np.abs(fit_images(rgb, size=48, channels=1)[:, 0] - luma).max() <= 0.51
    assert fit_images(grey, size=48, channels=1) is grey
