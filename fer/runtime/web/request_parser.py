"""HTTP/1.1 requests, read strictly: what two programs could read in two ways is refused."""

import re
from typing import Final

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest

MAX_CHUNK_LINE: Final = 256
"""Bytes of the line that tells a chunk's size."""

MAX_TRAILER: Final = 8192
"""Bytes of the headers after the last chunk."""

_REQUEST_LINE: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Z]+ [^ \t]+ HTTP/1\.[01]")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_METHOD_BYTES: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """waitress' parser behind checks of RFC 9112.

    - Message framing (sections 6.1 and 6.3): a request with Transfer-Encoding and Content-Length, with any transfer
      encoding but a single `chunked`, or with one in HTTP/1.0, is refused: a proxy in front could see its end elsewhere
      (request smuggling).
    - Host (section 3.2): exactly one in HTTP/1.1; that of an absolute target wins.
    - waitress' patterns take time with the square of the length of a line that is almost right (for 8 kB 4.5 s of the
      one thread that serves all connections); so such lines do not get there.
    - A TLS handshake, or lines that end without CR, will never be a request: refused with the first such byte.
    """

    def received(self, data: bytes) -> int:
        """Takes bytes; gives how many of them belong to this request."""
        consumed: int = super().received(data)
        if not self.completed:
            self._look_ahead()
        if self.completed:
            # A refusal, or a request without a body, is not to be continued; waitress would wait for more.
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Reads the request line and the headers.

        Raises:
            ParsingError: a request that is malformed or ambiguous.
        """
        first_line, _, header = header_plus.partition(b"\r\n")
        # waitress itself hands in the first line alone where the headers are too long.
        if _REQUEST_LINE.fullmatch(first_line) is None or _CONTROL.search(header_plus) is not None:
            raise ParsingError("not a request of HTTP/1.0 or HTTP/1.1")
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an address with half an IPv6 host, a length of thousands of digits
            raise ParsingError(str(error)) from error
        self._check_framing(header)
        if self.proxy_netloc:
            self.headers["HOST"] = self.proxy_netloc
        elif self.version == "1.1" and "," in self.headers.get("HOST", ","):
            raise ParsingError("one Host header is needed")

    def _check_framing(self, header: bytes) -> None:
        lines = (line.partition(b":") for line in header.split(b"\r\n"))
        encodings = [value.strip(b" \t").lower() for name, _, value in lines if name.lower() == b"transfer-encoding"]
        if not encodings:
            return
        if encodings != [b"chunked"] or self.version != "1.1" or "CONTENT_LENGTH" in self.headers:
            raise ParsingError("the end of the body is told in more than one way")

    def _look_ahead(self) -> None:
        """Refuses what can no longer become a request."""
        if self.body_rcv is None:
            begun = self.header_plus.lstrip(b"\r\n")
            if begun and (begun[0] not in _METHOD_BYTES or _BARE_LINE_END.search(begun) is not None):
                self._refuse("not a request of HTTP/1.0 or HTTP/1.1")
        elif self.chunked and (
            len(self.body_rcv.control_line) > MAX_CHUNK_LINE or len(self.body_rcv.trailer) > MAX_TRAILER
        ):
            self._refuse("a line of the chunked body is too long")

    def _refuse(self, reason: str) -> None:
        self.error = BadRequest(reason)
        self.completed = True
