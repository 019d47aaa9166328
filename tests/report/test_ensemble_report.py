import csv
import io
from pathlib import Path

import numpy as np
import pytest
from support.fake_runs import OPTIONS, SAMPLES, fake_context, fake_run, fake_samples
from support.sketched import sketched

from fer.data.samples import Split
from fer.metrics import Predictions, headline
from fer.metrics.ensemble import average, fit_weights
from fer.metrics.significance import holm, mcnemar
from fer.report.ensemble.analysis import analyse
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.main import write_report
from fer.report.options import EnsembleOptions
from fer.report.page.render import render_page
from fer.report.result import AnalysisResult

FEW = OPTIONS.model_copy(update={"ensemble": EnsembleOptions(resamples=20)})


def found(*runs: EvaluatedRun) -> AnalysisResult:
    result = analyse(fake_context(*runs, options=FEW))
    assert result is not None
    return result


@sketched()
def html_of(result: AnalysisResult) -> str:
    return render_page(result.sections, title="t", subtitle="s", notes=result.notes, faces=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[EvaluatedRun]:
    folder = tmp_path_factory.mktemp("runs")
    return [fake_run(folder / name, seed=i, skill=0.5 + 0.1 * i) for i, name in enumerate("abc")]


@pytest.fixture(scope="module")
def result(runs: list[EvaluatedRun]) -> AnalysisResult:
    return found(*runs)


def test_scores_are_those_of_the_averaged_predictions(runs: list[EvaluatedRun], result: AnalysisResult) -> None:
    public = [run.sets["public"].plain.predictions for run in runs]
    private = [run.sets["private"].plain.predictions for run in runs]
    weights = fit_weights(public)
    assert list(result.metrics["fitted"]["weights"].values()) == pytest.approx(weights.tolist())
    for key, average_table in (("uniform", average(private)), ("fitted", average(private, weights))):
        for metric, value in headline(average_table).items():
            told = result.metrics[key]["private"][metric]
            assert told["value"] == pytest.approx(value, abs=1e-9)
            assert told["n"] == 105
    mirrored = average([run.sets["private"].averaged.predictions for run in runs])  # type: ignore[union-attr]
    assert result.metrics["uniform_tta"]["private"]["nll"]["value"] == pytest.approx(headline(mirrored)["nll"])


def test_each_pool_is_tested_against_the_best_single_run_of_public(
    runs: list[EvaluatedRun], result: AnalysisResult
) -> None:
    best = max(runs, key=lambda run: run.sets["public"].plain.metrics["accuracy"].value)
    assert result.metrics["best_single"] == best.record.name
    single = best.sets["private"].plain.predictions
    pool = average([run.sets["private"].plain.predictions for run in runs])
    right, other = pool.predicted == pool.labels, single.predicted == single.labels
    told = result.metrics["uniform"]["against_best_single"]["private"]
    assert told["mcnemar_p"] == mcnemar(int((right & ~other).sum()), int((other & ~right).sum()))
    assert told["accuracy_difference"]["value"] == pytest.approx(right.mean() - other.mean())
    pools = ("uniform", "fitted", "uniform_tta", "fitted_tta")
    family = [result.metrics[name]["against_best_single"]["private"] for name in pools]
    assert [one["holm_p"] for one in family] == pytest.approx(holm([one["mcnemar_p"] for one in family]))


def test_the_files_hold_the_answers_of_the_ensemble_and_of_the_run_in_detail(
    runs: list[EvaluatedRun], result: AnalysisResult, tmp_path: Path
) -> None:
    write_report(tmp_path / "r", fake_context(*runs, options=FEW), {"ensemble": result}, command="fer-report")
    names = {path.name for path in (tmp_path / "r" / "predictions").iterdir()}
    assert {"private.parquet", "public_tta.parquet", "folder7178.parquet"} <= names
    assert {"ensemble_private.parquet", "ensemble_fitted_private_tta.parquet", "ensemble_public.parquet"} <= names
    for stem, key in (("ensemble_private", "uniform"), ("ensemble_fitted_private", "fitted")):
        table = Predictions.read(tmp_path / "r" / "predictions" / f"{stem}.parquet")
        told = result.metrics[key]["private"]["accuracy"]["value"]
        assert headline(table)["accuracy"] == pytest.approx(told)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r" / "ensemble.csv").read_text())))
    assert len(rows) == 4 * 3
    assert sum(float(rows[0][f"weight_{name}"]) for name in "abc") == pytest.approx(1, abs=1e-5)


def test_private_labels_decide_nothing(runs: list[EvaluatedRun], result: AnalysisResult, tmp_path: Path) -> None:
    """With other PrivateTest labels, weights and the best single run stay the same."""
    labels = SAMPLES.labels.copy()
    private = SAMPLES.splits == Split.PRIVATE
    labels[private] = (labels[private] + 3) % 7
    poisoned = SAMPLES.take(np.arange(len(labels)))
    object.__setattr__(poisoned, "labels", labels)
    others = [fake_run(tmp_path / n, seed=i, skill=0.5 + 0.1 * i, samples=poisoned) for i, n in enumerate("abc")]
    again = found(*others)
    assert again.metrics["best_single"] == result.metrics["best_single"]
    for key in ("fitted", "fitted_tta"):
        assert again.metrics[key]["weights"] == result.metrics[key]["weights"]
    assert again.metrics["uniform"]["private"] != result.metrics["uniform"]["private"]


def test_few_faces_are_cautioned_against(result: AnalysisResult) -> None:
    assert "3 weights were fitted on 105 faces" in html_of(result)
    assert "mostly noise" in html_of(result)


def test_runs_of_other_faces_stay_outside_and_are_named(runs: list[EvaluatedRun], tmp_path: Path) -> None:
    other = fake_run(tmp_path / "stranger", samples=fake_samples(seed=1), fingerprint="fedcba9876543210")
    with_stranger = found(runs[0], runs[1], other)
    assert with_stranger.metrics["members"] == ["a", "b"]
    assert "because their faces or labels differ: stranger" in html_of(with_stranger)
    alone = found(runs[0], other)
    assert alone.sections == ()
    assert "no other run was scored on the faces" in alone.notes[0]


def test_without_public_there_are_equal_weights_alone(tmp_path: Path) -> None:
    samples = SAMPLES.take(SAMPLES.splits != Split.PUBLIC)
    pair = [fake_run(tmp_path / name, seed=i, samples=samples) for i, name in enumerate("ab")]
    told = found(*pair)
    assert "fitted" not in told.metrics
    assert told.metrics["best_single"] == "a"
    assert "the first run named" in html_of(told)


def test_without_mirrors_there_are_no_mirrored_pools(tmp_path: Path) -> None:
    plain = FEW.model_copy(update={"tta": False})
    pair = [fake_run(tmp_path / name, seed=i, options=plain) for i, name in enumerate("ab")]
    told = analyse(fake_context(*pair, options=plain))
    assert told is not None
    assert "uniform_tta" not in told.metrics
    assert "mirror" not in html_of(told).split("</style>")[1]


def test_switched_off_or_alone_it_says_nothing(runs: list[EvaluatedRun]) -> None:
    off = FEW.model_copy(update={"ensemble": EnsembleOptions(enabled=False)})
    assert analyse(fake_context(*runs, options=off)) is None
    assert analyse(fake_context(runs[0], options=FEW)) is None


def test_what_publictest_chose_is_said_of_the_runs_whose_epoch_it_chose(
    runs: list[EvaluatedRun], result: AnalysisResult, tmp_path: Path
) -> None:
    assert "PublicTest also chose each member's epoch" in html_of(result).replace("&#39;", "'")
    held_out = {"data": {"protocol": "stratified"}}
    others = [fake_run(tmp_path / name, seed=i, config=held_out) for i, name in enumerate("cd")]
    assert "PublicTest also chose the epoch of a, so it flatters" in html_of(found(runs[0], *others))
    assert "also chose" not in html_of(found(*others))
