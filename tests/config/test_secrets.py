"""A configuration that is kept, compared and sent without the secrets of its loggers."""

import pytest

from fer.common.errors import ConfigError
from fer.config.saved import changed_settings
from fer.config.secrets import refuse_hidden, settings_without_secrets, without_secrets

TREE = {
    "run_dir": "runs/a",
    "model": {"name": "vit", "params": {"class_token": "averaged"}},
    "logger": {
        "mlflow": {"uri": "https://ann:pa55word@tracking.example/api", "experiment": "faces"},
        "own": {"api_key": "abcdef123", "hosts": [{"authToken": "t0k3n-t0k3n"}], "token": None, "retries": 3},
    },
}


def test_secrets_of_loggers_are_left_out() -> None:
    kept = without_secrets(TREE)
    assert {**kept, "logger": None} == {**TREE, "logger": None}
    assert kept["logger"] == {
        "mlflow": {"uri": "https://tracking.example/api", "experiment": "faces"},
        "own": {"api_key": "***", "hosts": [{"authToken": "***"}], "token": None, "retries": 3},
    }
    assert without_secrets(kept) == kept


def test_secrets_among_settings_by_dotted_key_are_left_out() -> None:
    asked = {
        "+logger.own.api_key": "abcdef123",
        "logger.mlflow.uri": "http://a:b@host",
        "+logger.x": {"token": "abcdef123"},
    }
    asked |= {"+logger.y.token": "${oc.env:TOKEN}", "model.params.class_token": "averaged", "~logger.z": None}
    kept = {"+logger.own.api_key": "***", "logger.mlflow.uri": "http://host", "+logger.x": {"token": "***"}}
    assert settings_without_secrets(asked) == {**asked, **kept}


def test_a_change_of_a_secret_is_not_told_by_its_value() -> None:
    told = changed_settings(without_secrets(TREE), TREE, free=())
    assert told == []
    other = {**TREE, "logger": {"own": {"api_key": "ghijkl456"}}}
    assert "ghijkl456" not in str(changed_settings(TREE, other, free=()))


@pytest.mark.parametrize(
    ("logger", "key"),
    [
        ({"own": {"api_key": "***"}}, r"logger\.own\.api_key"),
        ({"a": {"b": [{"token": "***"}]}}, r"logger\.a\.b\.token"),
    ],
)
def test_nothing_trains_with_what_was_hidden(logger: object, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} is \*\*\*: a run's folder keeps no secret\. .*\(~logger\.\w+\)$"):
        refuse_hidden({"logger": logger})
    refuse_hidden(TREE)
    refuse_hidden({"logger": None})


def test_a_password_of_digits_is_a_secret_though_it_comes_as_a_number() -> None:
    own = {"password": 20394857, "keys": [1, 2], "use_token": True, "key": 3, "retries": 20394857}
    assert without_secrets({"logger": {"own": own}}) == {"logger": {"own": {**own, "password": "***"}}}
