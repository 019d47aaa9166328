import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fer.common.errors import ConfigError, DataError
from fer.tracking.record import Record, read_record
from fer.tracking.store import StoreAddress, TrackingError, default_uri, find_store, told


def found(folder: Path, record: Record | None = None, **asked: Any) -> StoreAddress:
    record = Record(folder, "key", []) if record is None else record
    return find_store(folder, record, **{"uri": None, "experiment": None, **asked})


def test_the_order_in_which_a_store_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "outputs" / "run"
    assert found(run).uri == f"sqlite:///{tmp_path}/outputs/mlflow.db"
    assert found(run, configured="http://configured").uri == "http://configured"
    record = Record(run, "key", [])
    record.place("http://before", "team")
    assert found(run, record, configured="http://configured") == StoreAddress(uri="http://before", experiment="team")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment")
    assert found(run, record).uri == "http://environment"
    assert found(run, record, uri="http://said", experiment="x") == StoreAddress(uri="http://said", experiment="x")


def test_a_database_that_is_gone_is_no_place_to_go_on_in(tmp_path: Path) -> None:
    run = tmp_path / "outputs" / "run"
    record = Record(run, "key", [])
    record.place(f"sqlite:///{tmp_path}/elsewhere/mlflow.db", "fer")
    assert found(run, record).uri == f"sqlite:///{tmp_path}/outputs/mlflow.db"


@pytest.mark.parametrize("marker", ["study.json", "sweep.json"])
def test_runs_of_a_study_or_sweep_share_the_database_beside_it(tmp_path: Path, marker: str) -> None:
    group = tmp_path / "studies" / "a"
    (group / "trials" / "0001").mkdir(parents=True)
    (group / marker).write_text("{}")
    beside = f"sqlite:///{tmp_path}/studies/mlflow.db"
    assert {default_uri(group), default_uri(group / "full"), default_uri(group / "trials" / "0001")} == {beside}


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns"])
def test_a_folder_as_store_is_refused_with_the_database_to_name(tmp_path: Path, uri: str) -> None:
    with pytest.raises(ConfigError, match=r"sqlite:///.*mlruns/mlflow\.db"):
        found(tmp_path, uri=uri)


@pytest.mark.parametrize("name", ["really?", "my%20runs", 'Jo\'s "best"', os.fsdecode(b"l\xe4ufe")])
def test_a_folder_that_no_address_can_name_is_refused_with_another_store(tmp_path: Path, name: str) -> None:
    run = tmp_path / name / "run"
    with pytest.raises(ConfigError, match=r"no MLflow address can hold.*MLFLOW_TRACKING_URI.*sqlite:///"):
        found(run)
    assert found(run, uri="http://said").uri == "http://said"


def test_a_password_is_not_shown() -> None:
    address = StoreAddress(uri="https://me:secret@host:5000/path", experiment="fer")
    assert address.shown == "https://host:5000/path"
    assert "secret" not in address.view


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = read_record(tmp_path)
    place = record.place("http://a", "fer")
    place.run_id, place.epochs = "1", 3
    record.place("http://b", "fer")
    record.save()
    again = read_record(tmp_path)
    assert (again.key, again.places) == (record.key, record.places)
    assert again.place("http://a", "fer").epochs == 3
    assert [each.uri for each in again.places] == ["http://b", "http://a"]


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"schema": 99}), json.dumps({"schema": 1, "key": "k"})])
def test_a_broken_record_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "tracking.json").write_text(content)
    with pytest.raises(DataError, match=r"tracking\.json"):
        read_record(tmp_path)


def test_a_folder_is_sent_by_one_process_at_a_time(tmp_path: Path) -> None:
    from fer.tracking.record import owned

    def enter(use: Callable[[], Any]) -> None:
        with use():
            pass

    with pytest.raises(ConfigError, match=r"^/proc/x cannot be written: .*; .* send a copy of the folder"):
        enter(lambda: owned(Path("/proc/x")))
    with owned(tmp_path), pytest.raises(ConfigError, match="by another process right now"):
        enter(lambda: owned(tmp_path))
    enter(lambda: owned(tmp_path))


def failing(address: StoreAddress, error: Exception) -> None:
    with told(address):
        raise error


def test_what_a_store_refuses_is_told_in_words() -> None:
    refused = OSError(errno.EROFS, os.strerror(errno.EROFS), "/ro/.lock")
    with pytest.raises(TrackingError, match=r"/ro/\.lock cannot be used: the disk is read-only; choose a place"):
        failing(StoreAddress(uri="sqlite:////ro/mlflow.db", experiment="fer"), refused)
    requests = pytest.importorskip("requests")
    # As MLflow passes it on.
    silent = OSError("API request to http://x failed with exception HTTPConnectionPool(host='x', port=80): ...")
    silent.__context__ = requests.exceptions.ConnectTimeout()
    with pytest.raises(TrackingError, match=r"at http://x: no server answers there; start it, or name another store;"):
        failing(StoreAddress(uri="http://x", experiment="fer"), silent)
