"""fer-export --prior: the file takes other shares of the emotions for granted, by Bayes' rule."""

from pathlib import Path

import numpy as np
import pytest

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.export.export import export_run
from fer.models.checkpoint import load_model
from fer.runtime.model import EmotionModel
from fer.runtime.prior import Prior, open_prior, with_prior

FACES = np.random.default_rng(0).integers(0, 256, (40, 48, 48), dtype=np.uint8)


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.export.measurement._SECONDS", 0.05)


def test_the_file_predicts_as_bayes_rule_says(tiny_run: Path, tmp_path: Path) -> None:
    plain = EmotionModel.load(export_run(tiny_run, tmp_path / "plain.onnx").path).facts
    facts = export_run(tiny_run, tmp_path / "told.onnx", prior=open_prior("balanced")).facts
    model = EmotionModel.load(tmp_path / "told.onnx")
    assert facts.prior == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7))
    # The shares that the net took for granted are those of its own probabilities, before any temperature.
    net = load_model(tiny_run / "checkpoints" / "best.ckpt")
    images = net.probabilities(FACES[:, None])
    assert plain.prior is not None
    odds = np.log(model.probabilities(FACES)) * facts.temperature - np.log(images)
    # The same shift of every face's log odds, whatever the face.
    shift = odds - odds[:, :1]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:1], shift.shape), atol=2e-3)
    order = [plain.prior[name] for name in EMOTIONS]
    assert np.argsort(shift[0]).tolist() == np.argsort(order)[::-1].tolist()


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
