"""Downloads against a loopback server that speaks as much of the hubs' protocols as their clients need."""

import hashlib
import io
import json
import logging
import os
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
from support.fake_hub import COMMIT, Handler, Hub, parquet_like

from fer.common.errors import DataError, MissingExtraError
from fer.data.fetch import RECEIPT, REMOTES, fetch, read_receipt


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = Hub(url=f"http://127.0.0.1:{server.server_port}")
    server.hub = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", state.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("FER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setitem(__import__("kagglesdk.kaggle_env").kaggle_env._env_to_endpoint, _prod(), state.url)
    # Retries wait for a second or more each; the server does not change its mind.
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def _prod() -> object:
    from kagglesdk.kaggle_env import KaggleEnv

    return KaggleEnv.PROD


def test_fetch_gets_every_parquet_file_and_a_receipt(hub: Hub, tmp_path: Path) -> None:
    hub.files = {
        "README.md": b"hello",
        "data/train-00000-of-00001.parquet": parquet_like(1),
        "data/test.parquet": parquet_like(2),
    }
    folder = fetch("fer2013")
    assert folder == tmp_path / "data" / "fer2013"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    receipt = found.pop(RECEIPT)
    assert found == {name: data for name, data in hub.files.items() if name.endswith(".parquet")}
    assert json.loads(receipt) == read_receipt(folder)
    assert read_receipt(folder)["commit"] == COMMIT
    assert {file["path"]: file["sha256"] for file in read_receipt(folder)["files"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in found.items()
    }
    assert [path.name for path in folder.parent.iterdir()] == ["fer2013"]


def test_fetched_data_is_not_fetched_again(hub: Hub) -> None:
    hub.files = {"train.parquet": parquet_like(1)}
    folder = fetch("fer2013")
    hub.requests.clear()
    assert fetch("fer2013") == folder
    assert hub.requests == []


def test_changed_data_is_told_of(hub: Hub) -> None:
    hub.files = {"train.parquet": parquet_like(1)}
    folder = fetch("fer2013")
    (folder / "train.parquet").write_bytes(b"short")
    with pytest.raises(DataError, match=r"train.parquet is missing or was changed.*fetch again"):
        fetch("fer2013")


def test_other_origin_does_not_replace_what_is_there(hub: Hub) -> None:
    hub.files = {"default/train/0000.parquet": parquet_like(1)}
    fetch("fer2013")
    with pytest.raises(DataError, match=r"already holds AutumnQiu/fer2013.*--dest"):
        fetch("fer2013", origin="jeneral")


def test_converted_copies_come_from_the_conversion_branch(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"default/train/0000.parquet": parquet_like(1)}
    fetch("fer2013", origin="clip-benchmark", dest=tmp_path / "clip")
    assert (tmp_path / "clip" / "default" / "train" / "0000.parquet").is_file()
    assert "GET /api/datasets/clip-benchmark/wds_fer2013/revision/refs%2Fconvert%2Fparquet" in hub.requests


def test_interrupted_fetch_is_never_taken_for_whole_and_keeps_whole_files(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"test.parquet": parquet_like(2, 1_000), "train.parquet": parquet_like(1, 400_000)}
    hub.cut_after = 150_000
    with pytest.raises(DataError, match=r"cannot fetch AutumnQiu/fer2013 .*what arrived whole is kept") as error:
        fetch("fer2013")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data" / "fer2013").exists()
    hub.status, hub.cut_after = 200, None
    hub.requests.clear()
    folder = fetch("fer2013")
    assert (folder / "train.parquet").read_bytes() == hub.files["train.parquet"]
    assert [request for request in hub.requests if request.endswith("/test.parquet")] == []


def test_broken_connection_is_taken_up_where_it_broke(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    # The client counts whole chunks only, of 10 MB.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 50_000)
    hub.files = {"train.parquet": parquet_like(1, 400_000)}
    hub.cut_after, hub.down_after_cut = 150_000, False
    # Before its version 2 the client leaves the next attempt to whoever calls: two cuts, two refusals.
    for _ in range(0 if int(version("huggingface-hub").partition(".")[0]) >= 2 else 2):
        with pytest.raises(DataError, match="check the network and run the command again"):
            fetch("fer2013")
    assert (fetch("fer2013") / "train.parquet").read_bytes() == hub.files["train.parquet"]
    assert [int(wanted.removeprefix("bytes=").rstrip("-")) for wanted in hub.ranges] == [150_000, 300_000]


def test_damaged_download_is_refused_and_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"train.parquet": parquet_like(1)}
    hub.damaged = True
    with pytest.raises(DataError, match=r"train.parquet arrived damaged .*run the command again"):
        fetch("fer2013")
    assert not (tmp_path / "data" / "fer2013").exists()
    hub.damaged = False
    assert (fetch("fer2013") / "train.parquet").read_bytes() == hub.files["train.parquet"]


def test_files_of_an_older_revision_are_not_kept(hub: Hub, tmp_path: Path) -> None:
    stale = tmp_path / "data" / ".fer2013.partial" / "old" / "train.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    hub.files = {"data/train.parquet": parquet_like(1)}
    folder = fetch("fer2013")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        "data",
        "data/train.parquet",
        RECEIPT,
    ]


@pytest.mark.parametrize("status", [401, 404, 500])
def test_refusal_is_one_line(hub: Hub, status: int) -> None:
    hub.status = status
    with pytest.raises(DataError, match=r"^cannot fetch AutumnQiu/fer2013 from Hugging Face [^\n]*$"):
        fetch("fer2013")


@pytest.mark.parametrize("origin", ["autumnqiu", "kaggle"])
def test_no_server_is_one_line(hub: Hub, monkeypatch: pytest.MonkeyPatch, origin: str, tmp_path: Path) -> None:
    from kagglesdk import kaggle_env

    # Port 1 of the loopback: refused at once.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, "http://127.0.0.1:1")
    with pytest.raises(DataError, match=r"^cannot fetch [^\n]*check the network[^\n]*$"):
        fetch("fer2013", origin=origin)
    assert list((tmp_path / "data").iterdir()) == []


def test_data_set_without_parquet_files(hub: Hub) -> None:
    hub.files = {"README.md": b"moved"}
    with pytest.raises(DataError, match=r"has no parquet files any more: try another with --from"):
        fetch("fer2013")


def test_own_data_is_left_alone(hub: Hub, tmp_path: Path) -> None:
    mine = tmp_path / "data" / "fer2013" / "fer2013.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("emotion,pixels,Usage\n")
    with pytest.raises(DataError, match=r"exists and was not put there by fer-data fetch: use it as it is"):
        fetch("fer2013")
    assert mine.read_text() == "emotion,pixels,Usage\n"
    assert hub.requests == []


def test_second_fetch_at_once_is_refused(hub: Hub, tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "data").mkdir()
    with (
        FileLock(tmp_path / "data" / ".fer2013.partial.lock"),
        pytest.raises(DataError, match=r"another fer-data fetch is writing there"),
    ):
        fetch("fer2013")


@pytest.mark.parametrize(
    ("name", "origin", "message"),
    [
        ("fer2014", None, r"don't know where to fetch 'fer2014': known data sets are fer2013"),
        (
            "fer2013",
            "torrent",
            r"not to be had from 'torrent': choose one of autumnqiu, kaggle, jeneral, clip-benchmark",
        ),
        ("synthetic", None, r"synthetic faces are drawn, not fetched"),
    ],
)
def test_unknown_names_are_answered_with_the_known(name: str, origin: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fetch(name, origin=origin)


@pytest.mark.parametrize(("origin", "package"), [("autumnqiu", "huggingface_hub"), ("kaggle", "kagglehub")])
def test_missing_client_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs {package}: .*ferlab\[train\]"):
        fetch("fer2013", origin=origin, dest=tmp_path / "fer2013")


def test_unwritable_place_names_the_option(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write the data set to .*--dest"):
        fetch("fer2013", dest=tmp_path / "file" / "fer2013")


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_kaggle_copy_is_unpacked(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.kaggle_zip = zip_of({"train/happy/Training_1.jpg": b"one", "test/sad/PublicTest_2.jpg": b"two"})
    before = os.environ.get("KAGGLEHUB_CACHE")
    folder = fetch("fer2013", origin="kaggle")
    assert (folder / "train" / "happy" / "Training_1.jpg").read_bytes() == b"one"
    assert (folder / "test" / "sad" / "PublicTest_2.jpg").read_bytes() == b"two"
    assert read_receipt(folder)["version"] == "1"
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["fer2013"]
    assert os.environ.get("KAGGLEHUB_CACHE") == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("status", [401, 403])
def test_kaggle_refusal_says_how_to_get_a_token(hub: Hub, status: int) -> None:
    hub.status = status
    with pytest.raises(DataError, match=r"Kaggle refused msambare/fer2013 .*create a token, and set KAGGLE_API_TOKEN"):
        fetch("fer2013", origin="kaggle")


def test_a_handler_of_a_closed_output_hides_no_refusal(hub: Hub) -> None:
    """kagglehub keeps the standard output of its import, which a test runner or a notebook may have closed since."""
    closed = io.StringIO()
    handler = logging.StreamHandler(closed)
    closed.close()
    logger = logging.getLogger("kagglehub")
    logger.addHandler(handler)
    try:
        hub.status = 403
        with pytest.raises(DataError, match="create a token"):
            fetch("fer2013", origin="kaggle")
        assert handler in logger.handlers
    finally:
        logger.removeHandler(handler)


def test_kaggle_download_continues_after_an_interruption(hub: Hub, tmp_path: Path) -> None:
    hub.kaggle_zip = zip_of({"train/happy/Training_1.jpg": hashlib.shake_128(b"x").digest(3_000_000)})
    hub.cut_after = 2_000_000
    with pytest.raises(DataError, match=r"cannot fetch msambare/fer2013 from Kaggle"):
        fetch("fer2013", origin="kaggle")
    assert not (tmp_path / "data" / "fer2013").exists()
    hub.status, hub.cut_after = 200, None
    folder = fetch("fer2013", origin="kaggle")
    assert (folder / "train" / "happy" / "Training_1.jpg").stat().st_size == 3_000_000


def test_kaggle_answer_that_is_no_archive_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.kaggle_zip = b"<html>maintenance</html>"
    with pytest.raises(DataError, match=r"cannot fetch msambare/fer2013 from Kaggle \(ValueError: Unsupported archive"):
        fetch("fer2013", origin="kaggle")
    assert not (tmp_path / "data" / "fer2013").exists()


def test_kaggle_requests_have_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from requests.adapters import HTTPAdapter

    from fer.data.fetch import _bounded_requests

    seen: list[object] = []
    monkeypatch.setattr(HTTPAdapter, "send", lambda self, request, **options: seen.append(options.get("timeout")))
    patched = HTTPAdapter.send
    with _bounded_requests():
        HTTPAdapter().send(None)  # type: ignore[arg-type]
        HTTPAdapter().send(None, timeout=3)  # type: ignore[arg-type]
    assert seen == [(15.0, 30.0), 3]
    assert HTTPAdapter.send is patched


def test_every_origin_is_a_public_copy_with_a_form() -> None:
    for origins in REMOTES.values():
        for remote in origins.values():
            assert remote.repo.count("/") == 1
            assert remote.form
