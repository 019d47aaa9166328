"""The Python API: what each function gives, that it says what the commands say, and what it costs to import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.sketched import sketched
from support.tiny import TINY

import fer
from fer.api.forms import CheckpointForm
from fer.api.tables import html_table
from fer.common.errors import CheckpointError, ConfigError, DataError, FerError
from fer.data.synthetic import render_faces


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One synthetic face, 48 x 48, as a PNG."""
    path = tmp_path_factory.mktemp("photos") / "face.png"
    cv2.imwrite(str(path), render_faces(1, seed=3).images[0])
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> fer.Run:
    return fer.train(
        *TINY, "model=cnn", "model.params.widths=[8,16]", seed=1, run_dir=tmp_path_factory.mktemp("runs") / "a"
    )


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_loads_nothing_and_every_name_is_there() -> None:
    assert loaded_after("import fer") & {"numpy", "cv2", "pydantic", "torch", "onnxruntime"} == set()
    assert set(fer.__all__) <= set(dir(fer))
    for name in fer.__all__:
        assert getattr(fer, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'prdict'"):
        _ = fer.prdict  # type: ignore[attr-defined]


def test_predicting_needs_neither_torch_nor_pandas(photo: Path) -> None:
    loaded = loaded_after(f"import fer\nassert len(fer.predict({str(photo)!r}, detector='none')) == 1")
    assert loaded & {"torch", "pandas", "matplotlib", "hydra", "sklearn"} == set()


def test_a_path_an_array_and_a_pil_image_are_the_same_picture(photo: Path) -> None:
    from PIL import Image

    array = cv2.imread(str(photo))[..., ::-1]
    predicted = [
        fer.predict(source, detector="none")[0].probabilities
        for source in (photo, str(photo), array, Image.open(photo))
    ]
    assert predicted[0] == predicted[1] == predicted[2] == predicted[3]


def test_a_pil_image_is_turned_as_its_exif_says() -> None:
    from PIL import Image

    face = render_faces(1, seed=3).images[0]
    upright, turned = Image.fromarray(face), Image.fromarray(np.rot90(face))
    turned.getexif()[0x0112] = 6  # turn by 90 degrees clockwise
    predicted = [fer.predict(image, detector="none")[0].probabilities for image in (upright, turned)]
    assert predicted[0] == predicted[1]


def test_a_tensor_is_one_picture() -> None:
    import torch

    face = torch.from_numpy(render_faces(1, seed=3).images[0])
    (found,) = fer.predict(face, detector="none")
    assert found.probabilities == fer.predict(face.numpy(), detector="none")[0].probabilities
    # As torch orders them, channels come first: three pictures would be read out of one.
    with pytest.raises(DataError, match=r"\(3, 48, 48\)"):
        fer.predict(face.expand(3, -1, -1), detector="none")
    with pytest.raises(DataError, match=r"a Tensor is no picture: .*requires grad"):
        fer.predict(face.float().requires_grad_(), detector="none")


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_a_pil_image_of_more_than_8_bits_is_read_as_its_file_is(mode: str, tmp_path: Path) -> None:
    from PIL import Image

    face = render_faces(1, seed=3).images[0]
    deep = face.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    big_endian = Image.frombytes("I;16B", (48, 48), deep.astype(">u2").tobytes())
    image = {"I;16": Image.fromarray(deep), "I;16B": big_endian}.get(mode) or Image.fromarray(face).convert(mode)
    predicted = [fer.predict(source, detector="none")[0] for source in (tmp_path / "deep.png", image)]
    assert predicted[0].probabilities == predicted[1].probabilities
    if mode in ("I", "F"):
        with pytest.raises(DataError, match=rf"mode {mode} with values from 0 to 65535 does not say"):
            fer.predict(Image.fromarray(np.array([[0, 65535]], np.int32)).convert(mode), detector="none")


def test_colours_of_arrays_are_red_green_blue() -> None:
    # Rec. 601: red is 0.299, blue 0.114 of the grey; a net sees another picture where they are swapped.
    from fer.api.pictures import array_of

    red = np.zeros((48, 48, 3), np.uint8)
    red[..., 0] = 255
    assert array_of(red)[0, 0].tolist() == [0, 0, 255]


def test_the_first_picture_that_could_be_read_is_shown_and_what_could_not_is_named(photo: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    faces = fer.predict([broken, photo], detector="none")
    np.testing.assert_array_equal(faces.image(), faces.image(str(photo)))
    with pytest.raises(DataError, match=r"broken\.jpg: this is not an image"):
        fer.predict(broken, detector="none").image()


def test_predictions_as_table_and_page(photo: Path) -> None:
    faces = fer.predict([photo, np.zeros((48, 48), np.uint8)], detector="none")
    table = faces.to_pandas()
    assert table["source"].tolist() == [str(photo), "image 0"]
    assert table.loc[0, "label"] == faces[0].label
    assert table[["x", "y", "width", "height"]].iloc[0].tolist() == [0, 0, 48, 48]
    emotions = list(faces[0].probabilities or {})
    np.testing.assert_allclose(table[emotions].sum(axis=1), 1, atol=1e-4)
    assert faces.image().shape == (48, 48, 3)
    page = faces._repr_html_()
    assert page.count("<img") == 2
    assert "&lt;b&gt;" in html_table([["<b>"]], header=["x"])
    assert len(faces[:1]) == 1


def test_a_table_of_nothing_found_has_its_columns(photo: Path) -> None:
    faces = fer.predict(photo, detector="none")
    columns = list(faces.to_pandas().columns)
    assert columns[:4] == ["source", "status", "face", "x"]
    assert columns[-7:] == list(faces[0].probabilities or {})
    nothing = fer.predict(np.zeros((90, 90), np.uint8), detector="haar").to_pandas()
    assert nothing["status"].tolist() == ["no_face"]
    assert nothing["happy"].isna().all()
    assert list(nothing.columns)[: len(columns)] == columns
    assert list(faces[1:].to_pandas().columns) == columns


def test_pictures_whose_names_cannot_be_shown_are_shown(photo: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9 $\\q$.png")
    try:
        odd.write_bytes(photo.read_bytes())
    except OSError:
        pytest.skip("this file system takes only names that are UTF-8")
    faces = fer.predict(tmp_path, detector="none")
    (source,) = faces.sources
    assert source == f"{tmp_path}/caf\\xe9 $\\q$.png"
    assert faces[:1].image(source).shape == (48, 48, 3)
    assert "<img" in faces._repr_html_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "agg")
        faces.show()
        from matplotlib import pyplot

        # Drawing is what a formula that is none would end.
        pyplot.gcf().canvas.draw()
        pyplot.close("all")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere.jpg", "no file"),
        ([], "no pictures"),
        (3, "no picture"),
        (np.zeros((4, 4)), "float64"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
    ],
)
def test_what_is_no_picture_is_refused(source: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fer.predict(source)


def test_training_gives_what_its_folder_says(run: fer.Run) -> None:
    assert run.metrics == json.loads((run.path / "metrics.json").read_text())
    assert run.config["seed"] == 1
    assert run.config["model"]["name"] == "cnn"
    assert len(run.history) == 2
    # What the report tells to reproduce it is a command, and not this process's own.
    assert str(run.manifest["command"]).startswith("fer-train data=synthetic data.train=210 ")
    assert f'run_dir="{run.path}"' in str(run.manifest["command"])
    assert {"id", "label", "happy"} <= set(run.predictions)
    assert len(run.predictions) == 70
    assert run.figure().axes
    assert "public.accuracy" in run._repr_html_()


def test_settings_may_be_text_mappings_and_keywords() -> None:
    from fer.api.settings import overrides_of

    given = overrides_of(
        ["model=cnn", {"optimizer": {"lr": 0.1}, "data.batch_size": 64}],
        {"trainer": {"max_epochs": np.int64(3)}, "run_dir": Path("a b"), "augment": "none"},
    )
    assert given == [
        "model=cnn",
        "optimizer.lr=0.1",
        "data.batch_size=64",
        "trainer.max_epochs=3",
        'run_dir="a b"',
        "augment=none",
    ]
    with pytest.raises(ConfigError, match="is no setting"):
        overrides_of([3], {})  # type: ignore[list-item]


def test_mistakes_are_those_of_the_commands(tmp_path: Path) -> None:
    with pytest.raises(FerError, match="did you mean"):
        fer.train("modle=cnn", run_dir=tmp_path / "x")
    with pytest.raises(ConfigError, match="did you mean 'synthetic'"):
        fer.dataset("syntetic")
    with pytest.raises(ConfigError, match="two or more"):
        fer.compare(["a"])
    with pytest.raises(ConfigError, match="'runs/a_1' is one run: give a list"):
        fer.compare("runs/a_1")
    with pytest.raises(ConfigError, match=r"^prior=evryday: .*did you mean 'everyday'"):
        fer.predict(tmp_path / "a.jpg", prior="evryday")


def test_a_run_and_its_file_predict_alike(run: fer.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.export.measurement._SECONDS", 0.05)
    faces = render_faces(8, seed=5).images
    model = fer.load(run)
    exported = model.export(tmp_path / "a.onnx")
    file = fer.load(exported.path)
    np.testing.assert_allclose(model.probabilities(faces), file.probabilities(faces), atol=1e-3)
    assert model.uncertain_below == pytest.approx(file.uncertain_below, abs=1e-3)
    with pytest.raises(ConfigError, match="exported file already"):
        file.export(tmp_path / "b.onnx")
    with pytest.raises(DataError, match="expected uint8"):
        file.probabilities(faces[:, :40])


def test_the_net_of_a_run_that_has_diverged_is_told(run: fer.Run, photo: Path) -> None:
    model = fer.load(run)
    assert isinstance(model._form, CheckpointForm)
    for weights in model._form._model.net.parameters():
        weights.data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="numbers that are none: its training diverged"):
        model.predict(photo, detector="none")


def test_explanations_of_runs_and_of_files(run: fer.Run, photo: Path) -> None:
    for model, method in ((fer.load(run), "occlusion"), (fer.load(), None)):
        explained = model.explain(photo, "happy", method=method, detector="none")
        assert explained.heat_map.shape == (model.size, model.size)
        assert 0 <= explained.heat_map.min() <= explained.heat_map.max() <= 1
        assert explained.probability == pytest.approx(
            model.predict(photo, detector="none")[0].probabilities["happy"], abs=1e-4
        )
        assert "happy" in explained._repr_html_()
    with pytest.raises(ConfigError, match="choose one of"):
        fer.load().explain(photo, "hapy", detector="none")
    with pytest.raises(ConfigError, match="grad_cam"):
        fer.load(run).explain(photo, method="gradcam", detector="none")


def test_benchmark_counts_faces(run: fer.Run) -> None:
    table = fer.load(run).benchmark(batches=(1, 4))
    assert table["faces at a time"].tolist() == [1, 4]
    np.testing.assert_allclose(table["ms a face"] * table["faces a second"], 1000)


def test_reports_show_themselves(run: fer.Run, tmp_path: Path) -> None:
    others = ("robustness", "explanations", "occlusion", "cost", "embedding", "label_noise")
    off = {name: {"enabled": False} for name in others}
    quick = {"bootstrap": 100, "tta": False, **off}
    report = sketched()(fer.evaluate)(run, quick, out=tmp_path / "report")
    assert report.metrics["private"]["accuracy"]["value"] >= 0
    assert len(report.to_pandas()) == 1
    assert {"precision", "recall"} <= set(report.per_class.columns)
    assert "srcdoc=" in report._repr_html_()


@pytest.mark.xdist_group("sweeps")
def test_a_sweep_knows_its_best_trial(tmp_path: Path) -> None:
    found = fer.sweep(
        *TINY,
        "optimizer.lr=choice(0.001, 0.01)",
        "model.params.hidden=[16]",
        model="mlp",
        report=False,
        space="none",
        num_trials=2,
        workers=1,
        trainer={"max_epochs": 1},
        sweep_dir=tmp_path / "sweep",
    )
    table = found.to_pandas()
    assert table["status"].tolist() == ["ok", "ok"]
    assert found.best["optimizer.lr"] in (0.001, 0.01)
    assert json.loads(found.folder.settings.read_text())["command"].startswith("fer-sweep data=synthetic ")
    assert f"optimizer.lr={found.best['optimizer.lr']}" in str(found.best_run().manifest["command"]).split()
    assert found.best_run().metrics["public.accuracy"] == pytest.approx(1 - table["loss"].min())


def test_a_data_set_and_its_faces() -> None:
    faces = fer.dataset("synthetic", train=70, public=14, private=14)
    assert len(faces) == 98
    assert faces.to_pandas()["split"].value_counts().to_dict() == {"Training": 70, "PublicTest": 14, "PrivateTest": 14}
    assert faces.audit().unique_images == 98
    assert faces.figure("faces").images
    assert "98 faces" in faces._repr_html_()
