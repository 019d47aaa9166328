"""The MLflow run of a folder: the one there is, or a new one."""

from typing import TYPE_CHECKING, Final

from fer.common.errors import ConfigError
from fer.tracking.content import Content
from fer.tracking.record import Place, Record
from fer.tracking.store import OpenStore

if TYPE_CHECKING:
    from mlflow.entities import Run

_KEY_TAG: Final = "fer.key"


def find_or_create(content: Content, record: Record, place: Place, store: OpenStore) -> bool:
    """Sets the place's run id; whether the run is new.

    Args:
        content: the folder's state.
        record: of the folder; is written.
        place: what the store holds, of `record`.
        store: where.

    Raises:
        ConfigError: the run that was there was deleted in MLflow.
    """
    if place.run_id is not None:
        _refuse_deleted(place.run_id, record, store)
        return False
    # Written first: a crash right after the creation finds the run again by its key.
    record.save()
    known = _by_key(record, store)
    if known is not None:
        _adopt(known, record, place)
        return False
    run = store.client.create_run(
        store.experiment_id, start_time=content.started, run_name=content.name, tags={_KEY_TAG: record.key}
    )
    place.run_id, place.status = run.info.run_id, "RUNNING"
    record.save()
    return True


def _refuse_deleted(run_id: str, record: Record, store: OpenStore) -> None:
    from mlflow.exceptions import MlflowException

    try:
        deleted = store.client.get_run(run_id).info.lifecycle_stage == "deleted"
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        deleted = True
    if deleted:
        raise ConfigError(
            f"run {run_id} of {record.folder} was deleted in {store.address.shown}: restore it there, "
            f"or delete {record.path} to send the folder as a new run"
        )


def _by_key(record: Record, store: OpenStore) -> "Run | None":
    found = store.client.search_runs(
        [store.experiment_id], filter_string=f"tags.`{_KEY_TAG}` = '{record.key}'", max_results=1
    )
    return found[0] if found else None


def _adopt(run: "Run", record: Record, place: Place) -> None:
    """Goes on with a run that another place of this record, or a lost one, made."""
    same = [other for other in record.places if other is not place and other.run_id == run.info.run_id]
    if same:
        # The database was moved: all that was sent is there.
        old = same[-1]
        place.epochs, place.times, place.hashes = old.epochs, old.times, old.hashes
        place.points = old.points
        place.model, place.versions = old.model, old.versions
        record.places.remove(old)
    place.run_id, place.status = run.info.run_id, run.info.status
    record.save()
