"""Clients that are slow, rude or many: the next well-behaved one is answered, and nothing of them stays."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from waitress.adjustments import Adjustments
from waitress.channel import ClientDisconnected

from fer.runtime.web import connection as connections
from fer.runtime.web import server as servers
from fer.runtime.web.connection import Connection
from fer.runtime.web.security import HEADERS

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

Serve = Callable[..., Any]
HOST = b"Host: localhost\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
PICTURE = b"POST /api/predict HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n"


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def until_closed(peer: socket.socket) -> bytes:
    """All that the server still sends."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := peer.recv(65536):
            received += chunk
    return received


def answer_of(peer: socket.socket) -> bytes:
    """The next answer, on a connection that stays open."""
    with peer.makefile("rb") as lines:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = lines.readline()
            assert line, head
            head += line
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return head + lines.read(int(length.partition(b":")[2]))


def healthy(port: int) -> bool:
    with connect(port) as peer:
        peer.sendall(HEALTH)
        return answer_of(peer).startswith(b"HTTP/1.1 200 OK")


@pytest.fixture
def graceless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection makes room as soon as it is there."""
    monkeypatch.setattr(servers, "GRACE_SECONDS", 0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, none that has come has gone without a request for too long."""
    monkeypatch.setattr(servers, "GRACE_SECONDS", 60)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late connections are looked for all the time."""
    monkeypatch.setattr(servers, "CLEANUP_SECONDS", 0)
    monkeypatch.setattr(Adjustments, "asyncore_loop_timeout", 0.05)


@pytest.mark.usefixtures("graceless")
def test_a_new_client_takes_the_place_of_the_longest_idle(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "MAX_CONNECTIONS", 8)
    with serve() as port:
        silent = [connect(port) for _ in range(30)]
        assert healthy(port)
        closed = [until_closed(peer) == b"" for peer in silent[:22]]
        assert all(closed)
        for peer in silent:
            peer.close()


@pytest.mark.usefixtures("graceless")
def test_sending_a_byte_now_and_then_earns_no_place(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "MAX_CONNECTIONS", 4)
    with serve() as port:
        dripping = [connect(port) for _ in range(4)]
        assert healthy(port)
        for peer in dripping[1:]:
            peer.sendall(b"G")
        asking = connect(port)
        asking.sendall(HEALTH)
        assert b"200 OK" in answer_of(asking)
        assert healthy(port)
        # It has been answered after the others came, so they went first.
        asking.sendall(HEALTH)
        assert b"200 OK" in answer_of(asking)
        for peer in [*dripping, asking]:
            peer.close()


class Crowd(NamedTuple):
    """A server with room for two: `working` is answered once `gate` opens, and the six `others` came after it."""

    working: socket.socket
    gate: threading.Event
    others: list[socket.socket]


@pytest.fixture
def crowd(serve: Serve, monkeypatch: pytest.MonkeyPatch, stand_in: Any, one_face: bytes) -> Iterator[Crowd]:
    monkeypatch.setattr(servers, "MAX_CONNECTIONS", 2)
    model = stand_in()
    model.gate = threading.Event()
    with serve(model) as port:
        working = connect(port)
        working.sendall(PICTURE.replace(b"1000", str(len(one_face)).encode()) + b"\r\n" + one_face)
        assert model.asked.wait(10)
        yield Crowd(working, model.gate, [connect(port) for _ in range(6)])


@pytest.mark.usefixtures("graceless")
def test_a_client_that_is_being_answered_keeps_its_place(crowd: Crowd) -> None:
    # The last of them takes the other place.
    assert all(until_closed(peer) == b"" for peer in crowd.others[:-1])
    crowd.gate.set()
    assert b"200 OK" in answer_of(crowd.working)
    for peer in [crowd.working, *crowd.others]:
        peer.close()


@pytest.mark.usefixtures("patient")
def test_clients_that_come_at_once_wait_for_each_other(crowd: Crowd) -> None:
    for peer in crowd.others:
        # Not its health, for which the model would be asked.
        peer.sendall(HEALTH.replace(b"/healthz", b"/api/models"))
        assert b"200 OK" in answer_of(peer)
        peer.close()
    crowd.gate.set()
    assert b"200 OK" in answer_of(crowd.working)
    crowd.working.close()


@pytest.mark.usefixtures("patient")
def test_who_asks_every_moment_holds_no_place_for_ever(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "MAX_CONNECTIONS", 2)
    with serve() as port:
        peers = [connect(port) for _ in range(2)]
        peers[1].sendall(HEALTH)
        assert b"\r\nConnection: close\r\n" in answer_of(peers[1])
        assert until_closed(peers[1]) == b""
        peers[0].sendall(HEALTH)
        assert b"\r\nConnection: close\r\n" not in answer_of(peers[0])
        assert healthy(port)
        for peer in peers:
            peer.close()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: loc", PICTURE, PICTURE + b"\r\n\xff\xd8"])
def test_a_request_that_takes_too_long_is_told_so(serve: Serve, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with serve() as port, connect(port) as peer:
        peer.sendall(begun)
        head, _, body = until_closed(peer).partition(b"\r\n\r\n")
        assert head.split()[1] == b"408"
        assert set(json.loads(body)) == {"error"}
        assert all(f"{name}: {value}".encode() in head for name, value in HEADERS.items())
        assert healthy(port)


@pytest.mark.usefixtures("hasty")
def test_a_request_that_stops_is_told_so_and_silence_is_closed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.2)
    with serve() as port, connect(port) as begun, connect(port) as silent:
        begun.sendall(b"GET / HT")
        assert until_closed(begun).split()[1] == b"408"
        assert until_closed(silent) == b""


@pytest.mark.usefixtures("hasty")
def test_a_large_body_may_take_its_time(serve: Serve, monkeypatch: pytest.MonkeyPatch, one_face: bytes) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.0)
    monkeypatch.setattr(connections, "BYTES_PER_SECOND", 10)
    with serve() as port, connect(port) as peer:
        peer.sendall(PICTURE.replace(b"1000", str(len(one_face)).encode()) + b"\r\n" + one_face[:-1])
        time.sleep(0.4)
        peer.sendall(one_face[-1:])
        assert b"200 OK" in answer_of(peer)


@pytest.mark.usefixtures("hasty")
def test_a_pause_between_requests_is_not_late(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    with serve() as port, connect(port) as peer:
        peer.sendall(HEALTH)
        assert b"200 OK" in answer_of(peer)
        time.sleep(0.8)
        peer.sendall(HEALTH)
        assert b"200 OK" in answer_of(peer)


@pytest.fixture
def channel() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection whose server is a stand-in, and its client's end."""
    ours, theirs = socket.socketpair()
    adjustments = Adjustments()
    server = SimpleNamespace(active_channels={}, adj=adjustments, pull_trigger=lambda: None, add_task=lambda task: None)
    made = Connection(server, ours, ("127.0.0.1", 1), adjustments, map={})
    yield made, theirs
    made.drop()
    theirs.close()


def test_an_answer_that_is_not_taken_is_given_up(
    channel: tuple[Connection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = channel
    made.write_soon(bytes(4 << 20))
    assert made.total_outbufs_len > 0
    made.give_up_if_late()
    assert not made.will_close
    monkeypatch.setattr(connections, "RESPONSE_SECONDS", -1.0)
    made.give_up_if_late()
    assert made.will_close


def test_a_worker_does_not_wait_for_ever_for_room(
    channel: tuple[Connection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client has asked for much in one breath and takes nothing: two of them would hold all quick threads."""
    made, _ = channel
    monkeypatch.setattr(made.adj, "outbuf_high_watermark", 1 << 20)
    made.received(HEALTH * 2)

    def write() -> None:
        with contextlib.suppress(ClientDisconnected):
            for _ in range(2):
                made.write_soon(bytes(4 << 20))

    worker = threading.Thread(target=write, daemon=True)
    worker.start()
    made.give_up_if_late()
    worker.join(0.2)
    assert worker.is_alive()
    assert made.connected
    monkeypatch.setattr(connections, "RESPONSE_SECONDS", -1.0)
    made.give_up_if_late()
    worker.join(5)
    assert not worker.is_alive()


def test_room_is_not_sought_for_ever_where_a_connection_is_ending(
    channel: tuple[Connection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beginning of a request behind a last one, whose response is not taken, cannot be refused any more."""
    made, _ = channel
    made.received(PICTURE + b"\r\n\xff\xd8")
    assert made.held_bytes == 2
    assert made.receiving
    made.close_when_flushed = True
    made.make_way()
    assert not made.receiving
    server = SimpleNamespace(active_channels={1: made}, adj=SimpleNamespace(max_request_body_size=0))
    monkeypatch.setattr(servers, "MAX_HELD_BYTES", 1)
    servers.Server.make_room(server)  # type: ignore[arg-type]


def test_a_worker_never_closes_under_the_feet_of_the_main_thread(channel: tuple[Connection, socket.socket]) -> None:
    """`Expect: 100-continue` behind another request is answered by a worker, when its client may have gone."""
    made, theirs = channel
    made.received(PICTURE + b"Expect: 100-continue\r\n")
    theirs.close()
    assert made.request is not None
    made.received(b"\r\n")
    assert made.socket is not None
    assert bytes(made.outbufs[-1].get(100)) == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_body_is_asked_for(serve: Serve, one_face: bytes) -> None:
    with serve() as port, connect(port) as peer:
        peer.sendall(PICTURE.replace(b"1000", str(len(one_face)).encode()) + b"Expect: 100-continue\r\n\r\n")
        assert peer.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(one_face)
        assert b"200 OK" in answer_of(peer)
        peer.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert answer_of(peer).startswith(b"HTTP/1.1 200 OK")


def test_urgent_data_closes_the_connection(serve: Serve) -> None:
    """It would wake the server again and again, and fill its log, for as long as the connection stays."""
    with serve() as port, connect(port) as peer:
        peer.sendall(b"GET / HT")
        peer.send(b"!", socket.MSG_OOB)
        assert until_closed(peer) == b""
        assert healthy(port)


def test_bodies_do_not_add_up(serve: Serve, monkeypatch: pytest.MonkeyPatch, one_face: bytes) -> None:
    """64 clients could send almost all of 8 MiB each, and wait."""
    monkeypatch.setattr(servers, "MAX_HELD_BYTES", 4 << 20)
    length = 2 << 20
    head = PICTURE.replace(b"1000", str(length).encode()) + b"\r\n"
    with serve(max_body=length) as port:
        peers = []
        for _ in range(4):
            peers.append(connect(port))
            peers[-1].sendall(head + one_face + bytes(length - 1 - len(one_face)))
        # Two of them fit; the first two had to make way.
        for peer in peers[:2]:
            refusal, _, body = until_closed(peer).partition(b"\r\n\r\n")
            assert refusal.split()[1] == b"503"
            assert b"Retry-After: 1" in refusal
            assert set(json.loads(body)) == {"error"}
        for peer in peers[2:]:
            peer.sendall(b"\0")
            assert b"200 OK" in answer_of(peer)
        for peer in peers:
            peer.close()


def test_nothing_behind_a_refused_request_is_answered(serve: Serve) -> None:
    two = b"POST /api/predict HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serve() as port, connect(port) as peer:
        peer.sendall(two + b"0\r\n\r\n" + HEALTH * 3)
        answer = until_closed(peer)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
        assert b"Connection: close" in answer
        assert b"eep-" not in answer


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("behind", [b"", b"GET / HT"])
def test_a_refused_client_is_not_listened_to_for_ever(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, behind: bytes
) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.2)
    with serve() as port, connect(port) as peer:
        peer.sendall(b"GET http://[ HTTP/1.1\r\n" + HOST + b"\r\n" + behind)
        assert until_closed(peer).count(b"HTTP/1.1 ") == 1
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):  # noqa: PT012 - which of them fails depends on time
            for _ in range(100):
                peer.sendall(b"x")
                time.sleep(0.1)


def test_requests_in_one_breath_are_answered_in_turn(serve: Serve) -> None:
    asked = [b"/healthz", b"/nothing", b"/page/icon.svg"] * 20
    with serve() as port, connect(port) as peer:
        for path in asked:
            peer.sendall(HEALTH.replace(b"/healthz", path))
        peer.shutdown(socket.SHUT_WR)
        answer = until_closed(peer)
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", answer)
    assert statuses == [b"200", b"404", b"200"] * 20


def test_clients_that_vanish_leave_nothing(serve: Serve, one_face: bytes) -> None:
    request = PICTURE.replace(b"1000", str(len(one_face)).encode()) + b"\r\n" + one_face
    with serve() as port:
        for sent in (b"", b"GET / HT", request[:100], request[:-1], request):
            peer = connect(port)
            peer.sendall(sent)
            # Closed with a reset instead of a farewell.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
        with connect(port) as peer:
            peer.sendall(request)
            assert b"200 OK" in answer_of(peer)
        assert healthy(port)
