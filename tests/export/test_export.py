"""fer-export: the file answers as the net does, says what it is, and is refused where it does not."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fer import cli
from fer.common.errors import ConfigError
from fer.data.samples import FaceSamples, Split
from fer.export.conversion import Converted
from fer.export.description import config_digest
from fer.export.export import ExportResult, export_run
from fer.export.faces import open_faces
from fer.export.gate import Gate, RefusedError
from fer.folders.opened import OpenData
from fer.folders.record import read_run
from fer.metrics import Predictions
from fer.metrics.calibration import Calibration, fit_calibration
from fer.metrics.temperature import apply_temperature
from fer.models.checkpoint import LoadedModel, load_model
from fer.runtime.model import EmotionModel

FACES = np.random.default_rng(0).integers(0, 256, (40, 48, 48), dtype=np.uint8)


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.export.measurement._SECONDS", 0.05)


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ExportResult]:
    """The tiny run in float32 and in INT8, whatever INT8 loses on its 70 faces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fer.export.measurement._SECONDS", 0.05)
        folder = tmp_path_factory.mktemp("export")
        return {
            "fp32": export_run(tiny_run, folder / "fp32.onnx"),
            "int8": export_run(tiny_run, folder / "int8.onnx", int8=True, max_loss=100, card=True),
        }


@pytest.fixture(scope="module")
def net(tiny_run: Path) -> LoadedModel:
    return load_model(tiny_run / "checkpoints" / "best.ckpt")


def test_float32_answers_as_torch_does_after_the_temperature(
    exported: dict[str, ExportResult], net: LoadedModel
) -> None:
    result = exported["fp32"]
    model = EmotionModel.load(result.path)
    expected = apply_temperature(net.probabilities(FACES[:, None]), result.facts.temperature)
    np.testing.assert_allclose(model.probabilities(FACES), expected, atol=1e-5)


def test_temperature_and_threshold_are_those_of_the_runs_own_predictions(
    exported: dict[str, ExportResult], tiny_run: Path
) -> None:
    fitted = fit_calibration(Predictions.read(tiny_run / "predictions" / "public.parquet"))
    for result in exported.values():
        assert result.facts.temperature == pytest.approx(fitted.temperature, rel=1e-3)
        assert result.facts.split == "PublicTest"
        if fitted.threshold is None:
            assert result.facts.threshold is None
        else:
            assert result.facts.threshold == pytest.approx(fitted.threshold, rel=1e-3)


def test_what_the_threshold_reaches_is_counted_on_the_files_own_answers(
    exported: dict[str, ExportResult], tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = Predictions.read(tiny_run / "predictions" / "public.parquet")
    rounded = np.random.default_rng(1).dirichlet(np.ones(7), len(public)).astype(np.float32)
    graph = onnx.load(exported["fp32"].path)
    monkeypatch.setattr(
        "fer.export.export.convert",
        lambda *_, **__: Converted(graph=graph, maps=None, probabilities=rounded, measured=exported["fp32"].measured),
    )
    fitted = replace(fit_calibration(public, answer_share=0.5), threshold=0.4)
    monkeypatch.setattr("fer.export.export.fit_calibration", lambda *_, **__: fitted)
    facts = export_run(tiny_run, tmp_path / "m.onnx").facts
    certain = rounded.max(axis=1) >= 0.4
    assert facts.threshold == 0.4
    assert facts.coverage == pytest.approx(certain.mean())
    assert facts.answered_accuracy == pytest.approx((rounded.argmax(axis=1) == public.labels)[certain].mean())


def test_the_file_says_what_it_is(exported: dict[str, ExportResult], tiny_run: Path, net: LoadedModel) -> None:
    for precision, result in exported.items():
        facts = EmotionModel.load(result.path).facts
        assert facts == result.facts
        assert facts.name == f"skipcnn {precision}, synthetic faces"
        assert facts.data_fingerprint == net.data_fingerprint
        assert facts.metrics["accuracy"].value == result.measured[-1].accuracy
        assert facts.reference.n == facts.metrics["accuracy"].n == 70
        assert facts.parameters == json.loads((tiny_run / "metrics.json").read_text())["num_parameters"]


def test_the_rows_are_torch_float32_and_int8(exported: dict[str, ExportResult]) -> None:
    rows = exported["int8"].measured
    assert [row.form for row in rows] == ["torch fp32", "onnx fp32", "onnx int8"]
    assert rows[0].accuracy == rows[1].accuracy
    assert (rows[0].max_difference, rows[0].agreement) == (0, 1)
    assert rows[1].max_difference < 1e-5 < rows[2].max_difference < 0.2
    assert rows[2].megabytes < 0.4 * rows[1].megabytes
    assert all(form in exported["int8"].table() for form in ("torch fp32", "onnx fp32", "onnx int8", "PublicTest"))


def test_int8_has_quantised_layers_and_a_float_head(exported: dict[str, ExportResult]) -> None:
    graph = onnx.load(exported["int8"].path).graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    quantised = 0
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weight = made_by.get(node.input[1])
        if "maps" in node.output:
            assert weight is None
        else:
            assert weight is not None
            assert weight.op_type == "DequantizeLinear"
            assert kinds[weight.input[0]] == onnx.TensorProto.INT8
            quantised += 1
    assert quantised >= 5


def test_weights_keep_to_seven_bits_unless_asked(exported: dict[str, ExportResult]) -> None:
    graph = onnx.load(exported["int8"].path).graph
    weights = [onnx.numpy_helper.to_array(t) for t in graph.initializer if t.data_type == onnx.TensorProto.INT8]
    assert max(int(abs(w.astype(int)).max()) for w in weights if w.ndim == 4) <= 64


def test_class_maps_average_to_the_answer(exported: dict[str, ExportResult], net: LoadedModel) -> None:
    import onnxruntime

    result = exported["fp32"]
    session = onnxruntime.InferenceSession(result.path.read_bytes(), providers=["CPUExecutionProvider"])
    probabilities, maps = session.run(["probabilities", "maps"], {"image": FACES[:, None]})
    assert maps.shape == (40, 7, 6, 6)
    assert result.facts.maps == 6
    logits = maps.mean(axis=(2, 3)) + net.net.get_parameter("head.bias").detach().numpy()
    weights = np.exp(logits / result.facts.temperature)
    np.testing.assert_allclose(weights / weights.sum(axis=1, keepdims=True), probabilities, atol=1e-5)


def test_the_card_and_the_hash_lie_beside_the_file(exported: dict[str, ExportResult]) -> None:
    result = exported["int8"]
    assert result.card == result.path.with_suffix(".md")
    assert result.path.with_suffix(".sha256").read_text() == f"{result.facts.sha256}  int8.onnx\n"
    card = result.card.read_text(encoding="utf-8")
    for words in (result.facts.sha256, result.facts.name, "PublicTest", "95 % interval", "Not for", "Privacy", "Bias"):
        assert words in card
    assert not exported["fp32"].path.with_suffix(".md").exists()


def test_an_export_repeats_byte_for_byte_whatever_private_test_holds(
    exported: dict[str, ExportResult], tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = OpenData.of

    def poisoned(self: OpenData, record: Any) -> tuple[FaceSamples, str]:
        samples, _ = opened(self, record)
        private = samples.splits == Split.PRIVATE
        images, labels = samples.images.copy(), samples.labels.copy()
        images[private] = np.random.default_rng(0).integers(0, 256, images[private].shape)
        labels[private] = (labels[private] + 1) % 7
        return replace(samples, images=images, labels=labels), "0123456789abcdef"

    monkeypatch.setattr(OpenData, "of", poisoned)
    again = export_run(tiny_run, tmp_path / "int8.onnx", int8=True, max_loss=100)
    assert again.path.read_bytes() == exported["int8"].path.read_bytes()
    (note,) = again.notes
    assert "The data opened (0123456789abcdef) are not those of the training" in note


def test_the_file_tells_nothing_of_the_machine(exported: dict[str, ExportResult], tiny_run: Path) -> None:
    for result in exported.values():
        content = result.path.read_bytes()
        for trace in (str(tiny_run), str(Path.cwd()), sys.prefix, "site-packages", 'File "', "export.py"):
            assert trace.encode() not in content


@pytest.mark.parametrize("what", ["parity", "loss"])
def test_what_is_refused_leaves_the_old_file_alone(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    out = tmp_path / "m.onnx"
    out.write_bytes(b"old")
    if what == "parity":
        monkeypatch.setattr("fer.export.gate.MAX_DIFFERENCE", -1.0)
    monkeypatch.setattr("fer.export.conversion.quantize", lambda graph, **_: graph)
    with pytest.raises(RefusedError, match=r"^refused: .* nothing was written"):
        export_run(tiny_run, out, int8=what == "loss", max_loss=-101, card=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    assert out.read_bytes() == b"old"


def test_logits_beyond_what_a_probability_can_tell_are_exported(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits hundreds apart give probabilities of exactly 0, which no longer tell what a temperature makes of them."""

    def sure(path: Path, *, votes_share: float | None) -> LoadedModel:
        model = load_model(path, votes_share=votes_share)
        model.net.get_parameter("head.weight").data *= 3000
        return model

    def hot(predictions: Predictions, *, target_accuracy: float) -> Calibration:
        assert (predictions.probabilities == 0).any()
        return replace(fit_calibration(predictions, target_accuracy=target_accuracy), temperature=100.0)

    monkeypatch.setattr("fer.export.export.load_model", sure)
    monkeypatch.setattr("fer.export.export.fit_calibration", hot)
    assert export_run(tiny_run, tmp_path / "m.onnx").facts.temperature == 100


def test_a_quantisation_that_loses_too_much_is_refused(exported: dict[str, ExportResult]) -> None:
    _, fp32, int8 = exported["int8"].measured
    fp32, int8 = replace(fp32, accuracy=0.6), replace(int8, accuracy=0.595)
    gate = Gate(max_loss=0.5)
    gate.check_loss(fp32, int8, split="PublicTest", n=1000)
    worse = replace(int8, accuracy=0.594)
    with pytest.raises(
        RefusedError, match=r"59\.40 % on the 1,000 PublicTest faces, 0\.60 points less than .*60\.00 %"
    ):
        gate.check_loss(fp32, worse, split="PublicTest", n=1000)


def test_a_net_without_layers_cannot_be_quantised(train: Any, tmp_path: Path) -> None:
    run = train("model=majority", run_dir=tmp_path / "run").run_dir
    with pytest.raises(ConfigError, match="no layer to quantise"):
        export_run(run, tmp_path / "m.onnx", int8=True)
    model = EmotionModel.load(export_run(run, tmp_path / "m.onnx").path)
    assert model.uncertain_below > 1  # no confidence of a baseline earns 80 %
    assert np.ptp(model.probabilities(FACES), axis=0).max() == 0


def test_config_digest_names_the_settings_alone() -> None:
    tree = {"run_dir": "a", "seed": 1, "data": {"root": "x", "name": "fer2013"}, "callbacks": {"c": {"dirpath": "a/b"}}}
    moved = {
        "run_dir": "z",
        "seed": 1,
        "data": {"root": "y", "name": "fer2013"},
        "callbacks": {"c": {"dirpath": "z/b"}},
    }
    assert config_digest(tree) == config_digest(moved) != config_digest({**tree, "seed": 2})


def fer_export(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fer-export", *arguments])
    try:
        cli.export()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_name_of_any_bytes_is_written_and_told(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / os.fsdecode(b"caf\xe9.onnx")
    assert fer_export(monkeypatch, str(tiny_run), "--out", str(out), "--card", "--json") == 0
    assert json.loads(capsys.readouterr().out)["path"] == f"{tmp_path}/caf\\xe9.onnx"
    assert "caf\\xe9.onnx" in out.with_suffix(".md").read_text(encoding="utf-8")
    check = ["sha256sum", "--check", os.fsencode(out.with_suffix(".sha256"))]
    if shutil.which("sha256sum") is not None:
        assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert EmotionModel.load(out).facts.net


def test_the_command_tells_the_table_or_json(
    tiny_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    exported: dict[str, ExportResult],
) -> None:
    out = tmp_path / "new" / "m.onnx"
    assert fer_export(monkeypatch, str(tiny_run), "--out", str(out), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["path"] == str(out)
    assert [row["form"] for row in answer["measured"]] == ["torch fp32", "onnx fp32"]
    assert answer["facts"]["sha256"] == EmotionModel.load(out).facts.sha256
    monkeypatch.setattr("fer.export.export.export_run", lambda *_, **__: exported["int8"])
    assert fer_export(monkeypatch, str(tiny_run), "--out", str(out)) == 0
    text = capsys.readouterr().out
    assert exported["int8"].table() in text
    assert f"wrote {exported['int8'].path}" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--out", "m.onnx"], ["nowhere", "does not exist"]),
        ([".", "--out", "m.onnx"], ["config.yaml"]),
        (["RUN", "--out", "m.pt"], ["m.pt", ".onnx"]),
        (["RUN", "--out", "folder.onnx"], ["folder.onnx", "is a folder"]),
        (["RUN", "--out", "/proc/m.onnx"], ["/proc/m.onnx", "cannot be written"]),
        (["RUN", "--out", "m.onnx", "--data-root", "x"], ["data_root=x", "data without a place"]),
        (["RUN"], ["--out"]),
        (["RUN", "--out", "m.onnx", "--max-loss", "-1"], ["--max-loss", "-1"]),
        (["RUN", "--out", "m.onnx", "--target-accuracy", "80"], ["--target-accuracy", "0.8 means 80 %"]),
        (["RUN", "--out", "m.onnx", "--ranges", "guess"], ["--ranges", "minmax"]),
        (["RUN", "--out", "m.onnx", "--int16"], ["--int16"]),
    ],
)
def test_a_mistake_is_told_in_one_line(
    tiny_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.onnx").mkdir()
    assert fer_export(monkeypatch, *(str(tiny_run) if word == "RUN" else word for word in arguments)) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    for word in words:
        assert word in told
    assert [path.name for path in tmp_path.iterdir()] == ["folder.onnx"]


def test_a_heldout_protocol_is_judged_on_its_heldout_faces(train: Any, tmp_path: Path) -> None:
    run = train("model=mlp", "data.protocol=stratified", "trainer.max_epochs=1", run_dir=tmp_path / "run").run_dir
    result = export_run(run, tmp_path / "m.onnx")
    assert result.facts.split == "Held-out part of Training"
    assert result.facts.reference.n == len(Predictions.read(run / "predictions" / "heldout.parquet"))
    assert result.facts.maps is None


def test_faces_that_were_left_out_of_training_are_none_that_trained(tiny_run: Path, tmp_path: Path) -> None:
    record = read_run(tiny_run)
    samples, _ = OpenData().of(record)
    rows = OpenData().trained_rows(record)
    leave_out = tmp_path / "suspects.csv"
    leave_out.write_text("\n".join(["id", *samples.ids[rows[:-5]]]) + "\n")
    record = replace(
        record,
        config={**record.config, "data": {**record.config["data"], "leave_out": str(leave_out)}},
        manifest={"data": {"protocol": "official; most left out", "train_rows": 5}},
    )
    faces = open_faces(record, data_root=None, calibration=100, seed=0)
    assert faces.protocol == "official; most left out"
    assert faces.notes == ()
    np.testing.assert_array_equal(faces.calibration, samples.images[rows[-5:]])

    leave_out.unlink()
    faces = open_faces(record, data_root=None, calibration=100, seed=0)
    assert len(faces.calibration) == 100
    (note,) = faces.notes
    assert "cannot be told" in note
    assert str(tmp_path) not in note
