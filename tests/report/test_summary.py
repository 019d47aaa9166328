"""The lines that decide, on stand-ins."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.report_stand_ins import OPTIONS, SAMPLES, evaluated, run_folder

from fer.data.samples import Split
from fer.report.card.card import model_card
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.result import AnalysisResult
from fer.report.scores.section import class_rows
from fer.report.scores.statements import meanings, optimism, set_title, statement
from fer.report.summary.verdicts import accuracy_verdict, copy_verdict, leakage_verdict, weak_classes_verdict


@pytest.fixture
def run(tmp_path: Path) -> EvaluatedRun:
    return evaluated(run_folder(tmp_path / "run"))


def with_manifest(run: EvaluatedRun, **data: object) -> EvaluatedRun:
    return replace(run, record=replace(run.record, manifest={"data": data}))


@pytest.mark.parametrize(
    ("copy", "verdict", "told"),
    [
        ({"verdict": "original", "change": ""}, "pass", "published data"),
        ({"verdict": "reencoded", "change": "JPEG at quality 75"}, "look", "JPEG at quality 75"),
        ({"verdict": "altered", "change": "12 faces relabelled"}, "fail", "12 faces relabelled"),
        ({"verdict": "unknown", "change": ""}, "look", "Not known"),
        # Of other data there is no original, and fer-data audit knows no more.
        ({}, "look", "the only published data that this program knows are FER-2013's"),
    ],
)
def test_the_copy_of_the_data_is_judged(run: EvaluatedRun, copy: dict[str, str], verdict: str, told: str) -> None:
    found = copy_verdict(with_manifest(run, copy=copy))
    assert found.verdict == verdict
    assert told in found.text
    assert found.text.endswith(".")


def test_an_older_run_says_that_it_does_not_know(run: EvaluatedRun) -> None:
    assert copy_verdict(run).verdict == "look"


def test_copies_of_training_faces_are_told(run: EvaluatedRun) -> None:
    found = leakage_verdict(run)
    # 2 of 28 are more than one in twenty.
    assert (found.verdict, found.value) == ("fail", 2.0)
    changed = replace(run, notes=("the data changed since training",))
    assert leakage_verdict(changed).verdict == "fail"


def test_accuracy_stands_with_and_without_copies(run: EvaluatedRun) -> None:
    text = accuracy_verdict(run).text
    assert "without copied faces" in text
    assert "on PrivateTest" in text


def test_publictest_says_that_it_chose_the_epoch(run: EvaluatedRun) -> None:
    assert set_title(run, "public") == set_title(run, "public_tta") == "PublicTest (chose the epoch)"
    assert set_title(run, "private") == "PrivateTest"
    assert "chose the epoch" in statement(run, "public")
    assert set_title(run, "folder7178") == "Test folder (Public + Private) (PublicTest chose the epoch)"
    assert "Its PublicTest faces chose the epoch" in optimism(run, "folder7178")
    other = replace(run, record=replace(run.record, config={"data": {"protocol": "kfold"}}))
    assert "chose" not in set_title(other, "public")
    assert "chose" not in set_title(other, "folder7178") + optimism(other, "folder7178")
    assert "chose the epoch" in set_title(other, "heldout")


def test_models_closer_than_the_interval_can_be_ranked(run: EvaluatedRun) -> None:
    said = " ".join(meanings(run))
    assert "cannot be ranked" not in said
    assert "which tells more than two such intervals side by side" in said


def test_an_emotion_without_a_test_face_is_not_tested(tmp_path: Path) -> None:
    without = SAMPLES.take((SAMPLES.splits != Split.PRIVATE) | (SAMPLES.labels != 3))
    run = evaluated(run_folder(tmp_path / "without"), samples=without)
    row = class_rows(run)[3]
    assert (row["support"], row["other"]) == (0, "not tested")
    assert [one.text for one in row["cells"][1:]] == ["not tested", "not tested"]
    assert weak_classes_verdict(run).verdict != "pass"


@pytest.mark.parametrize("known", [True, False])
def test_the_cards_ethics_assert_nothing_of_data_that_are_not_known(run: EvaluatedRun, known: bool) -> None:
    of = replace(run, data=replace(run.data, is_fer2013=known))
    card = model_card(of, options=OPTIONS, results={}, report_command="fer-report")
    for said in ("were not asked for this use", "web search", "carry no age"):
        assert (said in card) == known
    assert ("No groups were named" in card) != known


def test_undefined_precision_has_no_interval(run: EvaluatedRun) -> None:
    never = [of for of in run.headline.plain.classes.values() if of.called == 0]
    assert all(np.isnan(of.precision.low) for of in never)


def test_the_card_tells_what_an_analysis_could_not_do(run: EvaluatedRun) -> None:
    results = {"fairness": AnalysisResult(notes=("The analysis “fairness” is missing: no such file",))}
    card = model_card(run, options=OPTIONS, results=results, report_command="fer-report")
    assert "> **Read this first.** The analysis “fairness” is missing: no such file" in card
