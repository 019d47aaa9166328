"""Other computers are let in only where somebody says so, and is told what that means."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from fer.common.errors import ConfigError
from fer.runtime.web import server
from fer.runtime.web.command import TOKEN_VARIABLE, main

Client = Callable[..., FlaskClient]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, stand_in: Any) -> list[dict[str, Any]]:
    """What servers would have been started with; none is, so that the tests open no door themselves."""
    calls: list[dict[str, Any]] = []

    def bind(app: Any, **options: Any) -> Any:
        calls.append(options)
        return SimpleNamespace(effective_port=8000, close=lambda: None)

    monkeypatch.setattr(server, "bind", bind)
    monkeypatch.setattr(server, "run_until_signal", lambda bound: 15)
    monkeypatch.setattr("fer.runtime.web.command.load_models", lambda given, **options: {"stand-in": stand_in()})
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    return calls


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "*", ""])
def test_no_door_is_opened_without_the_flag(started: list[dict[str, Any]], host: str) -> None:
    with pytest.raises(ConfigError, match="--host"):
        main(["--host", host])
    assert started == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_an_open_door_is_warned_of(
    started: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], host: str
) -> None:
    assert main(["--host", host, "--allow-remote"]) == 143
    warned = capsys.readouterr().err
    assert f"warning: {host} can be reached by other computers" in warned
    assert "--token" in warned
    assert "https" in warned
    assert started[0]["host"] == host


def test_a_token_quiets_half_of_the_warning(
    started: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "correct horse")
    assert main(["--host", "0.0.0.0", "--allow-remote"]) == 143
    told = capsys.readouterr()
    assert "warning: 0.0.0.0 can be reached" in told.err
    assert "--token" not in told.err
    assert "correct horse" not in told.err
    assert started[0]["settings"].token == "correct horse"


@pytest.mark.parametrize("arguments", [[], ["--allow-remote"], ["--host", "::1"], ["--host", "127.0.0.2"]])
def test_this_computer_alone_needs_no_warning(
    started: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 143
    assert "warning" not in capsys.readouterr().err
    assert started[0]["host"] in ("127.0.0.1", "::1", "127.0.0.2")


def test_a_refused_method_says_which_are_not(client: Client) -> None:
    answer = client().put("/api/predict")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "OPTIONS, POST"


def test_no_address_is_answered_with_another(client: Client) -> None:
    app = client()
    for path in ("/page//page.css", "/api//predict", "/healthz/", "/page/"):
        assert app.get(path).status_code == 404, path
