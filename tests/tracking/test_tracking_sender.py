"""Stores that fail, and the process that must outlive them."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fer.tracking.record import read_record
from fer.tracking.sender import Sender, _end_late
from fer.tracking.store import StoreAddress, TrackingError, open_store, patience

Start = Callable[..., Any]
Runs = Callable[[], list[Any]]


@contextmanager
def server(behaviour: str) -> Iterator[str]:
    """A tracking server on loopback that answers 500, hangs, or hangs up."""
    free = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if behaviour == "hangs":
                free.wait(30)
            elif behaviour == "500":
                self.send_error(500, "out of order")
            self.close_connection = True

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            free.set()
            http.shutdown()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def sender(folder: Path, address: StoreAddress, **options: Any) -> Sender:
    settings = {"gone": threading.Event(), "linger": 0.0, **options}
    return Sender(folder=folder, record=read_record(folder), address=address, **settings)


@pytest.mark.parametrize("behaviour", ["500", "hangs", "hangs up"])
@pytest.mark.usefixtures("impatient")
def test_a_store_that_fails_is_remembered_and_the_sender_gives_up(fake_training: Start, behaviour: str) -> None:
    training = fake_training()
    training.epochs(0)
    training.finish()
    with server(behaviour) as uri:
        one = sender(training.path, StoreAddress(uri=uri, experiment="fer"))
        one.gone.set()
        assert one.run() == 1
    (place,) = read_record(training.path).places
    assert (place.state, place.epochs, place.run_id) == ("incomplete", 0, None)
    assert uri in str(place.error)


@pytest.mark.usefixtures("impatient")
def test_a_store_that_is_not_there_is_told_in_one_line() -> None:
    with pytest.raises(TrackingError, match=r"^MLflow at http://127\.0\.0\.1:9: ") as failure:
        open_store(StoreAddress(uri="http://me:secret@127.0.0.1:9", experiment="fer"))
    assert len(str(failure.value).splitlines()) == 1
    assert "secret" not in str(failure.value)


def test_what_a_dead_store_missed_goes_to_it_when_it_is_back(
    fake_training: Start, store: Any, runs_of: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = fake_training()
    training.epochs(0)
    one = sender(training.path, store.address)
    one.store = store
    real, calls = store.client.log_batch, []

    def dies(*args: Any, **kwargs: Any) -> None:
        calls.append(kwargs)
        if len(calls) > 2:
            raise ConnectionError("connection refused")
        real(*args, **kwargs)

    monkeypatch.setattr(store.client, "log_batch", dies)
    from fer.tracking.content import read_run

    assert not one._attempt(read_run(training.path, alive=True))
    assert one.failures == 1
    assert read_record(training.path).places[-1].state == "incomplete"
    monkeypatch.setattr(store.client, "log_batch", real)
    training.epochs(1)
    training.finish()
    one.gone.set()
    assert one.run() == 0
    (run,) = runs_of()
    assert run.info.status == "FINISHED"
    history = store.client.get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in history] == [0, 1]
    place = read_record(training.path).places[-1]
    assert (place.state, place.error, place.epochs) == ("complete", None, 2)


def test_the_sender_follows_a_run_and_closes_it_when_its_process_is_gone(
    fake_training: Start, store: Any, runs_of: Runs
) -> None:
    training = fake_training()
    training.epochs(0)
    one = sender(training.path, store.address, linger=30.0)
    thread = threading.Thread(target=one.run, daemon=True)
    thread.start()
    wait_for(lambda: runs_of() and "train/loss" in runs_of()[0].data.metrics)
    assert runs_of()[0].info.status == "RUNNING"
    one.gone.set()
    thread.join(20)
    (run,) = runs_of()
    assert run.info.status == "FAILED"
    assert run.data.tags["fer.error"] == "the training died without a word"


def test_the_sender_waits_for_a_report_only_while_its_command_lives(fake_training: Start) -> None:
    from fer.tracking.content import read_run
    from fer.tracking.sender import is_done

    training = fake_training(config={"report": True})
    training.finish()
    assert not is_done(read_run(training.path), gone=False)
    assert is_done(read_run(training.path), gone=True)
    (training.path / "report").mkdir()
    (training.path / "report" / "report.html").write_text("page")
    assert is_done(read_run(training.path), gone=False)


def test_the_senders_process_ends_well_though_that_of_the_training_lives_on(fake_training: Start, store: Any) -> None:
    training = fake_training()
    training.epochs(0)
    training.finish()
    command = [sys.executable, "-m", "fer.tracking.sender", str(training.path)]
    command += ["--experiment", store.address.experiment, "--uri", store.address.uri]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        # The pipe stays open: `communicate` would close it.
        status = process.wait(60)
        assert process.stderr is not None
        assert status == 0, process.stderr.read()
    assert read_record(training.path).places[-1].state == "complete"


def test_a_starved_sender_ends_by_its_deadline_and_not_before_the_training(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[int] = []
    monkeypatch.setattr("fer.tracking.sender.os._exit", ended.append)
    monkeypatch.setattr("fer.tracking.sender.PATIENCE", 0.1)
    gone = threading.Event()
    thread = threading.Thread(target=_end_late, args=(gone, 0.1), daemon=True)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    assert ended == []
    gone.set()
    thread.join(10)
    assert ended == [1]
    assert "`fer-track` sends what is missing" in caplog.text


@pytest.mark.parametrize(("load", "factor"), [(0.0, 1), (2.0, 1), (6.0, 3), (100.0, 4)])
def test_a_crowded_machine_gets_more_time(load: float, factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.tracking.store.os.cpu_count", lambda: 2)
    monkeypatch.setattr("fer.tracking.store.os.getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    assert patience(150.0) == factor * 150.0


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not tell who holds a file")
def test_a_database_that_another_process_holds_names_it_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.tracking.store._OPENING", 0.2)
    lock = tmp_path / ".mlflow.db.lock"
    holding = (
        f"import filelock; one = filelock.FileLock({str(lock)!r}); one.acquire(); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(TrackingError, match=f"held by process {process.pid} for .*end it where it is stuck"):
            open_store(StoreAddress(uri=f"sqlite:///{tmp_path / 'mlflow.db'}", experiment="fer"))
        process.communicate("")


def test_the_command_that_shows_a_run_can_be_pasted() -> None:
    address = StoreAddress(uri="sqlite:////home/a b/mlflow.db", experiment="fer")
    assert address.view == "mlflow ui --backend-store-uri 'sqlite:////home/a b/mlflow.db'"


@pytest.mark.slow
def test_four_processes_fill_one_new_database_at_once(fake_training: Start, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    trainings = [fake_training(f"run{number}") for number in range(4)]
    for training in trainings:
        training.epochs(*range(20))
        training.finish()
    command = [sys.executable, "-m", "fer.tracking.sender", "--experiment", "all", "--uri", uri]
    processes = [
        subprocess.Popen([*command, str(training.path)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for training in trainings
    ]
    complaints = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, complaints
    assert "locked" not in "".join(complaints)
    store = open_store(StoreAddress(uri=uri, experiment="all"))
    runs = store.client.search_runs([store.experiment_id])
    assert sorted(run.info.run_name for run in runs) == [f"run{number}" for number in range(4)]
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["500", "hangs"])
def test_a_training_ends_well_beside_a_store_that_does_not(tmp_path: Path, behaviour: str) -> None:
    from support.tiny import TINY

    run_dir = tmp_path / "run"
    arguments = [*TINY, "model=mlp", f"run_dir={run_dir}", "logger=mlflow", "logger.mlflow.wait_seconds=0"]
    with server(behaviour) as uri:
        done = subprocess.run(
            [sys.executable, "-c", "from fer.cli import train; train()", *arguments, f"logger.mlflow.uri={uri}"],
            capture_output=True,
            text=True,
            timeout=200,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads((run_dir / "manifest.json").read_text())["status"] == "finished"
    assert f"mlflow: 2 epochs and the final files not sent to {uri}" in done.stderr
    assert f"later: fer-track {run_dir}" in done.stderr


@pytest.mark.slow
def test_a_training_is_in_mlflow_when_its_command_ends(tmp_path: Path) -> None:
    from support.tiny import TINY

    run_dir, uri = tmp_path / "outputs" / "run", f"sqlite:///{tmp_path / 'outputs' / 'mlflow.db'}"
    arguments = [*TINY, "model=mlp", f"run_dir={run_dir}", "logger=mlflow", "logger.mlflow.wait_seconds=120"]
    done = subprocess.run(
        [sys.executable, "-c", "from fer.cli import train; train()", *arguments],
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert f"mlflow ui --backend-store-uri {uri}" in done.stderr
    store = open_store(StoreAddress(uri=uri, experiment="fer"))
    (run,) = store.client.search_runs([store.experiment_id])
    assert run.info.status == "FINISHED"
    assert len(store.client.get_metric_history(run.info.run_id, "valid/accuracy")) == 2
    assert not (run_dir / "tracking.log").exists()
    there = sorted(path.name for path in (tmp_path / "outputs").iterdir())
    assert there == [".mlflow.db.lock", "mlartifacts", "mlflow.db", "run"]


def wait_for(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
