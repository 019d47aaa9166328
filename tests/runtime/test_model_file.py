"""The runtime's model: the shipped one, its answers and maps, and every file that is refused."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from fer.common.errors import CheckpointError, ConfigError
from fer.common.labels import EMOTIONS
from fer.runtime.facts import FACTS_KEY, MAPS, SCHEMA_KEY, ModelFacts
from fer.runtime.model import EmotionModel
from fer.runtime.onnx_file import read_metadata
from fer.runtime.shipped import FOLDER, NAMES, shipped_file

FACES = np.random.default_rng(0).integers(0, 256, (70, 48, 48), dtype=np.uint8)

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module", params=NAMES)
def shipped_by(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shipped(shipped_by: str) -> EmotionModel:
    return EmotionModel.load(shipped_by)


def changed(path: Path, change: Change) -> Path:
    """A copy of the shipped model with a change made to it."""
    model = onnx.load(shipped_file())
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def set_metadata(model: onnx.ModelProto, key: str, value: str) -> None:
    (entry,) = [entry for entry in model.metadata_props if entry.key == key]
    entry.value = value


def set_facts(**facts: object) -> Change:
    def change(model: onnx.ModelProto) -> None:
        known = ModelFacts.from_metadata({entry.key: entry.value for entry in model.metadata_props}, origin="")
        # model_copy checks nothing, so that facts can be told that cannot be.
        set_metadata(
            model, FACTS_KEY, known.model_copy(update=facts).model_dump_json(exclude={"sha256"}, warnings=False)
        )

    return change


def drop_maps(model: onnx.ModelProto) -> None:
    set_facts(maps=None)(model)
    (port,) = [port for port in model.graph.output if port.name == MAPS]
    model.graph.output.remove(port)


def test_shipped_model_is_small_and_has_its_hash_and_card(shipped: EmotionModel, shipped_by: str) -> None:
    path = shipped_file(shipped_by)
    content = path.read_bytes()
    assert len(content) < 3e6
    hashed, name = path.with_suffix(".sha256").read_text().split()
    assert hashlib.sha256(content).hexdigest() == hashed == shipped.facts.sha256
    assert name == path.name
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert f"`{path.name}`" in card
    assert shipped.facts.sha256 in card
    assert shipped.name in card


def test_shipped_model_says_what_it_is(shipped: EmotionModel) -> None:
    facts = shipped.facts
    assert shipped.labels == EMOTIONS
    assert shipped.size == 48
    assert facts.precision == "int8"
    assert facts.split == "PublicTest"
    accuracy = facts.metrics["accuracy"]
    assert accuracy.n == facts.reference.n == 3589
    assert accuracy.value is not None
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert 0.6 < accuracy.low < accuracy.value < accuracy.high < 0.8
    assert 1 / 7 < shipped.uncertain_below < 1
    assert sum(facts.reference.labels.values()) == pytest.approx(1)
    assert set(facts.reference.means) == set(facts.reference.deviations) == {"confidence", "brightness", "sharpness"}
    assert min(facts.reference.deviations.values()) > 0


def test_files_of_the_package_tell_nothing_of_the_machine_that_made_them() -> None:
    content = b"".join(path.read_bytes() for path in FOLDER.glob("*.*") if path.suffix in (".onnx", ".md"))
    for trace in (b"/home", b"/root", b"/tmp", b"/work", b"site-packages", b'File "'):
        assert trace not in content


def test_probabilities(shipped: EmotionModel) -> None:
    probabilities = shipped.probabilities(FACES)
    assert probabilities.shape == (70, 7)
    assert probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    one_by_one = np.concatenate([shipped.probabilities(face[None]) for face in FACES])
    np.testing.assert_allclose(one_by_one, probabilities, atol=1e-5)
    assert shipped.probabilities(FACES[:0]).shape == (0, 7)


@pytest.mark.realdata
def test_shipped_model_has_the_scores_that_its_card_says(fer2013_archive: Path) -> None:
    """Counted anew, on the faces that the card names."""
    from fer.data.samples import Split
    from fer.data.sources import Fer2013Config, open_samples

    samples = open_samples(Fer2013Config(name="fer2013", root=fer2013_archive)).samples
    public = samples.take(samples.splits == Split.PUBLIC)
    probabilities = EmotionModel.load("benchmark").probabilities(np.ascontiguousarray(public.images[:, 0]))
    right = probabilities.argmax(axis=1) == public.labels
    card = shipped_file("benchmark").with_suffix(".md").read_text(encoding="utf-8")
    said = re.search(r"^\| Accuracy \| ([\d.]+) % \|", card, re.M)
    assert said is not None
    assert len(right) == 3_589
    # Another CPU may round a tie the other way.
    assert 100 * right.mean() == pytest.approx(float(said[1]), abs=0.2)
    facts = EmotionModel.load("benchmark").facts
    certain = probabilities.max(axis=1) >= facts.threshold
    assert certain.mean() == pytest.approx(facts.coverage, abs=0.002)
    assert right[certain].mean() == pytest.approx(facts.answered_accuracy, abs=0.002)


@pytest.mark.parametrize("maps", [True, False])
def test_heat_map(shipped: EmotionModel, tmp_path: Path, maps: bool) -> None:
    model = shipped if maps else EmotionModel.load(changed(tmp_path / "m.onnx", drop_maps))
    assert (model.facts.maps is not None) == maps
    label = EMOTIONS[int(model.probabilities(FACES[:1])[0].argmax())]
    heat = model.heat_map(FACES[0], label)
    assert heat.shape == (48, 48)
    assert heat.dtype == np.float32
    assert (heat.min() >= 0, heat.max()) == (True, 1)
    assert heat.std() > 0.01
    with pytest.raises(ConfigError, match=r"'happi' is no label of this model.*'happy'"):
        model.heat_map(FACES[0], "happi")


def test_a_flat_face_has_no_occlusion_evidence(tmp_path: Path) -> None:
    model = EmotionModel.load(changed(tmp_path / "m.onnx", drop_maps))
    assert not model.heat_map(np.full((48, 48), 90, np.uint8), "happy").any()


def test_a_threshold_that_nothing_earns_leaves_every_label_uncertain(tmp_path: Path) -> None:
    model = EmotionModel.load(changed(tmp_path / "m.onnx", set_facts(threshold=None)))
    assert model.uncertain_below > 1


def test_threads_do_not_change_an_answer() -> None:
    two = EmotionModel.load(shipped_file(), threads=2)
    np.testing.assert_allclose(two.probabilities(FACES), EmotionModel.load().probabilities(FACES), atol=1e-5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no .onnx model"),
        (b"hello, this is no model", "no .onnx model"),
        (b"PK\x03\x04" + bytes(200), "no .onnx model"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "no .onnx model"),
        (b"\xff" * 4096, "no .onnx model"),
        (b"\x08\x0a", "no .onnx model"),
    ],
)
def test_what_is_no_onnx_is_refused_unrun(tmp_path: Path, content: bytes, words: str, no_session: None) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as refusal:
        EmotionModel.load(path)
    assert str(path) in str(refusal.value)


@pytest.fixture
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a session was opened")

    monkeypatch.setattr("onnxruntime.InferenceSession", forbidden)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_file_cut_off_is_refused_unrun(tmp_path: Path, share: float, no_session: None) -> None:
    content = shipped_file().read_bytes()
    path = tmp_path / "m.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match="is cut off"):
        EmotionModel.load(path)


def test_a_file_without_its_last_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for missing in (1, 10, 3000, 6000):
        path.write_bytes(shipped_file().read_bytes()[:-missing])
        with pytest.raises(CheckpointError):
            EmotionModel.load(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no model at .*nowhere\.onnx"):
        EmotionModel.load(tmp_path / "nowhere.onnx")
    with pytest.raises(CheckpointError, match="cannot be read"):
        EmotionModel.load(tmp_path)


def drop_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def move_weights_out(model: onnx.ModelProto) -> None:
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_metadata, "was not written by fer-export"),
        (lambda model: set_metadata(model, SCHEMA_KEY, "99"), "schema 99.*update ferlab"),
        (lambda model: set_metadata(model, SCHEMA_KEY, "0"), "schema 0.*export it again"),
        (lambda model: set_metadata(model, SCHEMA_KEY, "x"), "was not written by fer-export"),
        (lambda model: set_metadata(model, FACTS_KEY, "{not json"), "export it again"),
        (lambda model: set_metadata(model, FACTS_KEY, "{}"), "Field required"),
        (set_facts(labels=EMOTIONS[:1]), "labels.*1 label: give from 2 to 100"),
        (set_facts(temperature=0.0), "temperature"),
        (move_weights_out, "keeps weights in other files"),
    ],
)
def test_what_does_not_describe_itself_is_refused_unrun(
    tmp_path: Path, change: Change, words: str, no_session: None
) -> None:
    with pytest.raises(CheckpointError, match=words):
        EmotionModel.load(changed(tmp_path / "m.onnx", change))


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[3].op_type = "Frobnicate"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_facts(size=64), r"takes .*\[1, 48, 48\].* instead of image uint8 \(N, 1, 64, 64\)"),
        (set_facts(maps=None), "not the model that it says it is: it gives"),
        (unknown_operator, "cannot be run: .*Frobnicate"),
    ],
)
def test_what_is_not_what_it_says_is_refused(tmp_path: Path, change: Change, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        EmotionModel.load(changed(tmp_path / "m.onnx", change))


def test_a_shipped_model_that_was_changed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_session: None
) -> None:
    changed(tmp_path / "everyday.onnx", set_facts(threshold=0.0))
    shutil.copy(FOLDER / "everyday.sha256", tmp_path)
    monkeypatch.setattr("fer.runtime.shipped.FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match="was changed"):
        EmotionModel.load()


def test_metadata_is_what_onnx_reads() -> None:
    assert read_metadata(shipped_file()) == {
        entry.key: entry.value for entry in onnx.load(shipped_file()).metadata_props
    }


def test_answering_loads_no_training_stack() -> None:
    code = (
        "import sys, numpy as np\nfrom fer.runtime.model import EmotionModel\nmodel = EmotionModel.load()\n"
        "model.heat_map(np.zeros((48, 48), np.uint8), 'happy'); model.probabilities(np.zeros((1, 48, 48), np.uint8))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "hydra", "omegaconf", "pandas", "matplotlib", "sklearn", "scipy", "onnx", "pytorch_lightning"}
    assert set(done.stdout.split()) & heavy == set()
