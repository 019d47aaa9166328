"""Size, speed and predictions of a model file, measured where it will be used: in ONNX Runtime."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.timing import median_seconds
from fer.runtime.facts import INPUT, PROBABILITIES

BATCH: Final = 64
_WARM_UP: Final = 10
_REPEATS: Final = 200
_SECONDS: Final = 2.0

Predict = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One form of a model beside the others.

    Attributes:
        form: "torch fp32", "onnx fp32" or "onnx int8".
        megabytes: of the file, 10^6 bytes; of the weights for torch.
        single_ms: median time of one face, one thread, in milliseconds.
        batch_ms: the same a face in batches of `BATCH`.
        accuracy: on the selection faces, in [0, 1].
        agreement: share of these faces with torch's label.
        max_difference: largest difference of a probability from torch's.
    """

    form: str
    megabytes: float
    single_ms: float
    batch_ms: float
    accuracy: float
    agreement: float
    max_difference: float

    def as_dict(self) -> dict[str, float | str]:
        """Plain types by the names of the attributes."""
        return asdict(self)


def onnx_predictor(content: bytes) -> Predict:
    """Runs a model file in one thread: uint8 (N, 1, S, S) -> probabilities (N, K)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def predict(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        found: list[Any] = [
            session.run([PROBABILITIES], {INPUT: np.ascontiguousarray(images[start : start + BATCH])})[0]
            for start in range(0, len(images), BATCH)
        ]
        return np.concatenate(found)

    return predict


def time_predictions(predict: Predict, images: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Median milliseconds a face, alone and in batches of `BATCH`, each within about two seconds."""
    batch = images[np.arange(BATCH) % len(images)]

    def milliseconds(faces: npt.NDArray[np.uint8]) -> float:
        return 1000 * median_seconds(lambda: predict(faces), seconds=_SECONDS, warm_up=_WARM_UP, repeats=_REPEATS)

    return milliseconds(images[:1]), milliseconds(batch) / BATCH


def measure(
    form: str,
    *,
    predict: Predict,
    megabytes: float,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float32],
    reference: npt.NDArray[np.float32],
) -> Measured:
    """One row of the table.

    Args:
        form: its name.
        predict: asks the model; for the times.
        megabytes: its size.
        images: uint8 (N, 1, S, S).
        labels: int64 (N,).
        probabilities: its probabilities of the images, (N, K).
        reference: torch's.
    """
    single, batch = time_predictions(predict, images)
    return Measured(
        form=form,
        megabytes=megabytes,
        single_ms=single,
        batch_ms=batch,
        accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
        agreement=float((probabilities.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        max_difference=float(np.abs(probabilities - reference).max()),
    )


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Within, torch computes in one thread, as ONNX Runtime is timed."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def table(rows: Sequence[Measured], *, split: str, n: int) -> str:
    """The rows side by side, for a terminal."""
    lines = [
        f"{'':12}{'size':>9}{'1 face':>11}{f'of {BATCH}':>11}{'accuracy':>11}{'agreement':>11}{'max diff':>11}",
        *(
            f"{row.form:12}{row.megabytes:6.2f} MB{row.single_ms:8.3f} ms{row.batch_ms:8.3f} ms"
            f"{100 * row.accuracy:9.2f} %{100 * row.agreement:9.2f} %{row.max_difference:11.1e}"
            for row in rows
        ),
        f"one thread, preprocessing included, times a face; predictions on {n:,} {split} faces against torch",
    ]
    return "\n".join(lines)
