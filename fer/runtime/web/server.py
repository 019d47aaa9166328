"""waitress, set up so that nothing touches the disk, nobody holds it up, and even its own refusals speak JSON."""

import signal
import time
from typing import Any, Final

from flask import Flask
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from fer.common.errors import ConfigError
from fer.runtime.web import security
from fer.runtime.web.connection import Connection
from fer.runtime.web.request_parser import RequestParser
from fer.runtime.web.settings import ServeSettings

MAX_CONNECTIONS: Final = 64
"""Connections at once. The one that has gone without a whole request for longest makes room for the next; where
none has for `GRACE_SECONDS`, those that are answered do."""

GRACE_SECONDS: Final = 1.0
"""One that was opened, or answered, no longer ago has hardly had the time to send a request, and makes no room yet: of
a hundred clients at once each would throw out the one before. New ones wait in the system's own queue meanwhile."""

MAX_HELD_BYTES: Final = 128 << 20
"""Bytes of bodies held at once; beyond, the request that has been arriving for longest is refused."""

CLEANUP_SECONDS: Final = 5
"""How often connections are looked at for being silent or late."""

QUICK_THREADS: Final = 2
"""Threads for all that is no picture of somebody who may ask, so that the page, /healthz and the refusals of strangers
never wait behind pictures."""

FINISH_SECONDS: Final = 5.0
"""How long responses that are being worked on may hold up the end."""


class Server(TcpWSGIServer):  # type: ignore[misc]
    """A server that stays open to new clients, however many sit on their connections."""

    channel_class = Connection

    def __init__(self, app: Flask, *, adjustments: Adjustments, settings: ServeSettings) -> None:
        self._settings = settings
        self._quick = ThreadedTaskDispatcher()
        super().__init__(app, adj=adjustments)
        self._quick.set_thread_count(QUICK_THREADS)

    def add_task(self, task: Connection) -> None:
        """Hands a connection's first request to a worker."""
        request = task.requests[0]
        quick = request.error is not None or request.command in ("GET", "HEAD") or self._is_of_a_stranger(request)
        (self._quick if quick else self.task_dispatcher).add_task(task)

    def _is_of_a_stranger(self, request: RequestParser) -> bool:
        """Whether the doors will refuse it (`fer.runtime.web.doors`), so that no picture is looked at."""
        headers = {name.replace("_", "-").title(): value for name, value in request.headers.items()}
        return security.is_strange(headers, allowed_hosts=self._settings.allowed_hosts, token=self._settings.token)

    @property
    def crowded(self) -> bool:
        """Whether a new connection has to wait until another one ends."""
        return len(self.active_channels) >= MAX_CONNECTIONS and self._longest_idle() is None

    def readable(self) -> bool:
        """Whether a new connection can be taken: not where each one at hand is being answered, or has just come."""
        return bool(super().readable()) and not self.crowded

    def handle_accept(self) -> None:
        """Takes a new connection, in the place of another where there are too many."""
        while len(self.active_channels) >= MAX_CONNECTIONS:
            idle = self._longest_idle()
            if idle is None:
                return
            idle.drop()
        super().handle_accept()

    def make_room(self) -> None:
        """Refuses requests that are on their way until what all connections hold fits; two bodies always do."""
        limit = max(MAX_HELD_BYTES, 2 * self.adj.max_request_body_size)
        while sum(each.held_bytes for each in self.active_channels.values()) > limit:
            receiving = [each for each in self.active_channels.values() if each.receiving]
            if not receiving:
                return
            min(receiving, key=lambda each: each.request_since).make_way()

    def finish(self, *, seconds: float) -> None:
        """Takes no new connection, and answers what has been asked, for so many seconds at most."""
        self.accepting = False
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(
            each.working or each.total_outbufs_len for each in self.active_channels.values()
        ):
            self.asyncore.loop(timeout=0.1, map=self._map, count=1)

    def stop_workers(self) -> None:
        """Ends the threads that answer; requests that still wait are dropped."""
        self.task_dispatcher.shutdown()
        self._quick.shutdown()

    def maintenance(self, now: float) -> None:
        """Gives up connections that are silent or too slow."""
        for connection in list(self.active_channels.values()):
            connection.give_up_if_late()

    def _longest_idle(self) -> Connection | None:
        since = time.monotonic() - GRACE_SECONDS
        # A list first, as workers ask too, while connections come and go.
        idle = [each for each in list(self.active_channels.values()) if not each.working and each.idle_since <= since]
        return min(idle, key=lambda each: each.idle_since, default=None)


def bind(app: Flask, *, host: str, port: int, settings: ServeSettings) -> Server:
    """A server that listens, for `run_until_signal`; `effective_port` is its port (for port 0, the one found).

    Raises:
        ConfigError: the address is taken, not this computer's, or not to be had.
    """
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        # Two threads more than slots, so that somebody is there to say "busy".
        "threads": settings.concurrency + 2,
        # Never reached: waitress would let new clients wait until an old one goes.
        "connection_limit": 16 * MAX_CONNECTIONS,
        "cleanup_interval": CLEANUP_SECONDS,
        # waitress refuses a body of this size or more.
        "max_request_body_size": settings.max_body + 1,
        # Larger bodies and responses would go to a temporary file.
        "inbuf_overflow": settings.max_body + (1 << 16),
        "outbuf_overflow": 1 << 24,
        "max_request_header_size": 16384,
        "ident": None,
        "log_socket_errors": False,
    }
    try:
        adjustments = Adjustments(**options)
        server = Server(app, adjustments=adjustments, settings=settings) if len(adjustments.listen) == 1 else None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"cannot listen on {host} port {port}: {reason}; try another --port") from error
    if server is None:
        raise ConfigError(f"--host={host} stands for several addresses: give one of them, such as 127.0.0.1")
    return server


def run_until_signal(server: Server) -> int:
    """Serves until SIGINT or SIGTERM, answers what it has begun, and gives the signal's number.

    waitress' own loop swallows what a signal handler raises while a connection is being read, and would serve on. So
    the handler only leaves a note, which is looked at twice a second.
    """
    received: list[int] = []
    previous = {
        signum: signal.signal(signum, lambda number, frame: received.append(number))
        for signum in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        while not received:
            server.asyncore.loop(timeout=0.5, map=server._map, count=1)
        server.finish(seconds=FINISH_SECONDS)
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    return received[0]
