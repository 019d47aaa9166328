"""Brings MLflow up to the state of a run, study or sweep folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer.common.errors import ConfigError, DataError
from fer.tracking.content import Content, read_run
from fer.tracking.groups import is_group, read_group
from fer.tracking.record import owned, read_record
from fer.tracking.send import Registration, Sent, send
from fer.tracking.store import OpenStore, StoreAddress, find_store, keep_credentials, open_store

_OPEN: dict[StoreAddress, OpenStore] = {}
"""Stores this process has reached: opening one takes as long as all the rest."""


def sync(
    path: Path,
    *,
    uri: str | None = None,
    experiment: str | None = None,
    model: Path | None = None,
    register: Registration | None = None,
    tell: Callable[[Sent], None] | None = None,
) -> tuple[StoreAddress, list[Sent]]:
    """Sends to MLflow what of a folder is not there yet.

    Args:
        path: a run, study or sweep folder. Of a study or sweep the parent run comes first, then what is nested in it.
        uri: the store; None as `find_store` says.
        experiment: its experiment; None as `find_store` says.
        model: ONNX file of a run's model; None takes the run folder's `model.onnx`.
        register: puts a run's model into the registry.
        tell: is called after each MLflow run.

    Returns:
        The store, and what was sent, in order.

    Raises:
        TrackingError: the store failed; what was sent is remembered, and the same call sends the rest.
        ConfigError: another process sends the folder; the run was deleted in MLflow; a study or sweep is to be
            registered; there is no model to register.
        DataError: a file of the folder is not readable.
    """
    done: list[Sent] = []

    def push(content: Content, store: OpenStore, parent: str | None = None) -> Sent:
        with owned(content.folder):
            sent = send(content, read_record(content.folder), store, parent=parent, register=register)
        done.append(sent)
        if tell is not None:
            tell(sent)
        return sent

    address = find_store(path, read_record(path), uri=uri, experiment=experiment, configured=_configured(path))
    keep_credentials(address, path, uri=uri)
    store = _open(address)
    if not is_group(path):
        push(with_model(read_run(path, model=model), register=register), store)
        return store.address, done
    if register is not None or model is not None:
        raise ConfigError(f"{path} is a study or sweep and has no model of its own: name one of its run folders")
    group = read_group(path)
    beside = {f"{content.name}.run_id": push(content, store).run_id for content in group.beside}
    parent = replace(group.parent, tags={**group.parent.tags, **{f"fer.{key}": value for key, value in beside.items()}})
    run_id = push(parent, store).run_id
    for content in group.nested:
        push(content, store, run_id)
    return store.address, done


def with_model(content: Content, *, register: Registration | None) -> Content:
    """The content with an exported model, made now where one is to be registered and the run has none.

    Raises:
        FerError: as `fer.export.export.export_run`.
    """
    if register is None or content.model is not None or content.status == "running":
        return content
    from fer.export.export import export_run

    out = content.folder / "model.onnx"
    export_run(content.folder, out)
    return replace(content, model=out)


def _open(address: StoreAddress) -> OpenStore:
    if address not in _OPEN:
        _OPEN[address] = open_store(address)
    return _OPEN[address]


def _configured(path: Path) -> str | None:
    """`logger.mlflow.uri` of a run; None for a study, a sweep, or where none is set."""
    import yaml

    file = path / "config.yaml"
    if not file.is_file():
        return None
    try:
        config: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise DataError(f"{file} is not readable YAML: {error}") from error
    logger = (config.get("logger") or {}).get("mlflow") or {} if isinstance(config, dict) else {}
    uri = logger.get("uri")
    return None if uri is None else str(uri)
