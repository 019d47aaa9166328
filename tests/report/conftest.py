"""A report over a stand-in, made once a module."""

from pathlib import Path

import pytest
from support.report_stand_ins import evaluated, report, run_folder

from fer.report.evaluation.evaluate import EvaluatedRun


@pytest.fixture(scope="module")
def fake_run(tmp_path_factory: pytest.TempPathFactory) -> EvaluatedRun:
    return evaluated(run_folder(tmp_path_factory.mktemp("runs") / "a&b<run>"))


@pytest.fixture(scope="module")
def fake_report(fake_run: EvaluatedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tmp_path_factory.mktemp("report"), fake_run).parent


@pytest.fixture(scope="module")
def fake_page(fake_report: Path) -> str:
    return (fake_report / "report.html").read_text(encoding="utf-8")
