"""What programs around us say is taken as it comes."""

import sys
from pathlib import Path

import pytest

from fer.common.environment import environment
from fer.tuning.spark import Objective

REFUSES = "#!/bin/sh\nprintf 'fatal: caf\\351 is owned by another\\n' >&2\nexit 128\n"
"""As git of a checkout of another user, in a folder whose name is no UTF-8."""


def test_the_revision_is_that_of_this_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # As in a hook of another repository.
    before = environment()["git_revision"]
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert environment()["git_revision"] == before


@pytest.fixture
def refusing(tmp_path: Path) -> Path:
    path = tmp_path / "git"
    path.write_text(REFUSES)
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's script")
def test_a_refusal_of_git_in_any_bytes_costs_no_run(refusing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(refusing.parent), prepend=":")
    assert environment()["git_revision"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's script")
def test_a_trial_on_spark_may_say_any_bytes(refusing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(refusing))
    told = Objective({1: "{}"})(1.0)
    assert told["status"] == "fail"
    assert told["ended"]["error"] == "exit code 128: fatal: caf\N{REPLACEMENT CHARACTER} is owned by another"
