"""The page of a sweep, from its folder alone."""

import math
import random
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer.common.errors import DataError
from fer.common.files import write_json
from fer.folders.sweep import Status, SweepFolder, TrialRecord
from fer.report.main import make_report
from fer.report.sweep.importance import importance
from fer.report.sweep.page import write_sweep_report
from fer.report.sweep.trials import SweepTrials

SPACE = {
    "optimizer": "choice(sgd, adamw)",
    "optimizer=sgd|optimizer.lr": "loguniform(0.01, 1)",
    "optimizer=adamw|optimizer.lr": "loguniform(0.0001, 0.01)",
    "model.params.dropout": "uniform(0, 0.5)",
    "data.batch_size": "choice(32, 64)",
}


def make_sweep(path: Path, *, trials: int, objective: str = "accuracy") -> SweepFolder:
    """A sweep whose score depends on the dropout, a little on the optimiser, and on nothing else."""
    folder = SweepFolder(path)
    settings = {"model": {"name": "cnn"}, "data": {"protocol": "official"}}
    facts = {"objective": objective, "algorithm": "tpe", "folds": None, "space": SPACE, "settings": settings}
    write_json(folder.settings, facts)
    rng = random.Random(0)
    for number in range(trials):
        optimizer = rng.choice(["sgd", "adamw"])
        params: dict[str, Any] = {
            "optimizer": optimizer,
            "optimizer.lr": math.exp(rng.uniform(-9, -5)),
            "model.params.dropout": rng.uniform(0, 0.5),
            "data.batch_size": rng.choice([32, 64]),
        }
        score = 0.6 - params["model.params.dropout"] + 0.02 * (optimizer == "sgd")
        status: Status = "failed" if number == 4 else "pruned" if score < 0.3 else "ok"
        folder.append(
            TrialRecord(
                trial=number,
                params=params,
                status=status,
                loss=None if status == "failed" else 1 - score,
                metrics={"public.accuracy": score} if status == "ok" else {},
                seconds=10.0,
                start_seconds=0.4,
                train_seconds=9.0 if status == "ok" else None,
                command=f"fer-train model=cnn optimizer={optimizer} 'a b=<c>'",
                run_dir=f"trials/{number:04d}",
                curve=[] if status == "failed" else [(0.5, score / 2), (1.0, score)][: 1 if status == "pruned" else 2],
                started="2026-01-01T00:00:00+0000",
                error="the loss is <not> finite" if status == "failed" else None,
            )
        )
    return folder


class Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.figures = 0
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.figures += tag == "figure"
        self.rows += tag == "tr"
        assert not any(name in ("src", "href") and (value or "").startswith("http") for name, value in attrs)


def test_the_page_shows_every_trial_and_the_best(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, trials=30)
    assert make_report([tmp_path]) == folder.report
    page = folder.report.read_text(encoding="utf-8")
    words = Words()
    words.feed(page)
    assert words.figures == 5
    assert words.rows == 30 + 1 + 4  # trials, their heading, the best one's settings
    best = max((record for record in folder.records() if record.status == "ok"), key=lambda each: -(each.loss or 1))
    assert f"Trial {best.trial} has the best accuracy" in page
    assert "the loss is &lt;not&gt; finite" in page
    assert "1 of 30 trials failed" in page
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{name}.{kind}"
        for name in ("history", "curves", "importance", "parallel", "slices")
        for kind in ("png", "svg")
    }


def test_the_forest_finds_what_matters(tmp_path: Path) -> None:
    make_sweep(tmp_path, trials=60)
    found = importance(SweepTrials.read(SweepFolder(tmp_path)))
    assert found is not None
    assert next(iter(found.shares)) == "model.params.dropout"
    assert found.explained > 0.8
    others = [share.value for name, share in found.shares.items() if name != "model.params.dropout"]
    assert found.shares["model.params.dropout"].value > 5 * max(others)


def test_equal_trials_say_nothing_of_their_settings(tmp_path: Path) -> None:
    make_sweep(tmp_path, trials=60)
    read = SweepTrials.read(SweepFolder(tmp_path))
    equal = [replace(record, loss=None if record.loss is None else 0.5) for record in read.records]
    assert importance(SweepTrials(read.facts, equal)) is None


def test_the_median_of_an_even_number_of_trials_lies_between_two(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, trials=12)
    scores = [1 - record.loss for record in folder.records() if record.status == "ok" and record.loss is not None]
    assert len(scores) % 2 == 0
    page = " ".join(write_sweep_report(tmp_path).read_text(encoding="utf-8").split())
    assert f"the median of the finished trials is {100 * np.median(scores):.1f}" in page


def test_few_trials_make_a_page_that_does_not_pretend(tmp_path: Path) -> None:
    make_sweep(tmp_path, trials=3)
    page = write_sweep_report(tmp_path).read_text(encoding="utf-8")
    assert "there is no telling which setting matters" in page
    assert not (tmp_path / "figures" / "importance.png").exists()


def test_settings_become_numbers_by_their_kind(tmp_path: Path) -> None:
    make_sweep(tmp_path, trials=12)
    trials = SweepTrials.read(SweepFolder(tmp_path))
    rates = np.array([record.params["optimizer.lr"] for record in trials.scored])
    np.testing.assert_allclose(trials.column("optimizer.lr"), np.log10(rates))
    assert trials.settings == ["optimizer", "optimizer.lr", "model.params.dropout", "data.batch_size"]
    assert trials.options("data.batch_size") == ["32", "64"]
    assert set(trials.column("optimizer")) == {0.0, 1.0}


def test_an_objective_to_be_low_is_shown_as_it_is(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, trials=8, objective="nll")
    best = min(record.loss or 9 for record in folder.records() if record.status == "ok")
    assert f"<b>{best:.4f}</b>" in write_sweep_report(tmp_path).read_text(encoding="utf-8")


def test_a_metric_of_ones_own_is_no_percentage_and_has_no_minus_in_its_name(tmp_path: Path) -> None:
    for place, objective in enumerate(("d_prime", "-hamming_loss")):
        folder = make_sweep(tmp_path / str(place), trials=1, objective=objective)
        (record,) = folder.records()
        assert record.loss is not None
        value = record.loss if objective.startswith("-") else 1 - record.loss
        page = write_sweep_report(folder.path).read_text(encoding="utf-8")
        assert f"<b>{value:.4f}</b>" in page
        assert "-hamming" not in page
        assert "1 trial," in page


def test_what_is_no_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no sweep\.json"):
        write_sweep_report(tmp_path)
    write_json(SweepFolder(tmp_path).settings, {})
    with pytest.raises(DataError, match="no trial has ended"):
        write_sweep_report(tmp_path)
