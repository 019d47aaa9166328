"""A report over a stand-in, made once a module, and one over a run that fer-train made."""

from pathlib import Path

import pytest
from support.report_stand_ins import evaluated, report, run_folder

from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.main import make_report
from fer.report.options import ReportOptions


@pytest.fixture(scope="module")
def fake_run(tmp_path_factory: pytest.TempPathFactory) -> EvaluatedRun:
    return evaluated(run_folder(tmp_path_factory.mktemp("runs") / "a&b<run>"))


@pytest.fixture(scope="module")
def fake_report(fake_run: EvaluatedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tmp_path_factory.mktemp("report"), fake_run).parent


@pytest.fixture(scope="module")
def fake_page(fake_report: Path) -> str:
    return (fake_report / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tiny_page(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """report.html of the tiny run with every analysis, each on few faces; not to be written to."""
    few = {
        "cam_images_per_class": 1,
        "mistakes": 2,
        "tested_faces": 6,
        "randomised_faces": 2,
        "pointing_faces": 7,
        "class_map_faces": 7,
        "compared_faces": 2,
    }
    options = ReportOptions(
        bootstrap=100, explanations=few, robustness={"max_faces": 20}, cost={"seconds": 0.1}, device="cpu"
    )
    return make_report([tiny_run], out=tmp_path_factory.mktemp("out") / "report", options=options)
