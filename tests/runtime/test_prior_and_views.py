"""Other shares of the emotions, several views of a face, and the models of the package by name."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import fer
from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.runtime.facts import FACTS_KEY, ModelFacts
from fer.runtime.model import EmotionModel
from fer.runtime.onnx_file import read_metadata
from fer.runtime.predict.command import main
from fer.runtime.prior import EVERYDAY_COUNTS, open_prior, with_prior
from fer.runtime.shipped import NAMES, shipped_file, shipped_name
from fer.runtime.views import ZOOM, averaged, enlarged

FACES = np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)


def test_a_new_prior_is_bayes_rule_on_counted_faces() -> None:
    """Two classes, one mark: counted out for 1,000 faces of each share."""
    # 90 % of class A and 30 % of class B have the mark.
    seen, told = with_prior(
        np.array([[0.5 * 0.9, 0.5 * 0.3]]) / (0.5 * 0.9 + 0.5 * 0.3), old=(0.5, 0.5), new=(0.2, 0.8)
    )[0]
    marked_a, marked_b = 200 * 0.9, 800 * 0.3
    assert seen == pytest.approx(marked_a / (marked_a + marked_b))
    assert seen + told == pytest.approx(1)


def test_the_same_prior_changes_nothing() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(7), size=20)
    old = tuple(np.random.default_rng(1).dirichlet(np.ones(7)).tolist())
    np.testing.assert_allclose(with_prior(probabilities, old=old, new=old), probabilities, atol=1e-6)


def test_everyday_is_expw_as_published() -> None:
    assert sum(EVERYDAY_COUNTS.values()) == 91_793
    prior = open_prior("everyday")
    assert sum(prior.shares) == pytest.approx(1)
    assert prior.shares[EMOTIONS.index("neutral")] == pytest.approx(0.380, abs=1e-3)
    assert open_prior("balanced").shares == (1 / 7,) * 7


def test_a_file_of_shares(tmp_path: Path) -> None:
    path = tmp_path / "office.csv"
    shares = dict(zip(EMOTIONS, (0.05, 0.01, 0.01, 0.3, 0.03, 0.1, 0.5), strict=True))
    path.write_text("label,share\n" + "".join(f"{name},{share}\n" for name, share in shares.items()))
    prior = open_prior(str(path))
    assert prior.name == "office.csv"
    assert prior.shares == pytest.approx(tuple(shares.values()))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no share of angry, disgust"),
        ("label,share\nangry,0.5\n", "has no share of disgust"),
        ("angry,0.5\nangry,0.5\n", "angry comes twice"),
        ("angri,0.5\n", "'angri' is no emotion"),
        ("angry,0\n", "must be above 0"),
        ("angry,nan\n", "must be above 0"),
        ("angry,half\n", "must be above 0"),
        ("angry\n", "is no row of label,share"),
        ("\n".join(f"{name},0.2" for name in EMOTIONS), "sum to 1.4"),
        (b"\xff\xfe\x00", "is no text"),
    ],
)
def test_bad_files_of_shares_are_refused_in_a_line(content: str | bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "shares.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=words) as refusal:
        open_prior(str(path))
    assert "\n" not in str(refusal.value)


def test_missing_names_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'everyday'"):
        open_prior("everday")
    with pytest.raises(ConfigError, match="cannot be read"):
        open_prior(str(tmp_path / "none.csv"))
    with pytest.raises(ConfigError, match="cannot be read"):
        open_prior(str(tmp_path))


def test_a_model_that_does_not_know_its_prior_is_refused(tmp_path: Path) -> None:
    model = onnx.load(shipped_file())
    facts = ModelFacts.from_metadata(read_metadata(shipped_file()), origin="").model_copy(update={"prior": None})
    (entry,) = [entry for entry in model.metadata_props if entry.key == FACTS_KEY]
    entry.value = facts.model_dump_json(exclude={"sha256"})
    path = tmp_path / "old.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match="export it again"):
        EmotionModel.load(path).adjusted(prior=open_prior("balanced"), tta=False)


def test_views_are_those_of_the_report() -> None:
    torch = pytest.importorskip("torch")
    from fer.data.views import ZOOM as REPORTS
    from fer.data.views import enlarge, further_views

    assert ZOOM == REPORTS
    noise = np.random.default_rng(0).normal(0, 8, (3, 48, 48))
    photo = np.clip(np.cumsum(noise, axis=2) + 128, 0, 255).astype(np.uint8)
    x_BCHW = torch.from_numpy(photo[:, None]).float()
    # OpenCV places samples at thirty-seconds of a pixel.
    np.testing.assert_allclose(enlarged(photo), enlarge(x_BCHW)[:, 0].round().numpy(), atol=4)
    shown: list[np.ndarray] = []

    def predict(faces: np.ndarray) -> np.ndarray:
        shown.append(faces)
        return np.full((len(faces), 7), len(shown), np.float32)

    assert averaged(predict, photo)[0, 0] == 2.5
    expected = [x_BCHW, *further_views(x_BCHW, "zoom")]
    for mine, theirs in zip(shown, expected, strict=True):
        np.testing.assert_allclose(mine, theirs[:, 0].round().numpy(), atol=4)


def test_a_face_and_its_mirror_image_get_the_same_answer_from_views() -> None:
    model = EmotionModel.load().adjusted(prior=None, tta=True)
    here, mirrored = model.probabilities(FACES), model.probabilities(np.ascontiguousarray(FACES[..., ::-1]))
    np.testing.assert_allclose(here, mirrored, atol=0.02)
    assert np.abs(here - EmotionModel.load().probabilities(FACES)).max() > 0.01


def test_names_stand_for_the_models_of_the_package() -> None:
    assert shipped_name(None) == NAMES[0] == "everyday"
    for name in NAMES:
        assert EmotionModel.load(name).facts == EmotionModel.load(shipped_file(name)).facts
        assert shipped_name(Path(name)) == name
    assert shipped_name("model.onnx") is None


def test_the_record_names_the_prior(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), FACES[0])
    options = [str(tmp_path / "a.png"), "--detector", "none", "--format", "jsonl", "--model", "benchmark"]
    assert main(options) == 0
    plain = json.loads(capsys.readouterr().out)
    assert main([*options, "--prior", "balanced", "--tta"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "prior" not in plain
    assert told["prior"] == "balanced"
    model = EmotionModel.load("benchmark")
    assert model.facts.prior is not None
    old = tuple(model.facts.prior[name] for name in EMOTIONS)
    expected = with_prior(averaged(model.probabilities, FACES[:1]), old=old, new=(1 / 7,) * 7)[0]
    assert list(told["probabilities"].values()) == pytest.approx(expected.tolist(), abs=1e-4)
    (face,) = fer.predict(tmp_path / "a.png", "benchmark", "none", prior="balanced", tta=True)
    assert face.as_dict() == told


def test_help_says_of_each_model_what_its_file_says(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in NAMES:
        facts = EmotionModel.load(name).facts
        value = facts.metrics["accuracy"].value
        assert value is not None
        assert f"{name}: {facts.name}, {value:.1%} right on {facts.split}" in text
