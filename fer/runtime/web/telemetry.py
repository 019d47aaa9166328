"""What the server counts, in Prometheus' text format. No label holds anything about a person or a picture."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from fer.runtime.web.drift import DriftState

BUCKETS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper bounds of the histogram of response times, in seconds."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of Prometheus' text exposition format 0.0.4."""


class Telemetry:
    """Counts requests, faces and response times; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._faces: Counter[tuple[str, str]] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0
        self._predictions = 0

    def request(self, route: str, status: int) -> None:
        """Counts a finished request under its route (never the raw path, of which there are endlessly many)."""
        with self._lock:
            self._requests[route, status] += 1

    def prediction(self, seconds: float, *, model: str, labels: Iterable[str]) -> None:
        """Counts a picture that was predicted: how long it took, and the label (or "no_face") of each face."""
        with self._lock:
            self._seconds += seconds
            self._predictions += 1
            for bound in BUCKETS:
                self._buckets[bound] += seconds <= bound
            for label in labels:
                self._faces[model, label] += 1

    def text(self, drift: Mapping[str, DriftState]) -> str:
        """Everything counted so far, with the drift log of each model, as Prometheus reads it."""
        with self._lock:
            requests, faces = sorted(self._requests.items()), sorted(self._faces.items())
            buckets, seconds, predictions = (
                [self._buckets[bound] for bound in BUCKETS],
                self._seconds,
                self._predictions,
            )
        lines = [
            *_head("fer_requests_total", "counter", "Requests by route and status."),
            *(_line("fer_requests_total", count, route=route, status=status) for (route, status), count in requests),
            *_head("fer_faces_total", "counter", "Faces by model and label; no_face counts pictures without a face."),
            *(_line("fer_faces_total", count, model=model, label=label) for (model, label), count in faces),
            *_head("fer_predict_seconds", "histogram", "Seconds from a picture's bytes to its prediction."),
            *(_line("fer_predict_seconds_bucket", n, le=bound) for bound, n in zip(BUCKETS, buckets, strict=True)),
            _line("fer_predict_seconds_bucket", predictions, le="+Inf"),
            _line("fer_predict_seconds_sum", seconds),
            _line("fer_predict_seconds_count", predictions),
            *_head("fer_drift_faces", "gauge", "Faces the drift log looks back on."),
            *(_line("fer_drift_faces", state.faces, model=model) for model, state in drift.items()),
            *_head("fer_drift_label_psi", "gauge", "Population stability index of the labels against the reference."),
            *(_line("fer_drift_label_psi", state.psi, model=model) for model, state in drift.items()),
            *_head("fer_drift_shift", "gauge", "Shift of a mean against the reference, in its standard deviations."),
            *(
                _line("fer_drift_shift", shift.effect, model=model, statistic=name)
                for model, state in drift.items()
                for name, shift in state.shifts.items()
            ),
            *_head("fer_drift_alarm", "gauge", "1 where the faces differ clearly from those the model knows."),
            *(_line("fer_drift_alarm", int(state.alarm), model=model) for model, state in drift.items()),
        ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, help_text: str) -> tuple[str, str]:
    return f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"


def _line(name: str, value: float, **labels: str | float) -> str:
    pairs = ",".join(f'{key}="{_escape(str(label))}"' for key, label in labels.items())
    return f"{name}{{{pairs}}} {value:.10g}" if pairs else f"{name} {value:.10g}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
