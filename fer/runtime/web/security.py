"""Which requests are let in, and the headers every response carries.

Other web pages open in the same browser can send requests to a server on this computer. Two checks keep them out: the
Host header must name this computer (against DNS rebinding, where a foreign name is pointed at 127.0.0.1), and a request
that a browser says another site made is refused (cross-site request forgery).
"""

import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from fer.common.errors import ConfigError

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "manifest-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The page loads its own files and shows pictures and videos that it made itself or was handed; nothing from elsewhere,
and no inline code."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every response, errors included."""


def host_is_ours(host: str, *, allowed: Iterable[str]) -> bool:
    """Whether a Host header ("name", "name:port", "[::1]:port") names this server.

    localhost (with its subdomains, which browsers resolve themselves) and IP addresses are: an address cannot be
    rebound. Any other name must be in `allowed`.
    """
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if name is None:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in {each.lower() for each in allowed}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def from_another_site(headers: Mapping[str, str], *, host: str) -> bool:
    """Whether a browser says that a page of another site made this request.

    Programs that are no browsers (curl, a script) send neither header and pass.

    Args:
        headers: the request's headers; `Sec-Fetch-Site` and `Origin` are read.
        host: the request's own Host header, which an `Origin` of this site names too.
    """
    if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = headers.get("Origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower()
    except ValueError:  # no address at all, such as "http://["
        return True


def is_strange(headers: Mapping[str, str], *, allowed_hosts: Iterable[str], token: str | None) -> bool:
    """Whether a request that asks for something is refused for its headers alone.

    Args:
        headers: of the request, by their usual names.
        allowed_hosts: see `host_is_ours`.
        token: what it has to carry; None for none.
    """
    host = headers.get("Host", "")
    known = token is None or token_matches(headers.get("Authorization", ""), token=token)
    return not (known and host_is_ours(host, allowed=allowed_hosts)) or from_another_site(headers, host=host)


SHORTEST_TOKEN: Final = 8


def check_token(token: str, *, named: str) -> None:
    """Refuses a token that could not be presented: browsers put nothing but ASCII into a header, and strip its ends.

    Args:
        token: what requests will have to carry.
        named: the option or variable that it was given by; the token itself is not told.

    Raises:
        ConfigError: it is too short, or has other characters.
    """
    if len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"{named} is shorter than {SHORTEST_TOKEN} characters: give a longer token, or none")
    if not (token.isascii() and token.isprintable() and token == token.strip()):
        raise ConfigError(
            f"{named} has characters that a header cannot carry: give letters, digits and signs of ASCII, "
            "without spaces at the ends"
        )


def token_matches(header: str, *, token: str) -> bool:
    """Whether an Authorization header carries the token; takes the same time wherever they differ."""
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
