"""Runs, protocols and data that are not as usual: refused, or said on the page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.report_stand_ins import OPTIONS, SAMPLES, Page, evaluated, predict, report, run_folder
from support.sketched import sketched

from fer.common.errors import CheckpointError, DataError
from fer.data.samples import Split
from fer.folders.opened import OpenData
from fer.folders.record import read_runs
from fer.metrics import Predictions
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.main import choose_detail
from fer.report.page.render import render_page
from fer.report.scores.section import curves_section, terms_section
from fer.report.scores.statements import copies_trained_on, meanings, optimism


def test_other_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"predicts \[a,b\]"):
        evaluated(run_folder(tmp_path / "run"), labels=("a", "b"))


def test_data_without_a_test_split_is_refused(tmp_path: Path) -> None:
    training = SAMPLES.take(SAMPLES.splits == Split.TRAINING)
    with pytest.raises(DataError, match="nothing to score"):
        evaluated(run_folder(tmp_path / "run"), samples=training)


def test_changed_data_are_told(tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run"), trained_on="feedfacefeedface")
    assert any("data changed since training" in note for note in found.notes)


def test_a_checkpoint_that_does_not_repeat_its_training_score_is_told(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run")
    (path / "metrics.json").write_text(json.dumps({"public.accuracy": 0.111}))
    assert any("recorded a PublicTest accuracy of 11.1 %" in note for note in evaluated(path).notes)


@pytest.mark.parametrize(
    ("told", "noted"),
    [({}, True), ({"votes_share": 0.25}, True), ({"votes_share": 1.0}, False), ({"prior": "balanced"}, False)],
)
def test_a_score_that_options_move_is_no_sign_of_another_model(
    told: dict[str, object], noted: bool, tmp_path: Path
) -> None:
    path = run_folder(tmp_path / "run")
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["data"]["targets"], config["model"]["votes_share"] = "both", 0.25
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    (path / "metrics.json").write_text(json.dumps({"public.accuracy": 0.111}))
    found = evaluated(path, options=OPTIONS.model_copy(update=told))
    assert any("recorded a PublicTest accuracy of 11.1 %" in note for note in found.notes) == noted
    share = told.get("votes_share", 0.25)
    assert found.votes_share == share
    assert any("has the weight 1 (votes_share); the run says 0.25" in note for note in found.notes) == (share == 1.0)
    folder = sketched()(report)(tmp_path / "out", found, with_faces=False).parent
    card = (folder / "model_card.md").read_text("utf-8").replace("\\_", "_").replace("\\(", "(")
    assert f"| votes_share (weight of the votes' head) | {share:g} |" in card
    assert json.loads((folder / "metrics.json").read_text("utf-8"))["votes_share"] == share


def test_without_private_labels_public_is_the_headline_and_the_page_says_why(tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run"), samples=SAMPLES.take(SAMPLES.splits != Split.PRIVATE))
    assert found.headline_key == "public"
    assert any("no PrivateTest score is possible" in note for note in found.notes)
    assert any("optimistic" in note for note in found.notes)
    text = Page(sketched()(report)(tmp_path / "out", found, with_faces=False).read_text(encoding="utf-8")).text
    assert "no PrivateTest score is possible" in text
    assert "PrivateTest was read only" not in text


def test_a_merged_test_never_passes_for_private(tmp_path: Path) -> None:
    splits = np.where(SAMPLES.splits == Split.TRAINING, SAMPLES.splits, str(Split.MERGED_TEST))
    found = evaluated(run_folder(tmp_path / "run"), samples=replace(SAMPLES, splits=splits))
    assert list(found.sets) == ["folder7178"]
    page = sketched()(report)(tmp_path / "out", found, with_faces=False)
    assert "private" not in json.loads((page.parent / "metrics.json").read_text())


def test_the_7178_protocol_puts_that_folder_on_top(tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run", protocol="folder7178"))
    assert found.headline_key == "folder7178"
    assert "private" in found.sets


def test_a_held_out_part_of_training_is_reported_as_such(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run", protocol="stratified")
    rows = np.arange(14)
    Predictions(
        ids=SAMPLES.ids[rows],
        labels=SAMPLES.labels[rows],
        probabilities=predict(SAMPLES.images[rows]),
        split="heldout",
    ).write(path / "predictions" / "heldout.parquet")
    found = evaluated(path)
    assert found.sets["heldout"].plain.metrics["accuracy"].n == 14
    assert found.sets["heldout"].averaged is None
    told = found.sets["heldout"].evaluation_set.description + optimism(found, "heldout")
    assert told.count("optimistic") == 1
    assert found.headline_key == "private"
    # Not by its key.
    assert found.sets["heldout"].plain.predictions.split == "Held-out part of Training"


@pytest.mark.parametrize(
    ("told", "again"),
    [({}, False), ({"prior": "balanced"}, True), ({"votes_share": 1.0}, True), ({"votes_share": 0.25}, False)],
)
def test_a_model_that_was_told_otherwise_is_asked_about_held_out_faces_again(
    tmp_path: Path, told: dict[str, object], again: bool
) -> None:
    path = run_folder(tmp_path / "run", protocol="stratified")
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["data"]["targets"], config["model"]["votes_share"] = "both", 0.25
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    rows = np.arange(14)[::-1]
    saved = np.full((14, 7), 1 / 7, dtype=np.float32)
    Predictions(ids=SAMPLES.ids[rows], labels=SAMPLES.labels[rows], probabilities=saved, split="heldout").write(
        path / "predictions" / "heldout.parquet"
    )
    options = OPTIONS.model_copy(update=told)
    found = evaluated(path, options=options).sets["heldout"].plain.predictions
    np.testing.assert_array_equal(found.probabilities, predict(SAMPLES.images[rows]) if again else saved)
    if again:
        with pytest.raises(DataError, match="lacks 1 face that chose the epoch"):
            evaluated(path, samples=SAMPLES.take(np.arange(1, len(SAMPLES.ids))), options=options)


def test_publictest_chose_no_epoch_where_training_was_held_out(tmp_path: Path) -> None:
    without = SAMPLES.take(SAMPLES.splits != Split.PRIVATE)
    for protocol, chose in (("official", True), ("stratified", False)):
        found = evaluated(run_folder(tmp_path / protocol, protocol=protocol), samples=without)
        assert found.headline_key == "public"
        said = " ".join(meanings(found))
        assert ("also chose the epoch" in said) == chose
        assert ("kept out of training and selection" in said) != chose
        assert not any("Kaggle" in note for note in found.notes)
    challenge = replace(without, source="FER-2013 (challenge train.csv)")
    assert any("Kaggle's challenge files" in note for note in evaluated(tmp_path / "official", samples=challenge).notes)


def test_the_run_in_detail_is_chosen_without_private(tmp_path: Path) -> None:
    """The run that is better on PrivateTest alone is not the one shown."""
    public = SAMPLES.splits == Split.PUBLIC
    private = SAMPLES.splits == Split.PRIVATE

    def right_on(rows: np.ndarray):
        marks = {image.tobytes() for image in SAMPLES.images[rows]}

        def predict(images: np.ndarray) -> np.ndarray:
            right = np.array([image.tobytes() in marks for image in images])
            return np.eye(7, dtype=np.float32)[(images[:, 0, 0, 0] + ~right) % 7]

        return predict

    better_private = evaluated(run_folder(tmp_path / "a"), predict=right_on(private))
    better_public = evaluated(run_folder(tmp_path / "b"), predict=right_on(public))
    assert choose_detail([better_private, better_public]) is better_public


def test_an_unfinished_run_is_reported_with_a_note_on_top(tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run", finished=False))
    html = sketched()(report)(tmp_path / "out", found).read_text(encoding="utf-8")
    assert "This run was interrupted after 3 epochs" in Page(html).text
    assert html.index("interrupted after 3 epochs") < html.index('class="big-number"')
    assert "interrupted after 3 epochs" in (tmp_path / "out" / "model_card.md").read_text()


def test_without_test_time_augmentation_there_are_no_such_numbers(tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"tta": False})
    found = evaluated(run_folder(tmp_path / "run"), options=options)
    page = sketched()(report)(tmp_path / "out", found, options=options)
    assert not any(key.endswith("_tta") for key in json.loads((page.parent / "metrics.json").read_text()))
    assert "mirrored" not in Page(page.read_text(encoding="utf-8")).text


def test_runs_of_different_protocols_are_told_apart(fake_run: EvaluatedRun, tmp_path: Path) -> None:
    other = evaluated(run_folder(tmp_path / "other", protocol="kfold"))
    text = Page(sketched()(report)(tmp_path / "out", fake_run, other).read_text(encoding="utf-8")).text
    assert "These runs follow different protocols" in text


class Opened(OpenData):
    """The stand-in's faces in place of what its configuration names."""

    def of(self, record):
        return SAMPLES, "0123456789abcdef"


@pytest.mark.parametrize("left_out", [50, 0])
def test_training_faces_are_those_that_trained_it(left_out: int, tmp_path: Path) -> None:
    """As fer-study has it for shares of the data: faces on a list were never trained on, whatever their split."""
    path = run_folder(tmp_path / "run")
    listed = "".join(f'"{name}"\n' for name in SAMPLES.ids[:left_out])
    (tmp_path / "list.csv").write_text(f"id\n{listed}")
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["data"] |= {"root": str(tmp_path)} | ({"leave_out": str(tmp_path / "list.csv")} if left_out else {})
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    (record,) = read_runs([path])
    rows = Opened().trained_rows(record)
    assert rows.tolist() == list(range(left_out, 56))
    known = {image.tobytes() for image in SAMPLES.images[rows]}

    def by_heart(images: np.ndarray) -> np.ndarray:
        right = np.array([image.tobytes() in known for image in images])
        return np.eye(7, dtype=np.float32)[(images[:, 0, 0, 0] + ~right) % 7]

    found = evaluated(path, predict=by_heart, trained=rows)
    assert found.training is not None
    assert (found.training.value, found.training.n) == (1.0, 56 - left_out)
    # Both copies are of faces at the head of the list.
    assert found.copies_trained_on == (0 if left_out else 2)
    assert copies_trained_on(found) == found.copies_trained_on
    # Where its faces are not known, its settings say it.
    unknown = replace(found, copies_trained_on=None)
    assert copies_trained_on(unknown) == 2
    unknown.record.config["data"]["dedup"] = True
    assert copies_trained_on(unknown) == 0


def test_one_of_a_thing_is_told_in_the_singular(tmp_path: Path) -> None:
    """One test face that equals a Training face, one epoch, one right prediction."""
    path = run_folder(tmp_path / "run")
    (path / "metrics.jsonl").write_text((path / "metrics.jsonl").read_text().splitlines()[0] + "\n")
    few = SAMPLES.take(np.r_[np.arange(84), 84])
    page = sketched()(report)(tmp_path / "out", evaluated(path, samples=few), with_faces=False)
    card = (page.parent / "model_card.md").read_text(encoding="utf-8")
    for text in (Page(page.read_text(encoding="utf-8")).text, card, (page.parent / "metrics.json").read_text("utf-8")):
        assert re.findall(r"(?<![\d,.])1 (?:\w+ )?(?:faces|epochs|images|runs|predictions|repeats)\b", text) == []
        assert not re.search(r"\b1 (?:PrivateTest )?face equal ", text)


def test_a_checkpoint_of_another_epoch_than_the_most_accurate_one_is_told(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run")
    best = max(read_runs([path])[0].epochs, key=lambda epoch: epoch["valid/accuracy"])["epoch"]
    words = []
    for epoch in (best, best + 1):
        section = curves_section(evaluated(path, epoch=epoch))
        assert section is not None
        words.append(str(section.context["best"]))
    assert words[0].endswith(f" in epoch {best + 1}.")
    assert words[1] == f"{words[0].removesuffix('.')}; the checkpoint is epoch {best + 2}'s."


def test_the_words_tell_what_chose_the_epoch_under_each_protocol(tmp_path: Path) -> None:
    chooses = {"official": "PublicTest chooses the epoch", "kfold": "PublicTest and PrivateTest are only scored"}
    for protocol, told in chooses.items():
        section = terms_section(evaluated(run_folder(tmp_path / protocol, protocol=protocol)), resamples=100)
        assert told in Page(render_page([section], title="t", subtitle="", notes=(), faces=False)).text
