"""The Python API on what scripts hand it: other folders, lazy pictures, arrays of paths, damaged files."""

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import fer
from fer.common.errors import CheckpointError, ConfigError, DataError, StorageError
from fer.data.synthetic import render_faces
from fer.runtime.shipped import shipped_file


@pytest.fixture(scope="module")
def face() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return render_faces(1, seed=3).images[0]


def jpeg(face: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    return cv2.imencode(".jpg", np.kron(face, np.ones((3, 3), np.uint8)))[1].tobytes()


def cut_off(face: np.ndarray[Any, np.dtype[np.uint8]]) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(jpeg(face)[:900]))


def closed(face: np.ndarray[Any, np.dtype[np.uint8]]) -> Any:
    from PIL import Image

    image = Image.fromarray(face)
    image.close()
    return image


def fractions(face: np.ndarray[Any, np.dtype[np.uint8]]) -> Any:
    from PIL import Image

    return Image.fromarray(face.astype(np.float32) / 255)


@pytest.mark.parametrize(
    ("made", "said"), [(cut_off, "truncated"), (closed, "closed"), (fractions, "which of them is")]
)
def test_a_pil_image_that_cannot_be_read_is_a_mistake(
    made: Callable[..., Any], said: str, face: np.ndarray[Any, np.dtype[np.uint8]]
) -> None:
    # PIL reads a file when its pixels are asked for.
    with pytest.raises(DataError, match=said):
        fer.predict(made(face), detector="none")


def test_a_picture_stays_what_it_was_when_it_was_looked_at(face: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    # As of a camera that writes every frame into the same memory.
    frame = face.copy()
    faces = fer.predict(frame, detector="none")
    before = faces.image()
    frame[:] = 0
    np.testing.assert_array_equal(faces.image(), before)


def test_an_array_of_paths_is_as_good_as_a_list(face: np.ndarray[Any, np.dtype[np.uint8]], tmp_path: Path) -> None:
    import pandas

    paths = [str(tmp_path / name) for name in ("a.png", "b.png")]
    for path in paths:
        cv2.imwrite(path, face)
    column = pandas.Series(paths)
    for source in (column, column.to_numpy(dtype=object), np.array(paths)):
        assert fer.predict(source, detector="none").sources == tuple(paths)


def test_a_missing_file_among_others_loses_nothing_of_them(
    face: np.ndarray[Any, np.dtype[np.uint8]], tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), face)
    gone = tmp_path / "gone.png"
    for others in ([path, path], [face, path]):
        found = fer.predict([others[0], gone, others[1]], detector="none")
        assert [each.status for each in found] == ["ok", "unreadable", "ok"]
        assert found._repr_html_().count("<img") == len(set(found.sources)) - 1
        assert (found[1].source, found[1].reason) == (str(gone), "there is no such file")
    with pytest.raises(DataError, match="there is no file"):
        fer.predict([gone, gone], detector="none")
    path.unlink()
    page = found._repr_html_()
    assert (page.count("<img"), "a.png" in page) == (1, True)


def test_the_working_folder_may_change(
    face: np.ndarray[Any, np.dtype[np.uint8]], tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(shipped_file(), tmp_path / "model.ONNX")
    cv2.imwrite(str(tmp_path / "a.png"), face)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tiny_run)
    monkeypatch.chdir(tmp_path)
    file, run = fer.load("model.ONNX"), fer.Run("run")
    faces = file.predict("a.png", "none")
    here = fer.load(run).probabilities(face[None])
    monkeypatch.chdir("elsewhere")
    assert faces.image().shape == (48, 48, 3)
    recipe = file.recipe("none")
    assert recipe is not None
    assert recipe.open_model().name == file.name
    # Temperature and threshold are fitted on its predictions when they are first needed.
    model = fer.load(run)
    np.testing.assert_array_equal(model.probabilities(face[None]), here)
    assert model.uncertain_below > 0


def test_a_home_folder_may_be_meant(
    face: np.ndarray[Any, np.dtype[np.uint8]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fer.config.compose import compose_train

    monkeypatch.setenv("HOME", str(tmp_path))
    cv2.imwrite(str(tmp_path / "a.png"), face)
    assert fer.predict("~/a.png", detector="none")[0].status == "ok"
    tree = compose_train(["run_dir=~/runs/a"])
    assert tree["run_dir"] == f"{tmp_path}/runs/a"
    assert tree["callbacks"]["checkpoint"]["dirpath"] == f"{tmp_path}/runs/a/checkpoints"


def test_what_a_model_was_adjusted_to_stays(face: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    balanced, both = fer.load().adjusted(prior="balanced"), fer.load().adjusted(prior="balanced", tta=True)
    wanted = both.probabilities(face[None])
    for model in (balanced.adjusted(tta=True), fer.load().adjusted(tta=True).adjusted(prior="balanced")):
        assert model.prior == "balanced"
        np.testing.assert_array_equal(model.probabilities(face[None]), wanted)
    (found,) = fer.predict(face, balanced, "none", tta=True)
    assert found.prior == "balanced"
    np.testing.assert_allclose(list((found.probabilities or {}).values()), wanted[0], atol=1e-6)
    np.testing.assert_array_equal(
        both.adjusted(tta=False).probabilities(face[None]), balanced.probabilities(face[None])
    )


def test_faces_may_be_none_or_a_list(face: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    model = fer.load()
    assert model.probabilities(face[None][:0]).shape == (0, 7)
    np.testing.assert_array_equal(model.probabilities([face, face]), model.probabilities(np.stack([face, face])))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no array of faces"):
        model.probabilities([face, face[:9]])  # type: ignore[arg-type]


def test_a_net_that_diverged_judges_nothing(
    face: np.ndarray[Any, np.dtype[np.uint8]], tiny_run: Path, tmp_path: Path
) -> None:
    import torch

    run = shutil.copytree(tiny_run, tmp_path / "run")
    content = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    for tensor in content["state_dict"].values():
        if tensor.is_floating_point():
            tensor.fill_(float("nan"))
    torch.save(content, run / "checkpoints" / "best.ckpt")
    with pytest.raises(CheckpointError, match="its training diverged"):
        fer.predict(face, run, "none")


def test_damaged_predictions_are_told_in_a_line(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    table = run / "predictions" / "public.parquet"
    table.write_bytes(table.read_bytes()[:100])
    with pytest.raises(DataError, match="is no prediction table"):
        _ = fer.Run(run).predictions


def test_slips_are_told() -> None:
    with pytest.raises(ConfigError, match="did you mean 'everyday'"):
        fer.load("evryday")
    with pytest.raises(ConfigError, match="1 face or more"):
        fer.load().benchmark(batches=(0,))


def test_one_run_and_several_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fer\.compare"):
        fer.evaluate(["a", "b"])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="1 run: comparing needs two"):
        fer.compare(path for path in [tmp_path])
    with pytest.raises(ConfigError, match="a int is no run"):
        fer.compare([1, 2])  # type: ignore[list-item]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep folder of two trials over the loss, each of two folds."""
    trial = {
        **dict.fromkeys(("start_seconds", "train_seconds", "error")),
        **{
            "status": "ok",
            "metrics": {"public.accuracy": 0.4},
            "seconds": 2.0,
            "command": "",
            "started": "",
            "curve": [],
        },
    }
    params = [{"loss": "focal", "optimizer.lr": 0.1}, {"loss": "cross_entropy", "optimizer.lr": 0.2}]
    lines = [
        json.dumps(
            {**trial, "trial": number, "run_dir": f"trials/{number:04d}", "loss": 0.6 - number / 10, "params": each}
        )
        for number, each in enumerate(params)
    ]
    folder = tmp_path / "sweep"
    for fold in range(2):
        (folder / "trials" / "0001" / f"fold{fold}").mkdir(parents=True)
        (folder / "trials" / "0001" / f"fold{fold}" / "config.yaml").touch()
    (folder / "sweep.json").write_text("{}")
    (folder / "trials.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "best.yaml").write_text("loss: cross_entropy\n")
    return folder


def test_a_searched_loss_is_not_taken_for_the_loss(sweep: Path) -> None:
    found = fer.SweepResult(os.fspath(sweep))
    table = found.to_pandas()
    assert table["loss"].tolist() == [0.6, 0.5]
    assert table["search.loss"].tolist() == ["focal", "cross_entropy"]
    assert table["optimizer.lr"].tolist() == [0.1, 0.2]
    assert found.best == {"loss": "cross_entropy"}


def test_a_trial_of_folds_is_no_run(sweep: Path) -> None:
    with pytest.raises(DataError, match=r"trial 1 is 2 runs, one a fold: open one with fer\.Run\('.*/0001/fold0'\)"):
        fer.SweepResult(sweep).best_run()


def test_a_sweep_that_is_none_or_damaged_is_told(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no sweep folder"):
        fer.SweepResult(tmp_path)
    for content, said in (("", "holds no settings"), ("a: [", "not readable YAML")):
        (sweep / "best.yaml").write_text(content)
        with pytest.raises(DataError, match=said):
            _ = fer.SweepResult(sweep).best


def test_a_mapping_of_ones_own_words_is_a_setting_as_a_whole() -> None:
    from fer.api.settings import overrides_of
    from fer.config.compose import compose_train

    rules = {"joy": "happy", "my class": "sad", "üzgün": "fear", "no": "drop"}
    for given in ({"data.mapping": rules}, {"data": {"mapping": rules}}):
        assert compose_train(overrides_of(["data=folder", given], {"run_dir": "a"}))["data"]["mapping"] == rules


def test_a_block_with_a_name_is_an_option_of_its_group() -> None:
    from fer.api.settings import overrides_of
    from fer.config.compose import compose_train
    from fer.config.schema import typed

    named = {"data": {"name": "folder", "root": "a b"}, "model": {"name": "cnn"}, "run_dir": "a"}
    tree = compose_train(overrides_of([], named))
    typed(tree)
    assert tree["data"]["root"] == "a b"
    assert "convs" in tree["model"]["params"]
    # A run's whole configuration trains another run, which leaves the folder of the first alone.
    again = compose_train(overrides_of([tree], {"run_dir": "b", "seed": 3}))
    assert again == compose_train(overrides_of([], {**named, "run_dir": "b", "seed": 3}))
    assert again == compose_train(overrides_of([tree, {"run_dir": "b"}, "seed=3"], {}))
    assert again == compose_train(overrides_of([tree, "run_dir=b"], {"seed": 3}))
    assert again["callbacks"]["checkpoint"]["dirpath"] == "b/checkpoints"


def test_a_search_may_stand_in_a_mapping() -> None:
    from fer.api.settings import overrides_of
    from fer.tuning.settings import compose_sweep

    given = overrides_of([{"optimizer.lr": "loguniform(1e-4, 1e-1)"}], {"model": 'choice(mlp, "cnn")', "space": "none"})
    searched = {key: str(distribution) for _, key, distribution in compose_sweep(given).space.leaves()}
    assert searched == {"optimizer.lr": "loguniform(0.0001, 0.1)", "model": "choice(mlp, cnn)"}


def test_a_cache_that_cannot_be_looked_at_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # No file can have such a name; a folder that is closed to us answers in the same way.
    monkeypatch.setenv("FER_CACHE", f"{tmp_path}/{'n' * 300}")
    assert len(fer.dataset("synthetic", train=70, public=14, private=14)) == 98
    assert "working without it" in caplog.text


def test_what_the_disk_refuses_is_told_as_commands_do(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be used: its name is too long"):
        fer.dataset("fer2013", root=tmp_path / ("n" * 300))
    with pytest.raises(StorageError, match="its name is too long"):
        fer.Run(tmp_path / ("n" * 300))
