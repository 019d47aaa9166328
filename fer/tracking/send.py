"""Sends to MLflow what is not there yet; every step is noted down, so that nothing is sent twice."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer.common.errors import ConfigError
from fer.common.wording import shell_word
from fer.tracking.content import Content, Status, as_tags, batches
from fer.tracking.mlflow_run import find_or_create
from fer.tracking.record import Place, Record
from fer.tracking.store import OpenStore, TrackingError, as_current, told

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param, RunTag

STATUSES: Final[Mapping[Status, str]] = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
"""Status of a run folder -> status of its MLflow run."""

_PARAMS_A_BATCH: Final = 100
_TAGS_A_BATCH: Final = 100
_METRICS_A_BATCH: Final = 1000
"""MLflow's limits of one request (mlflow/utils/validation.py)."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Where a model goes in the registry.

    Attributes:
        name: the registered model.
        alias: what the new version is called, such as "champion"; None for no alias.
    """

    name: str
    alias: str | None


@dataclass(kw_only=True)
class Sent:
    """What one call of `send` did.

    Attributes:
        folder: what was sent.
        run_id: MLflow's name of the run.
        status: MLflow's status of the run.
        epochs: epochs sent now.
        artifacts: files sent now.
        model: whether the model was sent now.
        version: the registered version, where one was asked for.
        created: whether the run is new in MLflow.
    """

    folder: Path
    run_id: str
    status: str
    epochs: int = 0
    artifacts: int = 0
    model: bool = False
    version: str | None = None
    created: bool = False


def send(
    content: Content,
    record: Record,
    store: OpenStore,
    *,
    parent: str | None = None,
    register: Registration | None = None,
) -> Sent:
    """Brings one MLflow run up to the state of its folder.

    A call that finds nothing new makes no request but one that looks whether the run is still there.

    Args:
        content: the folder's state.
        record: what was sent before; is written after every step.
        store: where to.
        parent: run id of the study or sweep it belongs to.
        register: puts the model into the registry.

    Raises:
        TrackingError: the store failed; `record` says how far it got.
        ConfigError: the run was deleted in MLflow, or a model is to be registered and there is none.
    """
    if register is not None and content.model is None:
        raise ConfigError(
            f"--register {register.name}: {content.folder} has no model.onnx: "
            f"fer-export {shell_word(content.folder)} --out {shell_word(content.folder / 'model.onnx')} "
            "makes one, or name one with --model"
        )
    place = record.place(store.address.shown, store.address.experiment)
    place.state = "sending"
    try:
        with told(store.address):
            sent = _Sending(content, record, place, store).all(parent=parent, register=register)
    except TrackingError as error:
        place.state, place.error = "incomplete", str(error)
        record.save()
        raise
    return sent


class _Sending:
    """One call of `send`."""

    def __init__(self, content: Content, record: Record, place: Place, store: OpenStore) -> None:
        self.content = content
        self.record = record
        self.place = place
        self.store = store
        self.client = store.client

    def all(self, *, parent: str | None, register: Registration | None) -> Sent:
        content, place = self.content, self.place
        created = find_or_create(content, self.record, place, self.store)
        assert place.run_id is not None
        sent = Sent(folder=content.folder, run_id=place.run_id, status=STATUSES[content.status], created=created)
        self._status_running()
        self._tags(parent)
        self._params()
        self._dataset()
        sent.epochs = self._epochs()
        self._points()
        figured = content.status != "running" and self._final()
        sent.artifacts = self._artifacts()
        sent.model = self._model()
        if register is not None:
            sent.version = self._register(register)
        if content.status != "running":
            self._terminate(later=figured)
            place.state = "complete"
        place.error = None
        self.record.save()
        return sent

    def _status_running(self) -> None:
        """A run that ended and was resumed runs again."""
        if self.content.status == "running" and self.place.status != "RUNNING":
            assert self.place.run_id is not None
            self.client.update_run(self.place.run_id, status="RUNNING")
            self.place.status = "RUNNING"
            self.record.save()

    def _tags(self, parent: str | None) -> None:
        tags = dict(self.content.tags)
        if parent is not None:
            tags["mlflow.parentRunId"] = parent
        if not self._is_new("tags", tags):
            return
        from mlflow.entities import RunTag

        for batch in batches(tags.items(), _TAGS_A_BATCH):
            self._log(tags=[RunTag(key, value) for key, value in batch])
        self._note("tags", tags)

    def _params(self) -> None:
        params = dict(self.content.params)
        if not self._is_new("params", params):
            return
        from mlflow.entities import Param, RunTag

        # After a resumption under other settings, or where the record was lost, the store knows what it has.
        assert self.place.run_id is not None
        there = self.client.get_run(self.place.run_id).data.params
        changed = {name: value for name, value in params.items() if there.get(name, value) != value}
        if changed:
            told_as = as_tags({"changed_params": json.dumps(changed)})
            self._log(tags=[RunTag(key, value) for key, value in told_as.items()])
        for batch in batches(((k, v) for k, v in params.items() if k not in there), _PARAMS_A_BATCH):
            self._log(params=[Param(key, value) for key, value in batch])
        self._note("params", params)

    def _dataset(self) -> None:
        dataset = self.content.dataset
        if dataset is None or not self._is_new("dataset", dict(dataset)):
            return
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(
            name=dataset["name"],
            digest=dataset["digest"],
            source_type="local",
            source=dataset["name"],
            profile=dataset["profile"],
        )
        assert self.place.run_id is not None
        self.client.log_inputs(self.place.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])
        self._note("dataset", dict(dataset))

    def _epochs(self) -> int:
        """Sends new epochs; how many.

        A resumed training writes epochs anew that its checkpoint did not hold. Those sent stay as they are: a resumed
        run reproduces them bit for bit.
        """
        epochs, place = self.content.epochs, self.place
        new = epochs[place.epochs :]
        if not new:
            return 0
        earlier = place.times[: place.epochs]
        place.times = earlier + self._times(len(new), after=earlier[-1] if earlier else 0)
        self.record.save()
        from mlflow.entities import Metric

        points: list[Metric] = []
        for epoch, time in zip(new, place.times[place.epochs :], strict=True):
            points += [Metric(name, value, time, epoch.number) for name, value in epoch.values.items()]
        self._metrics(points)
        place.epochs = len(epochs)
        self.record.save()
        return len(new)

    def _points(self) -> None:
        """Sends what was logged beside the epochs."""
        new = self.content.points[self.place.points :]
        if not new:
            return
        from mlflow.entities import Metric

        values = [(each, name, value) for each in new for name, value in each.values.items()]
        self._metrics([Metric(name, value, each.time, each.step) for each, name, value in values])
        self.place.points = len(self.content.points)
        self.record.save()

    def _times(self, count: int, *, after: int) -> list[int]:
        """When each of the last `count` epochs ended: back from the last one by the seconds they took.

        They stay in order where the clock went back, or the folder was copied: MLflow orders points by time.
        """
        time, times = self.content.changed, []
        for epoch in reversed(self.content.epochs[-count:]):
            times.append(time)
            time -= int(1000 * epoch.seconds)
        return [max(time, after + 1 + number) for number, time in enumerate(reversed(times))]

    def _final(self) -> bool:
        """Sends the figures of the whole run if they are new or changed; whether they were."""
        content = self.content
        final = dict(content.final)
        if not final or not self._is_new("final", final):
            return False
        from mlflow.entities import Metric

        step = content.epochs[-1].number if content.epochs else 0
        self._metrics([Metric(name, value, content.changed, step) for name, value in final.items()])
        self._note("final", final)
        return True

    def _artifacts(self) -> int:
        """Sends files that are new or changed; how many."""
        count = 0
        assert self.place.run_id is not None
        for name, path in self.content.artifacts.items():
            digest = file_hash(path)
            if self.place.hashes.get(name) == digest:
                continue
            self.client.log_artifact(self.place.run_id, str(path), name.rpartition("/")[0] or None)
            self.place.hashes[name] = digest
            self.record.save()
            count += 1
        return count

    def _model(self) -> bool:
        """Sends the exported model if it is new or changed; whether it was."""
        path = self.content.model
        if path is None:
            return False
        digest = file_hash(path)
        if self.place.model is not None and self.place.model["hash"] == digest:
            return False
        from fer.tracking.onnx_model import log_onnx

        assert self.place.run_id is not None
        step = self.content.epochs[-1].number if self.content.epochs else 0
        uri = log_onnx(path, store=self.store, run_id=self.place.run_id, step=step)
        self.place.model = {"hash": digest, "uri": uri}
        self.record.save()
        return True

    def _register(self, wanted: Registration) -> str:
        """The version in the registry, made if this model has none there yet."""
        from fer.tracking.onnx_model import register_version, set_alias

        place = self.place
        assert place.model is not None
        version = place.versions.get(wanted.name)
        if version is None or version["model"] != place.model["hash"]:
            # The client itself asks the current store for the logged model.
            with as_current(self.store.address):
                number = register_version(
                    self.client,
                    name=wanted.name,
                    model_uri=place.model["uri"],
                    run_id=place.run_id,
                    tags=self.content.final,
                )
            version = {"version": number, "model": place.model["hash"]}
            place.versions[wanted.name] = version
            self.record.save()
        if wanted.alias is not None:
            set_alias(self.client, name=wanted.name, alias=wanted.alias, version=version["version"])
        return version["version"]

    def _terminate(self, *, later: bool) -> None:
        """Notes how and when the run ended; `later`: it went on after an end that MLflow knows, as sweeps do."""
        wanted = STATUSES[self.content.status]
        if self.place.status == wanted and not later:
            return
        assert self.place.run_id is not None
        self.client.set_terminated(self.place.run_id, status=wanted, end_time=self.content.changed)
        self.place.status = wanted

    def _metrics(self, points: "list[Metric]") -> None:
        for batch in batches(points, _METRICS_A_BATCH):
            self._log(metrics=batch)

    def _log(
        self,
        *,
        metrics: "Sequence[Metric]" = (),
        params: "Sequence[Param]" = (),
        tags: "Sequence[RunTag]" = (),
    ) -> None:
        assert self.place.run_id is not None
        self.client.log_batch(self.place.run_id, metrics=metrics, params=params, tags=tags)

    def _is_new(self, part: str, value: Mapping[str, object]) -> bool:
        return self.place.hashes.get(f"<{part}>") != _hash(value)

    def _note(self, part: str, value: Mapping[str, object]) -> None:
        self.place.hashes[f"<{part}>"] = _hash(value)
        self.record.save()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(value: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8")).hexdigest()
