"""What a run notes of its surroundings."""

from pathlib import Path

import pytest

from fer.common.environment import environment


def test_the_revision_is_that_of_this_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # As in a hook of another repository.
    before = environment()["git_revision"]
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert environment()["git_revision"] == before
