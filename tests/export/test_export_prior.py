"""fer-export --prior: the file takes other shares of the emotions for granted, by Bayes' rule."""

from pathlib import Path

import numpy as np
import pytest

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.export.export import export_run
from fer.export.told_shares import ToldShares
from fer.runtime.model import EmotionModel
from fer.runtime.prior import Prior, open_prior, with_prior

FACES = np.random.default_rng(0).integers(0, 256, (40, 48, 48), dtype=np.uint8)


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.export.measurement._SECONDS", 0.05)


def test_the_file_predicts_as_bayes_rule_says(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `fer-predict --prior` would with the file of the same run that was told nothing, also for a further prior."""
    monkeypatch.setattr("fer.metrics.calibration.fit_temperature", lambda probabilities, labels: 1.7)
    plain = EmotionModel.load(export_run(tiny_run, tmp_path / "plain.onnx").path)
    facts = export_run(tiny_run, tmp_path / "told.onnx", prior=open_prior("everyday")).facts
    model = EmotionModel.load(tmp_path / "told.onnx")
    new = open_prior("everyday").shares
    assert facts.prior == pytest.approx(dict(zip(EMOTIONS, new, strict=True)))
    assert facts.temperature == plain.facts.temperature == 1.7
    assert plain.facts.prior is not None
    old = tuple(plain.facts.prior[name] for name in EMOTIONS)
    expected = with_prior(plain.probabilities(FACES), old=old, new=new)
    np.testing.assert_allclose(model.probabilities(FACES), expected, atol=1e-5)
    even = (1 / 7,) * 7
    np.testing.assert_allclose(
        with_prior(model.probabilities(FACES), old=new, new=even),
        with_prior(plain.probabilities(FACES), old=old, new=even),
        atol=1e-5,
    )


def test_a_temperature_on_top_takes_a_part_of_what_was_told_back() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (500, 3))

    def softmax(values: np.ndarray) -> np.ndarray:
        return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)

    plain = softmax(logits)
    told = ToldShares.of(plain, (0.6, 0.3, 0.1))
    changed = logits + np.log(told.new / told.old)
    assert told.after(softmax(changed), temperature=1.0) == pytest.approx([0.6, 0.3, 0.1])
    # What is taken for granted turns the tempered file into that which was told nothing.
    taken = np.array(told.after(softmax(changed / 2), temperature=2.0))
    tempered = softmax(logits / 2)
    back = softmax(changed / 2) / taken * tempered.mean(axis=0)
    np.testing.assert_allclose(back / back.sum(axis=1, keepdims=True), tempered)


def test_the_same_shift_undoes_it(tmp_path: Path, tiny_run: Path) -> None:
    prior = Prior("told", (0.3, 0.05, 0.05, 0.2, 0.1, 0.1, 0.2))
    there = with_prior(np.full((1, 7), 1 / 7), old=(1 / 7,) * 7, new=prior.shares)
    np.testing.assert_allclose(there[0], prior.shares, rtol=1e-6)
    np.testing.assert_allclose(with_prior(there, old=prior.shares, new=(1 / 7,) * 7), 1 / 7, rtol=1e-6)


def test_a_net_without_a_last_layer_is_refused(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = train("model=majority", "report=false", "trainer.max_epochs=1", run_dir=tmp_path / "run").run_dir
    with pytest.raises(
        ConfigError, match="--prior balanced needs a net that ends in one linear layer of 7 outputs, and Majority has 0"
    ):
        export_run(run, tmp_path / "m.onnx", prior=open_prior("balanced"))
