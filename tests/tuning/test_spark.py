"""The same sweep through Spark, on this machine alone."""

import json
import shutil
from pathlib import Path

import pytest
from support.tiny import TINY

from fer.tuning.run import run_sweep

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def spark_here(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_trials_run_as_spark_tasks_and_a_failed_one_is_kept(tmp_path: Path) -> None:
    arguments = [
        *TINY,
        "model=mlp",
        "model.params.hidden=[16]",
        "optimizer=sgd",
        "space=none",
        "optimizer.lr=choice(0.01, 1e30)",
        "backend=spark",
        "workers=2",
        "num_trials=2",
        "report=false",
        f"sweep_dir={tmp_path}",
    ]
    run_sweep(arguments)
    lines = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
    by_rate = {line["params"]["optimizer.lr"]: line for line in lines}
    assert by_rate[0.01]["status"] == "ok"
    assert by_rate[0.01]["loss"] == pytest.approx(1 - by_rate[0.01]["metrics"]["public.accuracy"])
    assert by_rate[1e30]["status"] == "failed"
    assert by_rate[1e30]["error"]
    run_sweep(arguments)  # all are there: nothing starts
    assert len((tmp_path / "trials.jsonl").read_text(encoding="utf-8").splitlines()) == 2
