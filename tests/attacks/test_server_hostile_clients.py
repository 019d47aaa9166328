"""A real server among clients that are slow, silent, rude or many: the next one is answered, and nothing stays.

FER_ATTACK_RESULTS names a file that gets a line of JSON an attack.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from support.server_process import Holdings, ServerProcess, fer_serve, jpeg, synthetic_picture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("quiet")]

HOST = b"Host: localhost\r\n"
PICTURE = b"POST /api/predict HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n"


@dataclass
class Attacked:
    """A server, what it held when nobody attacked it, and a picture for its good clients."""

    server: ServerProcess
    before: Holdings
    picture: bytes


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    if not Path("/proc/self/status").exists():
        pytest.skip("what a process holds is read from /proc, as Linux has it")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if wanted < 2500:
        pytest.skip(f"{hard} open files are too few for 1,000 connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    picture = jpeg(synthetic_picture(width=640, height=480, faces=[(170, 90, 300)]))
    try:
        with fer_serve(tmp_path_factory.mktemp("server"), "--rate", "1e6") as server:
            # Threads and buffers that stay are there once pictures were answered in all places.
            warm = [threading.Thread(target=lambda: [ask(server, picture) for _ in range(5)]) for _ in range(4)]
            for thread in warm:
                thread.start()
            for thread in warm:
                thread.join()
            time.sleep(1.0)
            yield Attacked(server, server.holdings(), picture)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ask(server: ServerProcess, picture: bytes) -> float:
    """Seconds until a good client has its answer about a picture."""
    begun = time.monotonic()
    while True:
        status, body = server.ask("POST", "/api/predict", picture, **{"Content-Type": "image/jpeg"})
        if status != 503:
            break
    assert status == 200, body
    return time.monotonic() - begun


def reset(peer: socket.socket) -> None:
    """Closes without a farewell: the other side gets a reset."""
    with contextlib.suppress(OSError):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def push(peer: socket.socket, data: bytes) -> None:
    """Sends, whether or not the server still listens."""
    with contextlib.suppress(OSError):
        peer.sendall(data)


def drained(peer: socket.socket, *, seconds: float) -> bytes | None:
    """All that comes until the server closes; None where it does not in time."""
    end, received = time.monotonic() + seconds, b""
    while True:
        peer.settimeout(max(0.01, end - time.monotonic()))
        try:
            chunk = peer.recv(65536)
        except TimeoutError:
            return None
        except OSError:
            return received
        if not chunk:
            return received
        received += chunk


@contextlib.contextmanager
def attack(attacked: Attacked, name: str) -> Iterator[list[float]]:
    """Within: seconds of good clients are added to the list; afterwards everything must have been given back."""
    good: list[float] = []
    yield good
    good.append(ask(attacked.server, attacked.picture))
    after = attacked.server.settled(attacked.before)
    result = {
        "attack": name,
        "good_clients": len(good),
        "slowest_ms": round(max(good) * 1000),
        "before": asdict(attacked.before),
        "after": asdict(after),
    }
    print(json.dumps(result))
    if "FER_ATTACK_RESULTS" in os.environ:
        with Path(os.environ["FER_ATTACK_RESULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
    assert after.descriptors <= attacked.before.descriptors
    assert after.threads <= attacked.before.threads
    assert attacked.server.log.read_text() == ""


def test_a_thousand_silent_connections(attacked: Attacked) -> None:
    with attack(attacked, "1,000 connections that send nothing") as good:
        silent = [attacked.server.connect() for _ in range(1000)]
        good += [ask(attacked.server, attacked.picture) for _ in range(5)]
        assert attacked.server.holdings().descriptors < 100
        closed = [drained(peer, seconds=60) for peer in silent]
        assert set(closed) == {b""}
        for peer in silent:
            peer.close()


@pytest.mark.parametrize("what", ["headers", "bodies"])
def test_one_byte_at_a_time(attacked: Attacked, what: str) -> None:
    with attack(attacked, f"60 {what}, one byte each quarter of a second") as good:
        peers = [attacked.server.connect() for _ in range(60)]
        if what == "bodies":
            for peer in peers:
                push(peer, PICTURE)
        sent = b"GET / HTTP/1.1\r\nX: " + b"x" * 1000 if what == "headers" else bytes(1000)
        for number in range(130):
            for peer in peers:
                push(peer, sent[number : number + 1])
            if number % 10 == 0:
                good.append(ask(attacked.server, attacked.picture))
            time.sleep(0.25)
        answers = [drained(peer, seconds=60) for peer in peers]
        # Some gave way to good clients; all others were told.
        assert None not in answers
        told = [answer for answer in answers if answer]
        assert all(answer.startswith((b"HTTP/1.0 408", b"HTTP/1.1 408")) for answer in told)
        assert len(told) > 20
        for peer in peers:
            peer.close()


def aborted(make: Callable[[socket.socket], None]) -> Callable[[Attacked], None]:
    def run(attacked: Attacked) -> None:
        for number in range(300):
            peer = attacked.server.connect()
            make(peer)
            reset(peer) if number % 2 else peer.close()

    return run


def unread(attacked: Attacked) -> None:
    """Many answers are asked for in one breath, and none is taken."""
    line = b"GET /page/js/main.js HTTP/1.1\r\n" + HOST + b"\r\n"
    peers = []
    for _ in range(60):
        peer = attacked.server.connect()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        push(peer, line * 180)
        peers.append(peer)
    time.sleep(5)
    for peer in peers:
        reset(peer)


def stalled(attacked: Attacked) -> None:
    """Almost all of 8 MiB from each; together they may hold 128 MiB, and some for buffers on the way."""
    head = PICTURE.replace(b"100000", str(8 << 20).encode())
    peers, largest = [], 0.0
    for _ in range(60):
        peer = attacked.server.connect()
        push(peer, head + bytes((8 << 20) - 1))
        peers.append(peer)
        largest = max(largest, attacked.server.holdings().rss)
    assert largest < attacked.before.rss + 128 + 64, largest
    for peer in peers:
        reset(peer)


def urgent(attacked: Attacked) -> None:
    """Out-of-band bytes, which a loop over connections may report without end."""
    peers = [attacked.server.connect() for _ in range(60)]
    for peer in peers:
        push(peer, b"GET / HT")
        with contextlib.suppress(OSError):
            peer.send(b"!", socket.MSG_OOB)
    assert [drained(peer, seconds=10) for peer in peers] == [b""] * 60
    for peer in peers:
        peer.close()


MALFORMED = (
    b"POST /api/predict HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 50\r\n\r\nabc",
    b"POST /api/predict HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"POST /api/predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"GET a://" + b"1" * 16_000 + b" x y\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"X:" + b" " * 16_000 + b"\x01\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\n" + HOST + b"\r\n",
    b"\x16\x03\x01\x00\xf1\x01\x00\x00\xed\x03\x03" + bytes(200),
)


def malformed(attacked: Attacked) -> None:
    """Each is refused, and what hides behind it is not answered."""
    for number in range(180):
        with attacked.server.connect() as peer:
            push(peer, MALFORMED[number % len(MALFORMED)] + b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            answer = drained(peer, seconds=60)
            assert answer is not None
            assert answer.count(b"HTTP/1.") == 1, answer[:300]
            assert answer.split()[1] in (b"400", b"431"), answer[:100]


def pipelined(attacked: Attacked) -> None:
    """1,000 requests on each of ten connections, without waiting for an answer."""
    asked = (b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n") * 1000

    def client() -> None:
        with attacked.server.connect() as peer:
            sender = threading.Thread(target=push, args=(peer, asked))
            sender.start()
            received, answer = b"", b'{"status":"ok"}'
            while received.count(answer) < 1000:
                chunk = peer.recv(65536)
                assert chunk, received[-300:]
                received += chunk
            sender.join()
            counts.append(received.count(b"HTTP/1.1 200 OK"))

    counts: list[int] = []
    threads = [threading.Thread(target=client) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1000] * 10


ATTACKS: dict[str, Callable[[Attacked], None]] = {
    "300 connections closed at once": aborted(lambda peer: None),
    "300 closed within the headers": aborted(lambda peer: push(peer, b"GET / HTTP/1.1\r\nHost: loc")),
    "300 closed within the body": aborted(lambda peer: push(peer, PICTURE + bytes(50_000))),
    "300 closed while the answer is written": aborted(
        lambda peer: push(peer, (b"GET /page/js/main.js HTTP/1.1\r\n" + HOST + b"\r\n") * 50)
    ),
    "60 that ask for 2.8 MB each and take nothing": unread,
    "60 that stop before the last byte of 8 MiB": stalled,
    "60 with urgent data, closed at once": urgent,
    "180 malformed, ambiguous or endless requests": malformed,
    "10 with 1,000 requests in one breath": pipelined,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_rude_clients(attacked: Attacked, name: str) -> None:
    with attack(attacked, name) as good:
        rude = threading.Thread(target=failing(ATTACKS[name], attacked, failures := []))
        rude.start()
        while rude.is_alive():
            good.append(ask(attacked.server, attacked.picture))
        assert failures == []


def failing(run: Callable[[Attacked], None], attacked: Attacked, failures: list[str]) -> Callable[[], None]:
    """The attack for a thread, whose failure must not be lost with it."""

    def guarded() -> None:
        try:
            run(attacked)
        except (AssertionError, OSError) as error:
            failures.append(repr(error))

    return guarded
