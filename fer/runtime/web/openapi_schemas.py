"""What the server's responses hold, as JSON Schema: the `components/schemas` of its OpenAPI description."""

from typing import Any, Final

from fer.common.labels import EMOTIONS
from fer.runtime.web.half_occlusion import HALVES

_SHARE: Final[dict[str, Any]] = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_NUMBER: Final[dict[str, Any]] = {"type": "number"}
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_YES_NO: Final[dict[str, Any]] = {"type": "boolean"}
_LABEL: Final[dict[str, Any]] = {"type": "string", "enum": list(EMOTIONS)}
_MS: Final[dict[str, Any]] = {"type": "number", "minimum": 0, "description": "milliseconds from picture to response"}


def ref(name: str) -> dict[str, Any]:
    """A reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def _record(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _map_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": schema}


def _list_of(schema: dict[str, Any], *, length: int | None = None) -> dict[str, Any]:
    several: dict[str, Any] = {"type": "array", "items": schema}
    return several | ({} if length is None else {"minItems": length, "maxItems": length})


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_PROBABILITIES: Final = _record(**dict.fromkeys(EMOTIONS, _SHARE))
_BOX: Final = _list_of({"type": "integer"}, length=4) | {"description": "x, y, width, height in pixels"}
_SHARES: Final = _map_of(_SHARE)

SCHEMAS: Final[dict[str, Any]] = {
    "Error": _record(error=_TEXT),
    "Health": _record(status={"type": "string", "enum": ["ok", "failing"]}, error=_TEXT) | {"required": ["status"]},
    "Face": _record(
        source=_TEXT,
        face=_or_null(_COUNT),
        box=_or_null(_BOX),
        label=_or_null(_LABEL),
        confidence=_or_null(_SHARE),
        uncertain=_or_null(_YES_NO),
        probabilities=_or_null(_PROBABILITIES),
        status={"type": "string", "enum": ["ok", "no_face"]},
    ),
    "Frame": _record(x=_NUMBER, y=_NUMBER, side=_NUMBER, roll=_NUMBER)
    | {"description": "The square the model is shown: its centre and side in pixels, its clockwise turn in degrees."},
    "Prediction": _record(
        faces=_list_of(ref("Face")) | {"minItems": 1}, image=_record(width=_COUNT, height=_COUNT), model=_TEXT, ms=_MS
    ),
    "Map": _record(
        face=ref("Face"),
        frame=ref("Frame"),
        label=_LABEL,
        map=_list_of(_list_of(_SHARE)) | {"description": "rows of the frame"},
        parts=_SHARES,
        standing_out=_list_of(_TEXT),
        sentence=_TEXT,
        model=_TEXT,
        ms=_MS,
    ),
    "Covers": _record(
        face=ref("Face"),
        frame=ref("Frame"),
        rows=_list_of(
            _record(
                hidden=_or_null({"type": "string", "enum": list(HALVES)}),
                label=_LABEL,
                confidence=_SHARE,
                probabilities=_PROBABILITIES,
            ),
            length=1 + len(HALVES),
        ),
        sentence=_TEXT,
        model=_TEXT,
        ms=_MS,
    ),
    "Estimate": _record(value=_or_null(_NUMBER), low=_or_null(_NUMBER), high=_or_null(_NUMBER), n=_COUNT),
    "Model": _record(
        name=_TEXT,
        net=_TEXT,
        parameters=_COUNT,
        precision={"type": "string", "enum": ["fp32", "int8"]},
        labels=_list_of(_LABEL, length=len(EMOTIONS)),
        size=_COUNT,
        maps=_or_null(_COUNT),
        temperature=_NUMBER,
        threshold=_or_null(_NUMBER),
        uncertain_below=_NUMBER,
        target_accuracy=_SHARE,
        coverage=_SHARE,
        answered_accuracy=_or_null(_SHARE),
        split=_TEXT,
        copies=_or_null(_COUNT),
        words=_record(labels=_TEXT, scores=_TEXT, certainty=_TEXT),
        metrics=_map_of(ref("Estimate")),
        source=_TEXT,
        protocol=_TEXT,
        data_fingerprint=_TEXT,
        config_digest=_TEXT,
        seed={"type": "integer"},
        epochs=_COUNT,
        sha256=_TEXT,
    ),
    "Models": _record(
        models=_list_of(ref("Model")) | {"minItems": 1},
        detector=_TEXT,
        limits=_record(max_body=_COUNT, max_pixels=_COUNT, rate=_NUMBER),
    ),
    "Drift": _record(
        faces=_COUNT,
        window=_COUNT,
        enough=_YES_NO,
        shares=_SHARES,
        reference=_SHARES,
        psi=_NUMBER,
        psi_limit=_NUMBER,
        shifts=_map_of(_record(now=_NUMBER, reference=_NUMBER, effect=_NUMBER, z=_NUMBER, alarm=_YES_NO)),
        alarm=_YES_NO,
        sentence=_TEXT,
        kept=_YES_NO,
        limits=_record(min_faces=_COUNT, effect=_NUMBER, z=_NUMBER),
    ),
}
