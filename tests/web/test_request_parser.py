"""Requests that two programs could read in two ways are refused, and no line takes longer for being long."""

from __future__ import annotations

import pytest
import waitress.parser
from waitress.adjustments import Adjustments

from fer.runtime.web.request_parser import MAX_CHUNK_LINE, MAX_TRAILER, RequestParser

HOST = b"Host: localhost\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


def parsed(data: bytes, *, pieces: int = 8192) -> RequestParser:
    """The parser after some bytes, as they come from a socket."""
    parser = RequestParser(Adjustments(max_request_header_size=16384, max_request_body_size=1 << 20))
    while data and not parser.completed:
        data = data[parser.received(data[:pieces]) :]
    return parser


REFUSED = {
    "two lengths": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
    "the same length twice": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a length of 5000 digits": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a negative length": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "a signed length": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx",
    "length and chunks": b"POST /x HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two headers": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "chunked on a second line": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /x HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an empty encoding": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\nContent-Length: 1\r\n\r\nx",
    "a space before the colon": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a vertical tab": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "no chunk size": CHUNKED + b"zz\r\n\r\n",
    "a negative chunk size": CHUNKED + b"-5\r\nabc\r\n",
    "a chunk size with 0x": CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"2\r\nabcdef\r\n0\r\n\r\n",
    "an endless chunk size": CHUNKED + b"0" * 20_000,
    "an endless chunk extension": CHUNKED + b"1;" + b"x" * 20_000,
    "an endless trailer": CHUNKED + b"0\r\n" + b"X: y\r\n" * 4000,
    "no host": b"GET /x HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /x HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n",
    "half an IPv6 address": b"GET http://[ HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\n",
    "HTTP/0.9": b"GET /x\r\n\r\n",
    "no version": b"GET /x HTTP\r\n" + HOST + b"\r\n",
    "a small method": b"get /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the target": b"GET /x y HTTP/1.1\r\n" + HOST + b"\r\n",
    "a null byte": b"GET /x HTTP/1.1\r\n" + HOST + b"X: \0\r\n\r\n",
    "lines without CR": b"GET /x HTTP/1.1\nHost: localhost\n\n",
    "lines without LF": b"GET /x HTTP/1.1\rHost: localhost\r\r",
    "a TLS handshake": b"\x16\x03\x01\x00\xf1\x01\x00\x00\xed\x03\x03" + bytes(200),
    "JSON": b'{"method": "GET"}',
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("pieces", [1, 8192])
def test_what_is_malformed_or_ambiguous_is_refused(name: str, pieces: int) -> None:
    parser = parsed(REFUSED[name], pieces=pieces)
    assert parser.completed
    assert parser.error is not None
    assert parser.error.code == 400


@pytest.mark.parametrize("pieces", [1, 7, 8192])
def test_what_is_well_formed_passes(pieces: int) -> None:
    chunked = parsed(CHUNKED + b"2;ext=1\r\nab\r\n3\r\ncde\r\n0\r\nX: y\r\n\r\n", pieces=pieces)
    assert (chunked.completed, chunked.error) == (True, None)
    assert chunked.get_body_stream().read() == b"abcde"
    known = parsed(b"POST /x?y=1 HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nabcde", pieces=pieces)
    assert (known.completed, known.error, known.path, known.query) == (True, None, "/x", "y=1")
    assert known.get_body_stream().read() == b"abcde"
    old = parsed(b"\r\nGET /x HTTP/1.0\r\n\r\n", pieces=pieces)
    assert (old.completed, old.error, old.path) == (True, None, "/x")


def test_an_absolute_target_says_which_host_is_meant() -> None:
    parser = parsed(b"GET http://evil.example:80/x HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (parser.error, parser.path, parser.headers["HOST"]) == (None, "/x", "evil.example:80")


LONG = {
    "digits after a scheme": b"GET a://" + b"1" * 16_000 + b" x y\r\n\r\n",
    "spaces before a control character": b"GET / HTTP/1.1\r\n" + HOST + b"X:" + b" " * 16_000 + b"\x01\r\n\r\n",
}


@pytest.mark.parametrize("name", LONG)
def test_slow_patterns_never_see_lines_that_are_almost_right(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """8 kB of them kept the thread of all connections busy for 4.5 s, as each pattern tries every place again."""

    def reached(line: bytes) -> None:
        raise AssertionError(line[:40])

    monkeypatch.setattr(waitress.parser, "crack_first_line", reached)
    monkeypatch.setattr(waitress.parser, "get_header_lines", reached)
    parser = parsed(LONG[name])
    assert parser.error is not None
    assert parser.error.code == 400


def test_the_lines_of_a_chunked_body_are_bounded() -> None:
    extension = CHUNKED + b"1;" + b"x" * (MAX_CHUNK_LINE - 2)
    assert parsed(extension).error is None
    assert parsed(extension + b"x").error is not None
    trailer = CHUNKED + b"0\r\nX: " + b"x" * (MAX_TRAILER - 3)
    assert parsed(trailer).error is None
    assert parsed(trailer + b"x").error is not None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n\r\n", False),
        (b"POST /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", False),
        (b"POST /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", True),
    ],
)
def test_only_a_body_that_is_wanted_is_asked_for(data: bytes, expected: bool) -> None:
    parser = parsed(data)
    assert parser.expect_continue is expected
    assert parser.completed is not expected
