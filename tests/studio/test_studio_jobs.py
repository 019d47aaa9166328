"""The queue: commands run in turn, outlive the studio, and end as it is told."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fer.common.errors import ConfigError
from fer.common.files import read_json, write_json
from fer.common.process_identity import _identity_of_ps, ask_to_stop, identity
from fer.common.processes import cores
from fer.studio import supervise, turn
from fer.studio.jobs import Job, Jobs
from fer.studio.places import Places

SAYS = "print('hello')"
SLEEPS = "import time; print('up', flush=True); time.sleep(120)"
SAVES = """
import signal, sys, time
def saved(*_):
    print('saved', flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, saved)
print('up', flush=True)
time.sleep(120)
"""


@pytest.fixture
def jobs(root: Path) -> Iterator[Jobs]:
    made = Jobs(Places(root))
    yield made
    for job in made.all():
        if job.state in ("waiting", "running"):
            made.stop(job.id)


def ask(jobs: Jobs, code: str, *, about: str = "a") -> Job:
    return jobs.add("train", argv=[sys.executable, "-c", code], shown="fer-train", about=[about], lane="train")


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def state(jobs: Jobs, job: Job) -> str:
    jobs.tick()
    return jobs.get(job.id).state


def test_a_command_ends_as_its_exit_status_says(jobs: Jobs) -> None:
    jobs.set_at_once(cores())
    fine, wrong = ask(jobs, SAYS), ask(jobs, "import sys; print('error: no', file=sys.stderr); sys.exit(2)")
    until(lambda: state(jobs, fine) == "finished" and state(jobs, wrong) == "failed")
    assert jobs.get(wrong.id).code == 2
    assert jobs.output(fine.id) == "hello\n"
    assert jobs.output(wrong.id) == "error: no\n"


def test_what_is_asked_to_stop_saves_first(jobs: Jobs) -> None:
    job = ask(jobs, SAVES)
    until(lambda: "up" in jobs.output(job.id))
    jobs.stop(job.id)
    until(lambda: state(jobs, job) == "stopped")
    assert jobs.get(job.id).code == 143
    assert "saved" in jobs.output(job.id)


def test_trainings_wait_for_their_turn_and_can_be_taken_out(jobs: Jobs) -> None:
    first, second, third = ask(jobs, SLEEPS), ask(jobs, SAYS), ask(jobs, SAYS)
    assert [state(jobs, job) for job in (first, second, third)] == ["running", "waiting", "waiting"]
    # What is short does not wait for trainings.
    report = jobs.add("report", argv=[sys.executable, "-c", SAYS], shown="fer-report", about=["a"])
    until(lambda: state(jobs, report) == "finished")
    assert jobs.stop(second.id).state == "stopped"
    until(lambda: "up" in jobs.output(first.id))
    jobs.stop(first.id)
    until(lambda: state(jobs, third) == "finished")
    assert jobs.get(second.id).started is None


def test_a_studio_that_comes_back_finds_what_runs_and_goes_on_with_the_queue(jobs: Jobs, root: Path) -> None:
    running, waiting = ask(jobs, SAVES), ask(jobs, SAYS)
    until(lambda: "up" in jobs.output(running.id))
    back = Jobs(Places(root))
    assert [job.state for job in back.all()] == ["running", "waiting"]
    back.stop(running.id)
    until(lambda: state(back, waiting) == "finished")
    assert back.get(running.id).state == "stopped"


def test_two_studios_start_no_command_twice(jobs: Jobs, root: Path, tmp_path: Path) -> None:
    other = Jobs(Places(root))
    count = tmp_path / "count"
    job = ask(jobs, f"open({str(count)!r}, 'a').write('x')")
    until(lambda: state(other, job) == "finished" and state(jobs, job) == "finished")
    assert count.read_text() == "x"


def test_a_studio_that_is_killed_while_it_starts_a_job_leaves_it_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"argv": ["tr'))
    assert supervise.main(tmp_path / "a.json") != 0
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().err == ""


def test_what_is_asked_for_while_the_same_is_being_stopped_is_begun_anew_after_it(jobs: Jobs, tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = f"""
import pathlib, signal, sys, time
order = pathlib.Path({str(order)!r})
def saved(*_):
    time.sleep(0.5)
    order.write_text("saved")
    sys.exit(143)
signal.signal(signal.SIGTERM, saved)
print('up', flush=True)
if order.exists():
    order.write_text(order.read_text() + ", then again")
else:
    time.sleep(120)
"""

    def audit() -> Job:
        return jobs.once("audit", argv=[sys.executable, "-c", code], shown="fer-data audit", about=["a"])

    first = audit()
    until(lambda: "up" in jobs.output(first.id))
    assert audit().id == first.id
    assert jobs.stop(first.id).stopping
    second = audit()
    assert second.id != first.id
    assert second.state == "waiting"
    # One is asked for, however often.
    assert audit().id == second.id
    until(lambda: state(jobs, second) == "finished")
    assert jobs.get(first.id).state == "stopped"
    assert order.read_text() == "saved, then again"


def test_of_two_computers_one_works_the_queue_off_and_the_other_says_so(
    jobs: Jobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Places(root).turn
    write_json(there, {"host": "laboratory", "pid": 1, "began": "never", "beat": time.time()})
    job = ask(jobs, SAYS)
    assert job.state == "waiting"
    assert jobs.trouble is not None
    assert jobs.trouble.startswith("fer-studio on laboratory works off the queue of this folder")
    # It still says so.
    monkeypatch.setattr(turn, "_SILENT", 0.2)
    time.sleep(0.3)
    write_json(there, {"host": "laboratory", "pid": 1, "began": "never", "beat": time.time()})
    assert state(jobs, job) == "waiting"
    # It has gone, whatever its file says: nobody is locked out.
    until(lambda: state(jobs, job) == "finished")
    assert jobs.trouble is None
    assert read_json(there)["pid"] == os.getpid()
    jobs.close()
    assert not there.exists()


def test_what_runs_on_another_computer_is_at_work_as_long_as_that_says_so(jobs: Jobs, root: Path) -> None:
    job = ask(jobs, SLEEPS)
    told = Places(root).jobs / f"{job.id}.run"
    until(told.is_file)
    here = told.read_text()
    write_json(told, {"host": "laboratory", "pid": 2**22 + 1, "began": "1", "started": time.time()})
    other = Jobs(Places(root))
    assert other.get(job.id).as_dict()["words"] == "It runs on laboratory: stop it there."
    with pytest.raises(ConfigError, match="fer-train runs on laboratory: stop it there"):
        other.stop(job.id)
    os.utime(told, (0, time.time() - 600))
    assert other.get(job.id).state == "lost"
    # A clock that was days ahead says nothing either, and would hold the queue up for days.
    os.utime(told, (0, time.time() + 86_400))
    assert other.get(job.id).state == "lost"
    told.write_text(here)


def test_a_command_at_work_says_so_to_other_computers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_EVERY", 0.05)
    begun = tmp_path / "a.run"
    begun.touch()
    os.utime(begun, (0, 0))
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"])
    assert supervise._ended(child, begun) == 0
    assert begun.stat().st_mtime > 0


def test_a_process_that_was_killed_without_notice_is_told(jobs: Jobs, root: Path) -> None:
    import json

    job = ask(jobs, SLEEPS)
    path = Places(root).jobs / f"{job.id}.run"
    until(lambda: "up" in jobs.output(job.id))
    # A studio that did not start it cannot ask its parent either.
    os.killpg(json.loads(path.read_text())["pid"], signal.SIGKILL)
    back = Jobs(Places(root))
    until(lambda: state(back, job) == "lost")


@pytest.mark.parametrize(
    ("suffix", "content"), [("run", '{"pid": 1}'), ("run", '{"pid": "?", "began": ""}'), ("end", '{"code": null}')]
)
def test_a_job_whose_files_say_something_else_does_not_stop_the_queue(
    jobs: Jobs, root: Path, suffix: str, content: str
) -> None:
    fine = ask(jobs, SAYS)
    told = Places(root).jobs / f"{fine.id}.json"
    broken = told.with_name("20250101-000000-000000000-abcd.json")
    broken.write_bytes(told.read_bytes())
    broken.with_suffix(f".{suffix}").write_text(content)
    until(lambda: state(jobs, fine) == "finished")
    assert [job.id for job in jobs.all()] == [fine.id]


def test_a_job_that_has_not_said_yet_who_does_it_is_to_be_stopped_in_a_moment(jobs: Jobs, root: Path) -> None:
    job = ask(jobs, SLEEPS)
    told = Places(root).jobs / f"{job.id}.run"
    until(told.is_file)
    aside = told.rename(told.with_suffix(".aside"))
    with pytest.raises(ConfigError, match="only just being started: stop it in a moment"):
        jobs.stop(job.id)
    aside.rename(told)
    jobs.stop(job.id)
    until(lambda: state(jobs, job) in ("stopped", "lost"))


def test_a_number_that_another_process_has_now_is_not_taken_for_the_job() -> None:
    began = identity(os.getpid())
    assert began is not None
    ask_to_stop(os.getpid(), began + "1")
    assert identity(2**22 + 1) is None


@pytest.mark.skipif(shutil.which("ps") is None, reason="no ps")
def test_a_process_keeps_its_identity_in_another_place_and_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `ps` tells it, in a time of day: a laptop that travels."""
    told = []
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        monkeypatch.setenv("TZ", zone)
        told.append(_identity_of_ps(os.getpid()))
    assert told[0] == told[1] is not None


@pytest.mark.parametrize("count", [0, 10_000])
def test_no_more_trainings_at_a_time_than_cores(jobs: Jobs, count: int) -> None:
    with pytest.raises(ConfigError, match="the cores of this machine"):
        jobs.set_at_once(count)


def test_a_command_that_is_not_there_fails_with_a_sentence(jobs: Jobs) -> None:
    job = jobs.add("train", argv=["/no/such/program"], shown="x", about=["a"], lane="train")
    until(lambda: state(jobs, job) == "failed")
    assert "error: /no/such/program cannot be started" in jobs.output(job.id)


def test_what_comes_after_others_waits_for_all_of_them(jobs: Jobs, tmp_path: Path) -> None:
    jobs.set_at_once(cores())
    order = tmp_path / "order"
    write = f"open({str(order)!r}, 'a').write('%s')"
    first = ask(jobs, "import time; time.sleep(0.5); " + write % "a")
    second = jobs.add("list", argv=[sys.executable, "-c", write % "b"], shown="b", about=["a"], after=[first.id])
    assert second.state == "waiting"
    until(lambda: state(jobs, second) == "finished")
    assert order.read_text() == "ab"


def test_what_comes_after_one_that_failed_is_not_started_and_says_why(jobs: Jobs) -> None:
    fine, wrong = ask(jobs, SAYS), ask(jobs, "import sys; sys.exit(2)")
    after = jobs.add("list", argv=[sys.executable, "-c", SAYS], shown="b", about=["a"], after=[fine.id, wrong.id])
    until(lambda: state(jobs, after) == "failed")
    assert jobs.output(after.id) == (
        "error: not started, for 1 of the 2 before it did not finish: go on with that one, then ask again\n"
    )
