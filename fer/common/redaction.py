"""Secrets and names of people, taken out of text that is kept or passed on."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fer.common.paths import expanded

HIDDEN: Final = "***"
"""What stands where a secret was."""

_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s/?#'\"]+@")
"""`user:password@` or `token@` of an address."""

_QUERY: Final = re.compile(r"([?&]([\w.-]+)=)[^&#\s'\"]+")
"""`name=value` in the query of an address."""

_SECRET_WORDS: Final = frozenset(
    {"TOKEN", "PASSWORD", "PASSWD", "PWD", "PASS", "PASSPHRASE", "SECRET", "SECRETS", "KEY", "APIKEY", "CREDENTIAL"}
    | {"CREDENTIALS", "AUTH", "PAT", "COOKIE", "SIG", "SIGNATURE"}
)

_SECRET_ENDS: Final = ("PASSWORD", "PASSWD", "TOKEN", "SECRET", "APIKEY", "SSHPASS")
"""Of names whose words stand without a mark between them: PGPASSWORD."""

_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})
"""A shell's own variables."""

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""Of a name such as `accessToken`, `AWSAccessKeyId` or `HF_TOKEN`."""

_PAIR: Final = re.compile(
    r"([{,]\s*[\"']?([\w.-]+)[\"']?\s*:\s*)(\"[^\"]*\"|'[^']*'|\$\{[^{}]*\}|[^\s,{}\[\]][^,{}\[\]]*)"
)
"""`name: value` in a mapping on a command line."""

_HARMLESS: Final = re.compile(r"(?i)|null|true|false|[+-]?[\d.]{1,5}|\$\{[^{},]*\}")
"""Values that are no secrets whatever their names, as of nets' `class_token`: switches, small numbers, and places from
which a value is taken only when a command runs."""

_SHORTEST: Final = 6
"""Letters of the shortest value that is looked for in text: a shorter one would take harmless words out of it."""


def is_secret(name: str) -> bool:
    """Whether the value of a variable, of a setting or in an address is nobody else's business, by its name.

    `HF_TOKEN`, `KAGGLE_KEY`, `PGPASSWORD`, `api_key`, `accessToken`, `X-Amz-Signature`.
    """
    if name in _FOLDERS:
        return False
    words = {word.upper() for word in (*re.split(r"[\W_]+", name), *_WORDS.findall(name))}
    return not _SECRET_WORDS.isdisjoint(words) or any(word.endswith(_SECRET_ENDS) for word in words)


def secret_value(key: str, value: str) -> bool:
    """Whether a setting's value is a secret: its key, dotted or not, says so, and the value could be one."""
    return is_secret(key.rpartition(".")[2]) and not _HARMLESS.fullmatch(value)


def word_without_secret(word: str) -> str:
    """A word of a command line with `***` for what it sets where a key names a secret (`logger.comet.api_key=x`)."""
    key, equals, value = word.partition("=")
    if equals and is_secret(key.rpartition(".")[2]):
        return f"{key}={HIDDEN}" if secret_value(key, value) else word
    return without_credentials(_PAIR.sub(_pair_without_secret, word) if equals else word)


def _pair_without_secret(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}" if secret_value(found[2], found[3].strip().strip("\"'")) else found[0]


def without_userinfo(text: str) -> str:
    """The text with its addresses as they are without user and password."""
    return _CREDENTIALS.sub("", text)


def without_credentials(text: str) -> str:
    """The text with `***` for the user and the password of every address in it, and for the secrets of its query."""
    return _QUERY.sub(_without_secret, _CREDENTIALS.sub(f"{HIDDEN}@", text))


def _without_secret(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}" if is_secret(found[2]) else found[0]


class Redaction:
    """Takes out of text what must not be kept: credentials in addresses, and the environment's secret values.

    The environment is read once, here.
    """

    def __init__(self) -> None:
        secrets = {value for name, value in os.environ.items() if is_secret(name) and len(value) >= _SHORTEST}
        # The longest first: one secret may begin with another.
        longest_first = sorted(secrets, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """The text with `***` for each secret."""
        text = without_credentials(text)
        return text if self._secrets is None else self._secrets.sub(HIDDEN, text)


def without_names(text: str) -> str:
    """The text with `~` for the home folder, and `USER` for the user's name in any other path."""
    own = expanded("~")
    if not own.is_absolute():
        # A user whom the system does not know, as in a container: nobody's name is in any path.
        return text
    for home in _homes(own):
        text = re.sub(rf"(?<![\w.-]){re.escape(home)}(?![\w.-])", "~", text)
    name = own.name
    return re.sub(rf"(?<=[/\\]){re.escape(name)}(?=[/\\])", "USER", text) if name else text


def _homes(own: Path) -> Iterator[str]:
    """The home folder as it is named and as it resolves, the longer first; never the root of the file system."""
    homes = {str(own), str(own.resolve())}
    yield from sorted((home for home in homes if Path(home).parent != Path(home)), key=len, reverse=True)
