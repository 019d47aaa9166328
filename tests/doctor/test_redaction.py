"""What is kept or published holds no password, no token and nobody's name."""

from pathlib import Path

import pytest

from fer.common.environment import environment
from fer.common.redaction import Redaction, is_secret, without_credentials, without_names, word_without_secret


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("http://anna:secret@host:5000/a", "http://***@host:5000/a"),
        ("postgresql+psycopg2://u:p@ss@host/db and more", "postgresql+psycopg2://***@host/db and more"),
        ("https://token@host", "https://***@host"),
        ("from 'https://a:b@one' and \"https://c:d@two\"", "from 'https://***@one' and \"https://***@two\""),
        ("http://host/path?mail=a@b.example", "http://host/path?mail=a@b.example"),
        ("sqlite:///mlflow.db, anna@example.org", "sqlite:///mlflow.db, anna@example.org"),
    ],
)
def test_credentials_leave_addresses(text: str, clean: str) -> None:
    assert without_credentials(text) == clean


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("FER_SERVE_TOKEN", True),
        ("MLFLOW_TRACKING_PASSWORD", True),
        ("KAGGLE_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("FER_CACHE", False),
        ("MLFLOW_TRACKING_URI", False),
        ("KEYBOARD", False),
        ("PGPASSWORD", True),
        ("MYSQL_PWD", True),
        ("PWD", False),
        ("GITHUB_PAT", True),
        ("api_key", True),
        ("accessToken", True),
        ("AWSAccessKeyId", True),
        ("X-Amz-Signature", True),
        ("patience", False),
        ("monkey", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, secret: bool) -> None:
    assert is_secret(name) == secret


def test_secrets_in_the_query_of_an_address_leave_it() -> None:
    said = "mysql://a:b@host/db?user=anna&password=x1&ssl_key=/k.pem https://host/x?page=2&api-key=abc#top"
    assert without_credentials(said) == (
        "mysql://***@host/db?user=anna&password=***&ssl_key=*** https://host/x?page=2&api-key=***#top"
    )


def test_signatures_in_the_address_of_a_shared_file_leave_it() -> None:
    said = "https://host/a.zip?sv=2020&sig=Ab%3D https://host/b?X-Goog-Signature=abc&accessToken=d"
    told = "https://host/a.zip?sv=2020&sig=*** https://host/b?X-Goog-Signature=***&accessToken=***"
    assert without_credentials(said) == told


def test_no_secret_setting_stands_in_the_command_of_a_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["+logger.comet.api_key=abc", "logger.mlflow.uri=http://a:b@host", "data.root=a=b", "model=cnn"]
    monkeypatch.setattr("sys.argv", ["/bin/fer-train", *typed])
    told = "fer-train '+logger.comet.api_key=***' 'logger.mlflow.uri=http://***@host' data.root=a=b model=cnn"
    assert environment()["command"] == told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("model.options.class_token=false", "model.options.class_token=false"),
        ("data.params.low_pass=0.3", "data.params.low_pass=0.3"),
        ("++logger.comet.api_key=${oc.env:COMET}", "++logger.comet.api_key=${oc.env:COMET}"),
        ("++logger.comet.api_key=${oc.env:COMET,abcdefgh}", "++logger.comet.api_key=***"),
        ("+logger.own={_target_: a.B, api_key: abcdef12}", "+logger.own={_target_: a.B, api_key: ***}"),
        ("+logger.own={a: 1, api_key: '${oc.env:OWN}'}", "+logger.own={a: 1, api_key: '${oc.env:OWN}'}"),
        ("+logger.own={api_key: ${oc.env:OWN}, a: 1}", "+logger.own={api_key: ${oc.env:OWN}, a: 1}"),
        ('+logger.own={api_key: "ab, cd}ef", a: 1}', "+logger.own={api_key: ***, a: 1}"),
        ("model.options={class_token: false, a: 1}", "model.options={class_token: false, a: 1}"),
    ],
)
def test_a_command_repeats_the_run_but_for_its_secrets(typed: str, told: str) -> None:
    assert word_without_secret(typed) == told


def test_secret_values_leave_any_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "abcdef")
    monkeypatch.setenv("B_TOKEN", "abcdefgh")
    monkeypatch.setenv("C_TOKEN", "a")
    assert Redaction()("abcdefgh, abcdef and a.*") == "***, *** and a.*"


def test_of_a_user_without_a_home_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a container that runs under a number alone: then "~" stands for itself.
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert without_names("/srv/runs/a") == "/srv/runs/a"


def test_names_leave_paths_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "anna"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    said = f"{home}/runs/a, {home}, {home}2, /media/anna/disk, data.anna, C:\\Users\\anna\\x, /opt/annabel/x"
    assert without_names(said) == (
        f"~/runs/a, ~, {home}2, /media/USER/disk, data.anna, C:\\Users\\USER\\x, /opt/annabel/x"
    )


def test_of_a_user_whom_the_system_does_not_know_there_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that is run as another user: no HOME, no entry in the list of users."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert without_names("~/runs/a, /media/anna/disk") == "~/runs/a, /media/anna/disk"
