"""A loopback server that speaks as much of the hubs' protocols as their clients need."""

import hashlib
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server has, what goes wrong on the way, and what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    kaggle_zip: bytes = b""
    status: int = 200
    cut_after: int | None = None  # bytes of a body after which the connection breaks
    down_after_cut: bool = True
    damaged: bool = False
    ranges: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def parquet_like(seed: int, size: int = 50_000) -> bytes:
    return b"PAR1" + hashlib.shake_128(bytes([seed])).digest(size) + b"PAR1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            if self.hub.cut_after is not None and len(body) > self.hub.cut_after:
                self.wfile.write(body[: self.hub.cut_after])
                self.wfile.flush()
                self.close_connection = True
                self.hub.status = 503 if self.hub.down_after_cut else 200
                return
            self.wfile.write(body)

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        hub.requests.append(f"{self.command} {path}")
        if hub.status != 200:
            self._answer(b'{"error": "no"}', status=hub.status, headers={"Content-Type": "application/json"})
        elif path.startswith("/api/datasets/") and "/resolve/" not in path:
            siblings = [
                {"rfilename": name, "size": len(data), "blobId": "b" * 40, "lfs": self._lfs(data)}
                for name, data in hub.files.items()
            ]
            info = {"id": "x/y", "sha": COMMIT, "siblings": siblings, "tags": [], "private": False, "downloads": 0}
            self._answer(json.dumps(info).encode(), headers={"Content-Type": "application/json"})
        elif "/resolve/" in path:
            name = path.split(f"/resolve/{COMMIT}/")[1]
            data = hub.files[name]
            headers = {
                "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
                "X-Repo-Commit": COMMIT,
                "Accept-Ranges": "bytes",
            }
            body = bytes(len(data)) if hub.damaged else data
            wanted = self.headers.get("Range")
            if wanted is not None:
                hub.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").split("-")[0])
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
                self._answer(body[start:], status=206, headers=headers)
            else:
                self._answer(body, headers=headers)
        elif path == "/zip":
            self._answer(hub.kaggle_zip, headers={"Accept-Ranges": "bytes"})
        else:
            self._answer(b"{}", status=404)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        hub = self.hub
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub.requests.append(f"POST {self.path}")
        if hub.status != 200:
            self._answer(
                b'{"code": 403, "message": "no"}', status=hub.status, headers={"Content-Type": "application/json"}
            )
        elif self.path.endswith("/GetDataset"):
            body = json.dumps({"currentVersionNumber": 1, "ref": "msambare/fer2013"}).encode()
            self._answer(body, headers={"Content-Type": "application/json"})
        elif self.path.endswith("/DownloadDataset"):
            self._answer(b"", status=302, headers={"Location": f"{hub.url}/zip"})
        else:
            self._answer(b"{}", status=404)

    @staticmethod
    def _lfs(data: bytes) -> dict[str, object]:
        return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
