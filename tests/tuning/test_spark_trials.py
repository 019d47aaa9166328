"""What becomes of a trial on an executor, without Spark."""

import sys
from pathlib import Path

import pytest
from support.tiny import TINY

from fer.common.errors import StorageError
from fer.folders.sweep import SweepFolder
from fer.tuning.display import Lines
from fer.tuning.settings import compose_sweep
from fer.tuning.spark import Objective, SparkSweep
from fer.tuning.trial_store import TrialStore


def test_a_trial_that_takes_longer_than_it_may_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    result = Objective(jobs={0: "{}"}, minutes=0.002)(0.0)
    assert (result["status"], result["ended"]["error"]) == ("fail", "took longer than 0.002 minutes")
    assert result["seconds"] < 30


def test_a_trial_that_the_disk_refused_goes_on_with_the_sweep(tmp_path: Path) -> None:
    sweep = compose_sweep([*TINY, "model=mlp", "space=none", "data.batch_size=choice(16, 32)", "trial_minutes=7"])
    store = TrialStore(sweep, SweepFolder(tmp_path), Lines("accuracy", 2))
    run = SparkSweep(sweep, store, workers=1, threads=1)
    assert run._objective.minutes == 7
    params = {"data.batch_size": 16}
    store.folder.plan(0, params)
    run._running[0], run._objective.jobs[0] = (params, ()), "{}"
    ended = {"status": "failed", "error": "no space left", "by_disk": True}
    result = {"ended": ended, "began": 0.0, "seconds": 1.0}
    with pytest.raises(StorageError, match="trial 0: no space left"):
        run._harvest([{"misc": {"vals": {"trial": [0]}}, "result": result}])
    assert store.records == []
    assert store.interrupted() == {0: params}
