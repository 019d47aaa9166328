"""Milliseconds a face of one net as torch runs it, as ONNX and as INT8, in turns, one thread each."""

import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer.bench.result import Measurement, Row, in_turn, ratio, unmeasured
from fer.bench.settings import Bench
from fer.common.errors import FerError
from fer.common.paths import expanded
from fer.export.measurement import BATCH, Predict, one_torch_thread, onnx_predictor, time_predictions

if TYPE_CHECKING:
    from fer.models.checkpoint import LoadedModel

log = logging.getLogger(__name__)

_UNIT: Final = "ms a face"
_CALIBRATION: Final = 512
"""Training faces that INT8 ranges are read from, as fer-export's default."""

TORCH: Final = "torch float32"
ONNX: Final = "ONNX Runtime float32"
INT8: Final = "ONNX Runtime INT8"


def measure_inference(bench: Bench) -> Measurement:
    """Times one face and batches of `BATCH`, preprocessing included.

    Raises:
        ConfigError: `bench.run` is no run folder, or a configuration that cannot be.
        CheckpointError: no readable checkpoint.
        DataError: the data cannot be opened.
    """
    from fer.config.schema import validate

    config = validate(bench.tree)
    model, what = _model(bench)
    faces = _training_faces(bench)
    forms, failed = _forms(model, faces)
    images = faces[: min(BATCH, len(faces))]
    times: dict[str, list[tuple[float, float]]] = {form: [] for form in forms}
    for number in range(bench.settings.repeats):
        for form in in_turn(list(forms), number):
            with one_torch_thread():
                times[form].append(time_predictions(forms[form], images))
            log.info("inference %d of %d: %-22s %8.3f ms", number + 1, bench.settings.repeats, form, times[form][-1][0])
    rows = []
    for index, size in enumerate(("1 face", f"batches of {BATCH}")):
        of_size = {
            form: Row(label=f"{form}, {size}", unit=_UNIT, values=tuple(pair[index] for pair in times[form]))
            if form in times
            else unmeasured(f"{form}, {size}", unit=_UNIT, reason=failed[form])
            for form in (TORCH, ONNX, INT8)
        }
        rows += [
            *of_size.values(),
            ratio(f"torch / ONNX, {size}", of_size[TORCH], of_size[ONNX]),
            ratio(f"ONNX / INT8, {size}", of_size[ONNX], of_size[INT8]),
        ]
    kind = "synthetic" if config.data.name == "synthetic" else "training"
    notes = (
        "one thread, preprocessing included; each repeat is itself a median of up to 200 predictions",
        f"INT8 ranges from {len(faces):,} {kind} faces; what INT8 costs in accuracy is fer-export's to say",
    )
    return Measurement(key="inference", title=f"inference: {what}, {model.spec.size} px", rows=tuple(rows), notes=notes)


def _model(bench: Bench) -> "tuple[LoadedModel, str]":
    """The net to time, and what it is in words."""
    from fer.models.checkpoint import load_model

    if bench.settings.run is not None:
        from fer.folders.record import read_run

        record = read_run(expanded(bench.settings.run))
        return load_model(record.checkpoint), f"{record.model} of {record.name}"
    import torch

    from fer.common.seeding import seed_everything
    from fer.models.checkpoint import LoadedModel, NetSpec
    from fer.models.preprocess import Preprocess

    seed_everything(bench.config.seed)
    wanted = bench.config.model
    spec = NetSpec.of(wanted, num_classes=len(bench.config.label_names))
    model = LoadedModel(
        net=spec.build().eval().to(memory_format=torch.channels_last),
        preprocess=Preprocess(channels=spec.channels, size=spec.size),
        spec=spec,
        labels=bench.config.label_names,
        data_fingerprint="",
        epoch=0,
    )
    return model, f"{spec.name}, untrained (bench.run=RUN measures a trained one)"


def _training_faces(bench: Bench) -> npt.NDArray[np.uint8]:
    """uint8 (N, 1, S, S): training faces of the configured data as they are stored, N up to `_CALIBRATION`."""
    from fer.config.schema import validate
    from fer.data.datamodule import FERDataModule
    from fer.data.resize import fit_images

    config = validate(bench.tree)
    data = FERDataModule(config.data, augment=None, seed=config.seed)
    data.setup()
    train = data.split.train
    rows = np.sort(np.random.default_rng(0).permutation(train)[:_CALIBRATION])
    images = np.ascontiguousarray(data.samples.images[rows])
    return fit_images(images, size=images.shape[-1], channels=1)


def _forms(model: "LoadedModel", faces: npt.NDArray[np.uint8]) -> tuple[dict[str, Predict], dict[str, str]]:
    """The forms that can be asked, and for the others the reason why not."""
    from fer.export.graph import to_onnx
    from fer.export.quantize import quantize

    forms: dict[str, Predict] = {TORCH: model.probabilities}
    failed: dict[str, str] = {}
    # The exporter puts the net's weights into another memory order: it gets a copy.
    exported = replace(model, net=copy.deepcopy(model.net))

    def attempt(form: str, make: Callable[[], bytes]) -> None:
        try:
            forms[form] = onnx_predictor(make())
        except FerError as error:
            failed[form] = str(error)

    try:
        graph, _ = to_onnx(exported, size=int(faces.shape[-1]), temperature=1.0)
    except FerError as error:
        return forms, {ONNX: str(error), INT8: str(error)}
    attempt(ONNX, graph.SerializeToString)
    attempt(INT8, lambda: quantize(graph, faces=faces).SerializeToString())
    return forms, failed
