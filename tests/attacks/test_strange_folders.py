"""Folders of strangers: what lies in them is looked at, and nothing of it runs, hangs or reaches beyond them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fer
from fer.studio import seals
from fer.studio.commands import Command
from fer.studio.jobs import Jobs
from fer.studio.places import Places

SOURCES = sorted(Path(fer.__file__).parent.rglob("*.py"))


def a_job(mark: Path) -> dict[str, object]:
    return {
        "kind": "report",
        "lane": "side",
        "argv": [sys.executable, "-c", f"open({str(mark)!r}, 'w').close()"],
        "shown": "fer-report run=a",
        "cwd": "/",
        "about": ["a"],
        "after": [],
        "facts": {},
    }


def test_a_job_that_came_with_a_folder_is_told_and_not_started(tmp_path: Path) -> None:
    mark, jobs = tmp_path / "ran", Jobs(Places(tmp_path / "runs"))
    mine = jobs.add("report", argv=[sys.executable, "-c", ""], shown="x", about=["a"])
    path = Places(tmp_path / "runs").jobs
    # Without a seal, with the seal of another job, and with one's own job changed.
    (path / "20260101-000000-000000000-aaaa.json").write_text(json.dumps(a_job(mark)))
    told = json.loads((path / f"{mine.id}.json").read_text())
    (path / "20260101-000000-000000000-bbbb.json").write_text(json.dumps(told))
    changed = seals.sealed("20260101-000000-000000000-cccc", told) | {"argv": a_job(mark)["argv"]}
    (path / "20260101-000000-000000000-cccc.json").write_text(json.dumps(changed))
    back = Jobs(Places(tmp_path / "runs"))
    back.tick()
    for job in back.all()[:3]:
        assert (job.state, job.ours) == ("waiting", False)
        assert "It is not started" in job.as_dict()["words"]
        assert back.stop(job.id).state == "stopped"
    assert jobs.get(mine.id).as_dict()["words"] is None
    assert not list(path.glob("*-aaaa.log"))
    assert not mark.exists()


def test_the_key_of_the_seals_is_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    seals._key.cache_clear()
    content = seals.sealed("a", {"argv": []})
    (key,) = tmp_path.iterdir()
    assert key.stat().st_mode & 0o077 == 0
    seals._key.cache_clear()
    assert seals.is_ours("a", content)
    # One that others can read is nobody's.
    key.chmod(0o644)
    seals._key.cache_clear()
    assert not seals.is_ours("a", content)
    seals._key.cache_clear()


def test_no_process_of_ours_takes_modules_from_the_folder_where_it_runs() -> None:
    starts = [(path, found) for path in SOURCES for found in re.findall(r"\[sys\.executable,.*", path.read_text())]
    assert len(starts) >= 8
    assert [(path, found) for path, found in starts if '"-P"' not in found] == []


def test_a_module_in_the_working_folder_is_not_that_of_a_command(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("open('ran', 'w').close()\n")
    argv = Command(name="predict", arguments=("--help",)).argv
    done = subprocess.run(argv, cwd=tmp_path, check=True, timeout=60, capture_output=True, text=True)
    assert "fer-predict" in done.stdout
    assert not (tmp_path / "ran").exists()
