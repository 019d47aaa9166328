"""waitress, set up so that nothing touches the disk and even its own refusals speak JSON."""

import contextlib
import json
import signal
import socket
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer, create_server
from waitress.task import ErrorTask

from fer.errors import ConfigError
from fer.runtime.web.security import HEADERS
from fer.runtime.web.settings import ServeSettings

MAX_CONNECTIONS = 64
IDLE_SECONDS = 15
"""A connection that sends nothing for so long is closed; waitress reads slow bodies without holding a worker."""

DRAIN_BYTES = 64 << 20
"""How much of a refused body is read and thrown away, so that its sender gets to read the refusal."""

_MESSAGES = {
    400: "this is not a well-formed HTTP request",
    413: "the body is larger than this server takes ({limit} bytes): send a smaller picture",
    431: "the request's headers are too long",
    501: "this transfer encoding is not supported",
}


class _JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """A request refused before it reaches the application, answered as the application answers."""

    def execute(self) -> None:
        error = self.request.error
        message = _MESSAGES.get(error.code, error.reason).format(
            limit=self.channel.server.adj.max_request_body_size - 1
        )
        body = json.dumps({"error": message}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", "application/json"), *HEADERS.items()])
        self.channel.refused = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that lingers after a refusal, as nginx's do.

    Closing while the sender is still sending would reset the connection, and the refusal would be lost with it. So it
    is only half closed, and what still comes is thrown away.
    """

    error_task_class = _JsonErrorTask
    refused = False
    _lingering = False
    _drained = 0

    def handle_close(self) -> None:
        if self.refused and not self._lingering and self.connected:
            self._lingering, self.will_close = True, False
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
            return
        super().handle_close()

    def readable(self) -> bool:
        return self._lingering or bool(super().readable())

    def writable(self) -> bool:
        # The server's own housekeeping sets will_close on a connection that is silent for too long.
        return self.will_close or (not self._lingering and bool(super().writable()))

    def handle_read(self) -> None:
        if not self._lingering:
            super().handle_read()
            return
        # At the end of the sender's data, recv itself closes.
        self._drained += len(self.recv(1 << 16))
        if self._drained > DRAIN_BYTES:
            super().handle_close()


def bind(app: Flask, *, host: str, port: int, settings: ServeSettings) -> TcpWSGIServer:
    """A server that listens, for `run_until_signal`; `effective_port` is its port (for port 0, the one found).

    Raises:
        ConfigError: the address is taken, not this computer's, or not to be had.
    """
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        # One thread more than places, so that somebody is there to say "busy".
        "threads": settings.concurrency + 2,
        "connection_limit": MAX_CONNECTIONS,
        "channel_timeout": IDLE_SECONDS,
        "cleanup_interval": 5,
        # waitress refuses a body of this size or more.
        "max_request_body_size": settings.max_body + 1,
        # Larger bodies and answers would go to a temporary file.
        "inbuf_overflow": settings.max_body + (1 << 16),
        "outbuf_overflow": 1 << 24,
        "max_request_header_size": 16384,
        "ident": None,
        "log_socket_errors": False,
    }
    try:
        server = create_server(app, **options)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"cannot listen on {host} port {port}: {reason}; try another --port") from error
    if not isinstance(server, TcpWSGIServer):
        server.close()
        raise ConfigError(f"--host={host} stands for several addresses: give one of them, such as 127.0.0.1")
    server.channel_class = _Channel
    return server


def run_until_signal(server: TcpWSGIServer) -> int:
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
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    return received[0]
