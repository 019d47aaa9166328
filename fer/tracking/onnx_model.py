"""An exported ONNX file as an MLflow model with signature and input example, and its version in the registry."""

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.tracking.store import OpenStore, as_current

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME: Final = "model"
"""The model's name within its run."""

_REQUIREMENTS: Final = ("mlflow", "numpy", "onnx", "onnxruntime")
_FREE_SIZE: Final = 1
"""What the input example takes for a dimension that the file leaves open, such as the batch."""


def log_onnx(path: Path, *, store: OpenStore, run_id: str, step: int) -> str:
    """Logs an ONNX file as an MLflow model of a run; its `models:/` address.

    The signature is read from the file (types, shapes, -1 for an open dimension); the example is a grey ramp of the
    input's type and shape.

    Args:
        path: the file.
        store: where to.
        run_id: the run in it.
        step: MLflow's step of the model, the last epoch.

    Raises:
        DataError: it is no readable ONNX file.
    """
    import onnx
    from mlflow import onnx as flavor
    from mlflow.models import Model

    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's, onnx's and the file system's own
        raise DataError(f"{path} is not a readable ONNX model: {str(error).splitlines()[0]}") from error
    # Made here, because MLflow itself would put it into its default experiment where no run is "active".
    entry = store.client.create_logged_model(store.experiment_id, name=NAME, source_run_id=run_id)
    with as_current(store.address):
        info = Model.log(
            artifact_path=None,
            name=NAME,
            flavor=flavor,
            run_id=run_id,
            model_id=entry.model_id,
            step=step,
            onnx_model=model,
            signature=signature_of(model),
            input_example=input_example(model),
            save_as_external_data=False,
            # Of the onnxruntime that is required below; MLflow's default complains of a missing CUDA.
            onnx_execution_providers=["CPUExecutionProvider"],
            # Given, because finding them out starts a process that imports the model's packages.
            pip_requirements=[f"{package}=={importlib.metadata.version(package)}" for package in _REQUIREMENTS],
            metadata={fact.key: fact.value for fact in model.metadata_props},
        )
    return str(info.model_uri)


def signature_of(model: Any) -> Any:
    """MLflow's signature of an ONNX model: name, type and shape of every input and output."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    def schema(values: Any) -> Schema:
        return Schema([TensorSpec(_dtype(value), _shape(value), name=value.name) for value in values])

    return ModelSignature(inputs=schema(_inputs(model)), outputs=schema(model.graph.output))


def input_example(model: Any) -> dict[str, npt.NDArray[Any]]:
    """A batch of one for every input of an ONNX model: a ramp over the range of grey values."""
    return {value.name: _ramp(_shape(value), _dtype(value)) for value in _inputs(model)}


def register_version(
    client: "MlflowClient", *, name: str, model_uri: str, run_id: str | None, tags: Mapping[str, float]
) -> str:
    """Makes a version of a registered model, and the registered model where it is not there; the version's number."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    told = {key: f"{value:.6g}" for key, value in tags.items()}
    model_id = model_uri.removeprefix("models:/")
    return str(client.create_model_version(name, model_uri, run_id=run_id, tags=told, model_id=model_id).version)


def set_alias(client: "MlflowClient", *, name: str, alias: str, version: str) -> None:
    """Points an alias at a version, if it does not point there already."""
    if client.get_registered_model(name).aliases.get(alias) != version:
        client.set_registered_model_alias(name, alias, version)


def _inputs(model: Any) -> list[Any]:
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def _dtype(value: Any) -> np.dtype[Any]:
    from onnx.helper import tensor_dtype_to_np_dtype

    dtype: np.dtype[Any] = np.dtype(tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
    return dtype


def _shape(value: Any) -> tuple[int, ...]:
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") else -1 for size in sizes)


def _ramp(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    sizes = tuple(_FREE_SIZE if size < 0 else size for size in shape)
    return np.linspace(0, 255, int(np.prod(sizes))).reshape(sizes).astype(dtype)
