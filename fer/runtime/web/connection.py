"""One client's connection: how long it may take, and how refusals reach it."""

import contextlib
import json
import logging
import socket
import time
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from fer.runtime.web.request_parser import RequestParser
from fer.runtime.web.security import HEADERS

IDLE_SECONDS: Final = 15
"""A connection that sends nothing, and takes nothing, for so long is closed."""

REQUEST_SECONDS: Final = 20
"""Seconds that a request may take to arrive, from its first byte; its body has more by `BYTES_PER_SECOND`."""

BYTES_PER_SECOND: Final = 16 << 10
"""A body that comes slower than this is given up (a picture of 8 MiB may take nine minutes)."""

RESPONSE_SECONDS: Final = 60
"""Seconds within which a client must have taken a response."""

DRAIN_BYTES: Final = 64 << 20
"""How much of a refused body is read and thrown away, so that its sender gets to read the refusal."""

_LOOK_BYTES: Final = 1 << 18
"""So much of a body must come before it is looked at what all connections hold."""

OUR_FAULT: Final = "fer-serve made a mistake; its own output has the details"

_MESSAGES: Final = {
    400: "this is not a well-formed HTTP request",
    408: "the request took too long to arrive",
    413: "the body is larger than this server takes ({limit} bytes): send a smaller picture",
    431: "the request's headers are too long",
    500: OUR_FAULT,
    501: "this transfer encoding is not supported",
    503: "busy with other pictures: try again at once",
}

logger = logging.getLogger(__name__)


class _RequestTimeout(Error):  # type: ignore[misc]
    code = 408
    reason = "Request Timeout"


class _Overloaded(Error):  # type: ignore[misc]
    code = 503
    reason = "Service Unavailable"


class _Task(WSGITask):  # type: ignore[misc]
    """A request that is answered whatever the application raises."""

    def execute(self) -> None:
        if self.channel.server.crowded:
            # Each has its turn: who asks again every moment would else hold a place for ever.
            self.request.headers["CONNECTION"] = "close"
        try:
            super().execute()
        except Exception:
            raise
        except BaseException as error:
            # waitress would log it, and leave the client waiting forever in a slot that is never given back.
            raise RuntimeError(f"the application raised {error!r}") from error


class _Refusal(ErrorTask):  # type: ignore[misc]
    """A request refused before it reaches the application, answered as the application answers."""

    def execute(self) -> None:
        error = self.request.error
        limit = self.channel.server.adj.max_request_body_size - 1
        message = _MESSAGES.get(error.code, error.reason).format(limit=limit)
        body = json.dumps({"error": message}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", "application/json"), *HEADERS.items()])
        if error.code == _Overloaded.code:
            self.response_headers.append(("Retry-After", "1"))
        self.channel.refused = True
        # However the client wants to go on.
        self.request.headers.pop("CONNECTION", None)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Connection(HTTPChannel):  # type: ignore[misc]
    """A connection with deadlines, that lingers after a refusal, as nginx's do.

    Closing while the sender is still sending would reset the connection, and the refusal would be lost with it. So it
    is only half closed, and what still comes is thrown away.

    Attributes:
        idle_since: when it was opened, or its last request was answered; seconds, monotonic. What arrives of the next
            request does not count, or clients could stay for ever by sending a byte now and then.
        request_since: when the request that is on its way began to arrive; seconds, monotonic.
        refused: whether its last request was.
    """

    task_class = _Task
    error_task_class = _Refusal
    parser_class = RequestParser
    request: RequestParser | None
    requests: list[RequestParser]
    will_close: bool
    close_when_flushed: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.idle_since = self.request_since = time.monotonic()
        self.refused = self._lingering = False
        self._drained = 0
        super().__init__(*arguments, **options)

    @property
    def working(self) -> bool:
        """Whether a whole request waits for its response."""
        return bool(self.requests)

    @property
    def receiving(self) -> bool:
        """Whether it is in the middle of a request, and of nothing else: such a request can be refused."""
        ending = self._lingering or self.will_close or self.close_when_flushed
        return self.request is not None and not self.working and not ending

    @property
    def held_bytes(self) -> int:
        """Bytes of bodies that are on their way or wait for their response."""
        requests = [*self.requests, *([] if self.request is None else [self.request])]
        return sum(each.body_bytes_received for each in requests if each.error is None)

    def give_up_if_late(self) -> None:
        """Closes what is silent, refuses a request that takes too long to arrive or a response that is not taken."""
        now = time.monotonic()
        silent = time.time() - self.last_activity > IDLE_SECONDS
        if self.working:
            # Many requests in one breath, and no response taken: the worker would wait for room for ever.
            full = self.total_outbufs_len > self.adj.outbuf_high_watermark
            if full and (silent or now - self.idle_since > RESPONSE_SECONDS):
                self.drop()
        elif self.total_outbufs_len:
            self.will_close = self.will_close or silent or now - self.idle_since > RESPONSE_SECONDS
        elif self.receiving and self.request is not None:
            allowed = REQUEST_SECONDS + self.request.body_bytes_received / BYTES_PER_SECOND
            if silent or now - self.request_since > allowed:
                self._give_up(_RequestTimeout("too slow"))
        elif silent:
            self.will_close = True

    def make_way(self) -> None:
        """Refuses the request that is on its way, for want of room."""
        self._give_up(_Overloaded("no room"))

    def drop(self) -> None:
        """Closes at once, whatever it was about."""
        super().handle_close()

    def received(self, data: bytes) -> bool:
        """Takes bytes; hands whole requests to the workers."""
        before, held = self.request, self.held_bytes
        taken = bool(super().received(data))
        if before is None or self.request is not before:
            self.request_since = time.monotonic()
        if self.held_bytes // _LOOK_BYTES > held // _LOOK_BYTES:
            self.server.make_room()
        return taken

    def service(self) -> None:
        """Answers the first request; in a worker's thread."""
        super().service()
        self.idle_since = self.request_since = time.monotonic()

    def send_continue(self) -> None:
        """Answers `Expect: 100-continue`.

        waitress sends it here, and closes a connection that fails from within a worker's thread, under the feet of the
        thread that waits for all of them. So it is only put down, and that thread sends it.
        """
        assert self.request is not None
        self.request.expect_continue = self.request.completed = False
        told = b"HTTP/1.1 100 Continue\r\n\r\n"
        with self.outbuf_lock:
            self.outbufs[-1].append(told)
            self.current_outbuf_count += len(told)
            self.total_outbufs_len += len(told)
            self.sent_continue = True
        self.server.pull_trigger()

    def handle_close(self) -> None:
        """Closes; after a refusal its own half alone."""
        if self.refused and not self._lingering and self.connected:
            self._lingering, self.will_close = True, False
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
            return
        super().handle_close()

    def handle_expt(self) -> None:
        """Closes on urgent data (RFC 6093), which no HTTP client sends and which would be reported without end."""
        self.drop()

    def readable(self) -> bool:
        """Whether what comes is to be read."""
        return self._lingering or bool(super().readable())

    def writable(self) -> bool:
        """Whether there is anything to send, or to close."""
        # The server's own housekeeping sets will_close on a connection that is silent for too long.
        return self.will_close or (not self._lingering and bool(super().writable()))

    def handle_read(self) -> None:
        """Reads what came."""
        if not self._lingering:
            super().handle_read()
            return
        # At the end of the sender's data, recv itself closes.
        self._drained += len(self.recv(1 << 16))
        if self._drained > DRAIN_BYTES:
            self.drop()

    def _give_up(self, error: Error) -> None:
        with self.requests_lock:
            if self.request is None or self.will_close or self.close_when_flushed:
                return
            self.request.error, self.request.completed = error, True
            self.requests.append(self.request)
            self.request = None
        self.server.add_task(self)
