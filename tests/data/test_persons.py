"""Whose face it is: kept together where splits are drawn, counted where a set's own splits share persons."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.layouts import noise, write_image

from fer.common.errors import ConfigError, DataError
from fer.common.labels import EMOTIONS
from fer.data.audit import audit
from fer.data.commands import main
from fer.data.datamodule import FERDataModule
from fer.data.dataset_argument import validated
from fer.data.persons import persons_by_naming
from fer.data.samples import FaceSamples, Split
from fer.data.sources import DataConfig, open_samples
from fer.data.tables import audit_text


def write(root: Path, paths: Sequence[str]) -> Path:
    rng = np.random.default_rng(0)
    for path in paths:
        write_image(root / path, noise(rng, 16, 16))
    return root


def config(root: Path, *, name: str = "folder", **settings: object) -> DataConfig:
    return validated({"name": name, "root": str(root), "size": 16, **settings}, prefix="data.")


def read(root: Path, *, name: str = "folder", **settings: object) -> FaceSamples:
    return open_samples(config(root, name=name, **settings)).samples


def persons(samples: FaceSamples) -> dict[Split, set[str]]:
    assert samples.subjects is not None
    return {split: set(samples.subjects[samples.splits == split].tolist()) for split in Split}


def drawn_apart(samples: FaceSamples) -> bool:
    parts = [part for part in persons(samples).values() if part]
    return len(parts) == 3 and len(set.union(*parts)) == sum(map(len, parts))


JAFFE = [f"{emotion}/{who}.{code}{take}.{number}.png" for number, (who, emotion, code, take) in enumerate(
    (who, emotion, code, take)
    for who in ("KA", "KL", "KM", "KR", "MK", "NA")
    for emotion, code in (("angry", "AN"), ("happy", "HA"), ("sad", "SA"))
    for take in (1, 2)
)]  # fmt: skip
KDEF = [f"{emotion}/{session}{who}{code}{view}.png" for session in "AB" for who in ("F01", "F02", "M01", "M02", "M03")
        for emotion, code in (("angry", "AN"), ("neutral", "NE")) for view in ("S", "FL")]  # fmt: skip
OULU = [f"VL/Strong/P{who:03d}/{emotion}/{frame:03d}.png" for who in range(6) for emotion in ("Anger", "Happiness")
        for frame in range(3)]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("S010_004_00000017.png", "CK+ S010"),
        ("KA.AN1.39.tiff", "JAFFE KA"),
        ("KA-HA2-30.jpg", "JAFFE KA"),
        ("AF01ANS.JPG", "KDEF F01"),
        ("BF01AFHL.JPG", "KDEF F01"),
        ("AF01ANS_flipped.jpg", "KDEF F01"),
        ("my-ha1-2.png", ""),
        ("BM35SUFR.JPG", "KDEF M35"),
        ("Rafd090_01_Caucasian_female_angry_frontal.jpg", "RaFD 01"),
        ("Rafd045_57_Moroccan_male_fearful_left.jpg", "RaFD 57"),
        ("train_00001_aligned.jpg", ""),
        ("image0000006.jpg", ""),
        ("Training_3908.jpg", ""),
        ("25_0_2_20170116174525125.jpg.chip.jpg", ""),
        ("AF01.jpg", ""),
    ],
)
def test_file_names_of_published_sets_tell_persons(name: str, person: str) -> None:
    assert persons_by_naming([f"happy/{name}"])[0] == [person]


@pytest.mark.parametrize(("paths", "count", "of"), [(JAFFE, 6, "JAFFE"), (KDEF, 5, "KDEF")])
def test_folders_of_published_sets_keep_persons_together(paths: list[str], count: int, of: str, tmp_path: Path) -> None:
    samples = read(write(tmp_path, paths), valid_share=0.25, test_share=0.25)
    assert drawn_apart(samples)
    assert len(set.union(*persons(samples).values())) == count
    assert (
        f"{count} persons in {len(paths)} of {len(paths)} images, by file names, which are those of {of}."
        in "\n".join(samples.notes)
    )


def test_a_pattern_finds_persons_in_folders_above_the_classes(tmp_path: Path) -> None:
    root = write(tmp_path, OULU)
    with pytest.raises(DataError, match=r"lie in 6 folders whose names tell no split .*data\.person="):
        read(root)
    samples = read(root, person=r"/(P\d+)/", valid_share=0.25, test_share=0.25)
    assert drawn_apart(samples)
    assert [id_.split("/")[2] for id_ in samples.ids.tolist()] == samples.subjects.tolist()  # type: ignore[union-attr]
    assert len(samples) == len(OULU)
    assert set(samples.labels.tolist()) == {EMOTIONS.index("angry"), EMOTIONS.index("happy")}


@pytest.mark.parametrize("person", [r"([^/]+)/[^/]+/[^/]+$", r"(P\d+)/(?:Anger|Happiness)", r"Strong/(P\d+)/.*png"])
def test_a_pattern_may_go_on_into_the_class_and_the_file(person: str, tmp_path: Path) -> None:
    samples = read(write(tmp_path, OULU), person=person, valid_share=0.25, test_share=0.25)
    assert drawn_apart(samples)


def test_a_pattern_does_not_make_parts_of_another_kind_one_set(tmp_path: Path) -> None:
    root = write(tmp_path, [*OULU, *(path.replace("VL", "NI") for path in OULU)])
    with pytest.raises(DataError, match=r"lie in 2 folders whose names tell no split"):
        read(root, person=r"/(P\d+)/")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(P", "no regular expression"),
        ("(P)([0-9])", "several groups"),
    ],
)
def test_patterns_that_cannot_be(pattern: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"data\.person.*{words}"):
        config(tmp_path, person=pattern)


def test_a_path_without_a_person_is_named(tmp_path: Path) -> None:
    root = write(tmp_path, ["happy/p1_a.png", "happy/p2_a.png", "sad/other.png"])
    with pytest.raises(DataError, match=r"finds no person in sad/other\.png"):
        read(root, person="(p[0-9])_")


def test_unknown_persons_are_said_to_be_unknown(tmp_path: Path) -> None:
    samples = read(write(tmp_path, [f"{emotion}/{n}.png" for emotion in ("happy", "sad") for n in range(6)]))
    assert samples.subjects is None
    assert any("not known: one person may be in several splits" in note for note in samples.notes)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """CK+48 split anew by frames: persons S010 and S011 train and test, S012 and S013 train alone."""
    frames = [(f"S{who:03d}_001_{frame:08d}.png", who, frame) for who in range(10, 14) for frame in range(6)]
    return write(
        tmp_path / "ck",
        [
            f"{'test' if frame == 5 and who < 12 else 'train'}/{('happy', 'anger')[frame % 2]}/{name}"
            for name, who, frame in frames
        ],
    )


@pytest.mark.parametrize("name", ["ckplus", "folder"])
def test_own_splits_that_share_persons_are_told(name: str, shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    samples = read(shared, name=name, valid_share=0)
    told = "Splits share persons: 2 of the 2 PrivateTest faces show 2 persons of Training."
    assert any(note.startswith(told) for note in samples.notes)
    report = audit(samples, near_duplicates=False)
    assert json.loads(json.dumps(report.to_json()))["persons"] == [
        {"split": "PrivateTest", "of": "Training", "persons": 2, "images": 2}
    ]
    assert "PrivateTest images of a person of Training  2  (100.0 %)  2 persons" in audit_text(report)
    with caplog.at_level(logging.WARNING):
        FERDataModule(config(shared, name=name, valid_share=0, protocol="stratified"), augment=None, seed=0).setup()
    assert any(told in record.getMessage() for record in caplog.records)


def test_audit_tells_persons_that_are_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path, JAFFE)
    main(["audit", str(root), "--source", "folder", "--set", "size=16", "--no-near-duplicates"])
    assert "Persons in two splits\n  none" in capsys.readouterr().out
