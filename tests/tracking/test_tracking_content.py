import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from filelock import FileLock

from fer.common.errors import DataError
from fer.tracking.content import MAX_DATASET, MAX_KEY, MAX_PARAM, params_of, read_run

Start = Callable[..., Any]


def test_params_are_the_configuration_without_what_only_watches(fake_training: Start) -> None:
    run = fake_training(config={"logger": {"mlflow": {"uri": "http://user:secret@host"}}, "nothing": {}})
    params = read_run(run.path).params
    assert params["model.params.widths"] == "[8, 16]"
    assert params["optimizer.lr"] == "0.01"
    assert params["nothing"] == "{}"
    assert not any(name.startswith(("logger", "run_dir", "report")) for name in params)
    assert "secret" not in json.dumps(dict(params))


def test_two_runs_of_one_configuration_have_the_same_params(fake_training: Start) -> None:
    first, second = (read_run(fake_training(name).path).params for name in ("a", "b"))
    assert first == second
    assert first["callbacks.checkpoint.dirpath"] == "RUN_DIR/checkpoints"


def test_a_folder_of_one_letter_changes_no_other_param() -> None:
    config = {"model": {"name": "cnn", "n": "n"}, "callbacks": {"checkpoint": {"dirpath": "n/checkpoints"}}}
    assert params_of(config, run_dir="n") == {
        "model.name": "cnn",
        "model.n": "n",
        "callbacks.checkpoint.dirpath": "RUN_DIR/checkpoints",
    }


def test_params_keep_to_the_limits_of_mlflow() -> None:
    long = {f"{'x' * 300}{end}": "y" * 9000 for end in "ab"}
    params = params_of({**long, "odd=key(1)": None}, run_dir="unused")
    assert len(params) == 3
    assert max(map(len, params)) <= MAX_KEY
    assert max(len(value) for value in params.values()) == MAX_PARAM
    assert "whole in config.yaml" in next(iter(params.values()))
    assert params["odd_key_1_"] == "None"


def test_scores_on_private_test_are_no_metrics(fake_training: Start) -> None:
    run = fake_training()
    run.finish(**{"private.accuracy": 0.7, "private_dedup.accuracy": 0.6, "folder7178.accuracy": 0.65})
    assert set(read_run(run.path).final) == {"public.accuracy", "train_seconds", "num_parameters"}


def test_merged_data_of_many_members_have_a_name_that_mlflow_takes(fake_training: Start) -> None:
    run = fake_training()
    source = f"Merged ({' + '.join(['faces'] * 100)})"
    run.status("finished", data={"source": source, "fingerprint": "0123456789abcdef"})
    dataset = read_run(run.path).dataset
    assert dataset is not None
    assert len(dataset["name"]) == MAX_DATASET
    assert dataset["name"].endswith(" ...")


def test_every_metric_has_a_name_that_mlflow_takes_and_labels_of_any_script_keep_theirs(fake_training: Start) -> None:
    from mlflow.utils.validation import _validate_metric_name

    run = fake_training()
    run.epochs(0, **{"valid/recall/快乐": 0.25, "valid/recall/悲伤": 0.75, "valid/f1 (b=2)": 0.5})
    run.finish(**{"public.recall/快乐": 0.25, "public.f1 (b=2)": 0.5})
    content = read_run(run.path)
    assert [content.epochs[0].values[f"valid/recall/{label}"] for label in ("快乐", "悲伤")] == [0.25, 0.75]
    assert (content.final["public.recall/快乐"], content.final["public.f1 _b_2_"]) == (0.25, 0.5)
    for name in (*content.epochs[0].values, *content.final):
        _validate_metric_name(name)


def test_a_line_still_being_written_waits(fake_training: Start) -> None:
    run = fake_training()
    run.epochs(0, 1)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "train/lo')
    assert [epoch.number for epoch in read_run(run.path).epochs] == [0, 1]


def test_facts_of_an_epoch_and_of_the_run_do_not_share_a_name(fake_training: Start) -> None:
    run = fake_training()
    run.epochs(0)
    run.finish(images_per_second=50.0)
    content = read_run(run.path)
    assert content.epochs[0].values["epoch/images_per_second"] == 100.0
    assert content.final["images_per_second"] == 50.0
    assert not content.final.keys() & content.epochs[0].values.keys()


def test_a_training_that_holds_its_folder_runs_and_one_that_does_not_is_dead(fake_training: Start) -> None:
    run = fake_training()
    with FileLock(run.path / ".lock"):
        assert read_run(run.path).status == "running"
    dead = read_run(run.path)
    assert dead.status == "failed"
    assert dead.tags["fer.error"] == "the training died without a word"


def test_energy_is_a_metric_and_its_source_a_tag(fake_training: Start) -> None:
    run = fake_training()
    energy = {"kwh": 0.01, "co2_kg": 0.004, "country": "DEU", "kg_per_kwh": 0.4, "method": "CPU measured (RAPL)"}
    run.status("finished", energy=energy)
    content = read_run(run.path)
    assert (content.final["energy.kwh"], content.final["energy.co2_kg"]) == (0.01, 0.004)
    assert (content.tags["fer.energy.country"], content.tags["fer.energy.kg_per_kwh"]) == ("DEU", "0.4")


def test_a_report_goes_without_its_faces_and_predictions(fake_training: Start) -> None:
    run = fake_training()
    run.finish()
    report = run.path / "report"
    for name in (
        "figures/roc.png",
        "figures/roc.svg",
        "gradcam/face.png",
        "predictions/private.parquet",
        "card.md",
        ".files.json",
    ):
        (report / name).parent.mkdir(parents=True, exist_ok=True)
        (report / name).write_bytes(b"content")
    assert not any(name.startswith("report/") for name in read_run(run.path).artifacts)  # not made to its end
    (report / "report.html").write_text("page")
    sent = {name for name in read_run(run.path).artifacts if name.startswith("report/")}
    assert sent == {"report/report.html", "report/card.md", "report/figures/roc.png"}


def test_while_it_runs_only_the_configuration_is_an_artifact(fake_training: Start) -> None:
    run = fake_training()
    assert set(read_run(run.path, alive=True).artifacts) == {"config.yaml"}
    run.epochs(0)
    run.finish()
    names = set(read_run(run.path).artifacts)
    assert {"manifest.json", "metrics.jsonl", "checkpoints/best.ckpt", "predictions/public.parquet"} <= names


def test_the_end_of_a_run_survives_a_copy(fake_training: Start) -> None:
    run = fake_training()
    run.status("finished", wall_seconds=12.5)
    os.utime(run.path / "manifest.json", (0, 0))
    content = read_run(run.path)
    assert content.changed - content.started == 12_500
    run.status("finished", wall_seconds=12.5, resumed_from="checkpoints/last.ckpt")
    os.utime(run.path / "manifest.json", (2e9, 2e9))
    assert read_run(run.path).changed == 2e12


def test_a_broken_manifest_is_named(fake_training: Start) -> None:
    run = fake_training()
    (run.path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json is not readable JSON"):
        read_run(run.path)


def test_everything_that_was_logged_is_sent(fake_training: Start) -> None:
    run = fake_training(config={"callbacks": {"report": {"_target_": "x"}}})
    run.epochs(0, **{"val/kappa": 0.3, "lr-Muon": 0.01, "odd(name)": 1.0})
    (run.path / "figures" / "explain").mkdir(parents=True)
    (run.path / "figures" / "explain" / "epoch_004.png").write_bytes(b"png")
    (run.path / "logged.jsonl").write_text(
        '{"step": 50, "time": 1700000000000, "values": {"gpu/memory": 2.5}}\n{"step": 100, "ti'
    )
    content = read_run(run.path)
    assert {"val/kappa": 0.3, "lr-Muon": 0.01, "odd_name_": 1.0}.items() <= content.epochs[0].values.items()
    (point,) = content.points
    assert (point.step, point.time, dict(point.values)) == (50, 1_700_000_000_000, {"gpu/memory": 2.5})
    assert content.artifacts["figures/explain/epoch_004.png"].is_file()
    run.finish()
    assert read_run(run.path).awaits_report


def test_what_only_a_logger_hears_is_written_down(fake_training: Start) -> None:
    from types import SimpleNamespace

    from fer.tracking.logger import MLflowTracking

    run = fake_training()
    logger = MLflowTracking(str(run.path), wait_seconds=0)
    logger._module = SimpleNamespace(trainer=SimpleNamespace(callback_metrics={"valid/accuracy": 0.5}))
    logger.log_metrics({"valid/accuracy": 0.5, "epoch": 0}, step=10)
    assert not (run.path / "logged.jsonl").exists()
    logger.log_metrics({"gpu/memory": 2.5, "valid/accuracy": 0.5}, step=20)
    (point,) = read_run(run.path).points
    assert (point.step, dict(point.values)) == (20, {"gpu/memory": 2.5})
