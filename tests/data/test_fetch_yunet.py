"""`fer-data fetch yunet` against a loopback server: the published file, or none."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fer.common.errors import ConfigError, DataError
from fer.data import fetch_yunet
from fer.data.commands import main

CONTENT = hashlib.shake_128(b"a network").digest(232_589)


@dataclass
class Zoo:
    """What the server gives, and what it was asked for."""

    address: str = ""
    content: bytes = CONTENT
    status: int = 200
    length: int | None = None  # a Content-Length that is not kept
    requests: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        zoo: Zoo = self.server.zoo  # type: ignore[attr-defined]
        zoo.requests.append(self.path)
        self.send_response(zoo.status)
        self.send_header("Content-Length", str(len(zoo.content) if zoo.length is None else zoo.length))
        self.end_headers()
        self.wfile.write(zoo.content)


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Zoo]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held = Zoo(address=f"http://127.0.0.1:{server.server_port}/face.onnx")
    server.zoo = held  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch_yunet, "ADDRESS", held.address)
    monkeypatch.setattr(fetch_yunet, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    yield held
    server.shutdown()
    server.server_close()


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*"))


def test_the_command_fetches_once(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["fetch", "yunet", "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert Path(answer["file"]).read_bytes() == CONTENT
        assert answer["bytes"] == 232_589
    assert zoo.requests == ["/face.onnx"]
    assert left(tmp_path) == ["face_detection_yunet_2023mar.onnx"]


def test_another_file_is_refused_and_nothing_stays(zoo: Zoo, tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:8f23\nsize 232589\n"
    for content in (pointer, CONTENT[:-1], CONTENT * 9):
        zoo.content = content
        with pytest.raises(DataError, match="is not the published YuNet"):
            fetch_yunet.fetch_yunet()
    assert left(tmp_path) == []


def test_a_damaged_file_in_the_cache_is_fetched_anew(zoo: Zoo, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "face_detection_yunet_2023mar.onnx"
    path.parent.mkdir()
    path.write_bytes(b"half")
    assert fetch_yunet.fetch_yunet() == path
    assert path.read_bytes() == CONTENT


def test_what_goes_wrong_on_the_way_is_told(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo.status = 404
    with pytest.raises(DataError, match=r"cannot fetch YuNet .*Not Found.* or put face_detection"):
        fetch_yunet.fetch_yunet()
    zoo.status, zoo.length, zoo.content = 200, len(CONTENT), CONTENT[:1000]  # the connection breaks
    with pytest.raises(DataError, match=r"is not the published YuNet \(1,000 bytes"):
        fetch_yunet.fetch_yunet()
    monkeypatch.setattr(fetch_yunet, "ADDRESS", "http://127.0.0.1:9/face.onnx")
    with pytest.raises(DataError, match=r"cannot fetch YuNet .*refused.* check the network"):
        fetch_yunet.fetch_yunet()
    assert left(tmp_path) == []


def test_folders_and_origins_are_for_data_sets(zoo: Zoo) -> None:
    for option in (["--dest", "x"], ["--from", "kaggle"]):
        with pytest.raises(ConfigError, match="takes no --from and no --dest"):
            main(["fetch", "yunet", *option])
    assert zoo.requests == []
