import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer.common.errors import ConfigError
from fer.tracking.content import read_run
from fer.tracking.record import Record, read_record
from fer.tracking.send import Registration, Sent, send
from fer.tracking.store import OpenStore

Start = Callable[..., Any]
Runs = Callable[[], list[Any]]


def push(path: Path, store: OpenStore, *, alive: bool | None = None, **options: Any) -> Sent:
    return send(read_run(path, alive=alive), read_record(path), store, **options)


def steps(store: OpenStore, run_id: str, metric: str) -> list[int]:
    return [point.step for point in store.client.get_metric_history(run_id, metric)]


def artifacts(store: OpenStore, run_id: str, path: str | None = None) -> set[str]:
    found = set()
    for item in store.client.list_artifacts(run_id, path):
        found |= artifacts(store, run_id, item.path) if item.is_dir else {item.path}
    return found


def test_a_finished_run_arrives_whole(fake_training: Start, store: OpenStore, runs_of: Runs) -> None:
    training = fake_training()
    training.epochs(0, 1)
    training.finish(**{"private.accuracy": 0.9})
    sent = push(training.path, store)
    (run,) = runs_of()
    assert (run.info.run_id, run.info.status, run.info.run_name) == (sent.run_id, "FINISHED", "run")
    assert run.data.params["model.name"] == "cnn"
    assert run.data.metrics["public.accuracy"] == 0.5
    assert not any("private" in name for name in run.data.metrics)
    assert steps(store, sent.run_id, "train/loss") == [0, 1]
    tags = run.data.tags
    assert (tags["fer.data.fingerprint"], tags["fer.seed"]) == ("0123456789abcdef", "0")
    assert tags["mlflow.source.git.commit"] == "0123456789ab"
    assert artifacts(store, sent.run_id) >= {"config.yaml", "metrics.json", "checkpoints/best.ckpt"}
    assert run.inputs.dataset_inputs[0].dataset.digest == "0123456789abcdef"


def test_epochs_are_as_far_apart_in_time_as_they_took(fake_training: Start, store: OpenStore) -> None:
    training = fake_training()
    training.epochs(0, 1, 2, seconds=7.0)
    training.finish()
    sent = push(training.path, store)
    times = [point.timestamp for point in store.client.get_metric_history(sent.run_id, "train/loss")]
    assert np.diff(times).tolist() == [7000, 7000]


class Counted:
    """A client that counts what is written through it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.writes: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(("get_", "search_", "list_")):
            self.writes.append(name)
        return getattr(self.client, name)


def test_sending_twice_writes_nothing_twice(fake_training: Start, store: OpenStore) -> None:
    training = fake_training()
    training.epochs(0, 1)
    training.finish()
    push(training.path, store)
    counted = Counted(store.client)
    again = push(training.path, OpenStore(address=store.address, client=counted, experiment_id=store.experiment_id))  # type: ignore[arg-type]
    assert counted.writes == []
    assert (again.created, again.epochs, again.artifacts, again.model) == (False, 0, 0, False)


def test_a_growing_run_is_sent_in_parts(fake_training: Start, store: OpenStore, runs_of: Runs) -> None:
    training = fake_training()
    training.epochs(0)
    assert push(training.path, store, alive=True).epochs == 1
    assert runs_of()[0].info.status == "RUNNING"
    training.epochs(1, 2)
    training.finish()
    sent = push(training.path, store)
    assert sent.epochs == 2
    (run,) = runs_of()
    assert run.info.status == "FINISHED"
    assert steps(store, sent.run_id, "valid/accuracy") == [0, 1, 2]


def test_what_went_on_after_its_end_ends_later(fake_training: Start, store: OpenStore, runs_of: Runs) -> None:
    training = fake_training()
    training.finish()
    first = read_run(training.path)
    longer = replace(first, changed=first.changed + 60_000, final={**first.final, "trials.ok": 8.0})
    for content in (first, longer):
        send(content, read_record(training.path), store)
    (run,) = runs_of()
    assert (run.info.status, run.info.end_time) == ("FINISHED", longer.changed)


@pytest.mark.parametrize(("status", "theirs"), [("failed", "FAILED"), ("interrupted", "KILLED"), ("running", "FAILED")])
def test_a_run_that_broke_off_is_closed_so(
    fake_training: Start, store: OpenStore, runs_of: Runs, status: str, theirs: str
) -> None:
    training = fake_training()
    training.epochs(0)
    training.status(status, **({"error": "ValueError: a"} if status == "failed" else {}))
    push(training.path, store)
    (run,) = runs_of()
    assert run.info.status == theirs
    if status == "failed":
        assert run.data.tags["fer.error"] == "ValueError: a"


def test_a_resumed_run_goes_on_and_tells_changed_params_in_a_tag(
    fake_training: Start, store: OpenStore, runs_of: Runs
) -> None:
    training = fake_training()
    training.epochs(0)
    training.status("interrupted")
    first = push(training.path, store)
    training.configure({"seed": 0, "threads": 2, "optimizer": {"lr": 0.5}})
    training.status("running")
    assert push(training.path, store, alive=True).run_id == first.run_id
    (run,) = runs_of()
    assert run.info.status == "RUNNING"
    assert run.data.params["optimizer.lr"] == "0.01"
    assert run.data.tags["fer.changed_params"] == '{"optimizer.lr": "0.5"}'
    assert run.data.params["threads"] == "2"
    training.epochs(1)
    training.finish()
    push(training.path, store)
    (run,) = runs_of()
    assert run.info.status == "FINISHED"
    assert steps(store, first.run_id, "train/loss") == [0, 1]


def test_a_crash_before_the_run_was_noted_makes_no_second_run(
    fake_training: Start, store: OpenStore, runs_of: Runs
) -> None:
    training = fake_training()
    training.epochs(0)
    training.finish()
    first = push(training.path, store)
    record = Record(training.path, read_record(training.path).key, [])
    record.place(store.address.shown, store.address.experiment)
    record.save()
    assert push(training.path, store).run_id == first.run_id
    assert len(runs_of()) == 1


def test_a_run_deleted_in_mlflow_is_not_sent_again_unasked(fake_training: Start, store: OpenStore) -> None:
    training = fake_training()
    training.finish()
    sent = push(training.path, store)
    store.client.delete_run(sent.run_id)
    with pytest.raises(ConfigError, match=r"was deleted .* delete .*tracking\.json"):
        push(training.path, store)


def write_onnx(path: Path, *, offset: float) -> None:
    """A model of grey faces, uint8 (N, 1, 48, 48) to (N,): their mean and `offset`."""
    from onnx import TensorProto, helper, save_model

    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["faces"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Add", ["mean", "offset"], ["answer"]),
        ],
        "mean",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, ["N", 1, 48, 48])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["N"])],
        [helper.make_tensor("offset", TensorProto.FLOAT, [1], [offset])],
    )
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def test_a_registered_model_answers_by_its_alias(
    fake_training: Start, store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.pyfunc

    from fer.tracking.store import as_current

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    training = fake_training()
    training.finish()
    write_onnx(training.path / "model.onnx", offset=1.0)
    wanted = Registration(name="faces", alias="champion")
    assert push(training.path, store, register=wanted).version == "1"
    again = push(training.path, store, register=wanted)
    assert (again.version, again.model) == ("1", False)

    assert "MLFLOW_TRACKING_URI" not in os.environ  # else it would be the store of the next folder
    with as_current(store.address):
        model = mlflow.pyfunc.load_model("models:/faces@champion")
    faces = np.full((2, 1, 48, 48), 7, np.uint8)
    assert model.predict(faces)["answer"] == pytest.approx([8.0, 8.0])
    (taken,) = model.metadata.signature.inputs.inputs
    assert (taken.name, taken.type, taken.shape) == ("faces", np.dtype("uint8"), (-1, 1, 48, 48))
    assert model.input_example["faces"].shape == (1, 1, 48, 48)

    (logged,) = store.client.search_logged_models([store.experiment_id])
    assert (logged.source_run_id, str(logged.status)) == (read_record(training.path).places[0].run_id, "READY")
    assert not list((tmp_path / "here").iterdir())  # MLflow's own defaults would be files here

    write_onnx(training.path / "model.onnx", offset=2.0)
    changed = push(training.path, store, register=wanted)
    assert (changed.version, changed.model) == ("2", True)
    assert store.client.get_model_version_by_alias("faces", "champion").version in (2, "2")


def test_registering_without_a_model_says_how_to_make_one(fake_training: Start, store: OpenStore) -> None:
    training = fake_training()
    training.finish()
    with pytest.raises(ConfigError, match=r"fer-export .*model\.onnx makes one"):
        push(training.path, store, register=Registration(name="faces", alias=None))
