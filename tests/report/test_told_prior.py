"""fer-report prior=: scores of a model that was told how often each emotion comes, before any temperature."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.sketched import sketched

from fer.common.errors import ConfigError
from fer.metrics import Predictions
from fer.report.main import make_report
from fer.report.options import ReportOptions
from fer.runtime.prior import with_prior

pytestmark = pytest.mark.xdist_group("the tiny page")

OFF = {
    name: {"enabled": False}
    for name in ("calibration", "cost", "embedding", "explanations", "occlusion", "robustness", "label_noise")
}


def test_every_score_is_shifted_by_bayes_rule(tiny_page: Path, tiny_run: Path, tmp_path: Path) -> None:
    options = ReportOptions.model_validate(
        {**OFF, "bootstrap": 100, "tta": False, "device": "cpu", "prior": "balanced"}
    )
    page = sketched()(make_report)([tiny_run], out=tmp_path / "report", options=options)
    before, after = (
        {name: Predictions.read(path.parent / "predictions" / f"{name}.parquet") for name in ("public", "private")}
        for path in (tiny_page, page)
    )
    old = tuple(before["public"].probabilities.mean(axis=0, dtype=np.float64))
    for name in before:
        expected = with_prior(before[name].probabilities, old=old, new=(1 / 7,) * 7)
        np.testing.assert_allclose(after[name].probabilities, expected, rtol=1e-4)
    text = page.read_text("utf-8")
    assert "The model was told how often each emotion comes (prior=balanced): angry 14.3%" in text
    assert "the preprocessing or the numeric precision differ" not in text
    command = "bootstrap=100 tta=false device=cpu prior=balanced"
    assert command in text
    card = (page.parent / "model_card.md").read_text("utf-8")
    assert command in card
    assert "| prior (how often each emotion is expected) | balanced |" in card
    assert json.loads((page.parent / "metrics.json").read_text("utf-8"))["prior"] == "balanced"


def test_a_wrong_prior_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^prior=everday: .*did you mean 'everyday'"):
        make_report([tmp_path / "none"], options=ReportOptions(prior="everday"))


def test_a_model_without_biases_is_told_what_the_report_can_do(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, instead: str, **__: object) -> None:
        raise ConfigError(instead)

    monkeypatch.setattr("fer.models.prior.last_linear", none)
    options = ReportOptions.model_validate({**OFF, "tta": False, "device": "cpu", "prior": "balanced"})
    with pytest.raises(ConfigError, match=f"^report {tiny_run.name} without prior$"):
        make_report([tiny_run], out=tmp_path / "report", options=options)
