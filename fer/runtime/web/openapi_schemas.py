"""What the server's responses hold, as JSON Schema: the `components/schemas` of its OpenAPI description."""

from collections.abc import Sequence
from typing import Any, Final

from fer.runtime.web.half_occlusion import HALVES

_SHARE: Final[dict[str, Any]] = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_NUMBER: Final[dict[str, Any]] = {"type": "number"}
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_YES_NO: Final[dict[str, Any]] = {"type": "boolean"}
_MS: Final[dict[str, Any]] = {"type": "number", "minimum": 0, "description": "milliseconds from picture to response"}


def ref(name: str) -> dict[str, Any]:
    """A reference to one of `schemas`."""
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


_BOX: Final = _list_of({"type": "integer"}, length=4) | {"description": "x, y, width, height in pixels"}
_SHARES: Final = _map_of(_SHARE)
_ALWAYS: Final = ["source", "face", "box", "label", "confidence", "uncertain", "probabilities", "status"]
"""What every face has; the rest only where there is any."""


def label_schema(sets: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """A label of one of the models."""
    return {"type": "string", "enum": list(dict.fromkeys(label for labels in sets for label in labels))}


def schemas(sets: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """The schemas by name.

    Args:
        sets: the labels of each model that is served.
    """
    label = label_schema(sets)
    each = [_record(**dict.fromkeys(labels, _SHARE)) for labels in dict.fromkeys(sets)]
    probabilities = each[0] if len(each) == 1 else {"anyOf": each}
    return {
        "Error": _record(error=_TEXT),
        "Health": _record(status={"type": "string", "enum": ["ok", "failing"]}, error=_TEXT) | {"required": ["status"]},
        "Face": _record(
            source=_TEXT,
            face=_or_null(_COUNT),
            box=_or_null(_BOX),
            label=_or_null(label),
            confidence=_or_null(_SHARE),
            uncertain=_or_null(_YES_NO),
            probabilities=_or_null(probabilities),
            status={"type": "string", "enum": ["ok", "no_face"]},
            prior=_or_null(_TEXT),
        )
        | {"required": _ALWAYS},
        "Frame": _record(x=_NUMBER, y=_NUMBER, side=_NUMBER, roll=_NUMBER)
        | {"description": "The square the model is shown: centre and side in pixels, clockwise turn in degrees."},
        "Prediction": _record(
            faces=_list_of(ref("Face")) | {"minItems": 1},
            image=_record(width=_COUNT, height=_COUNT),
            model=_TEXT,
            ms=_MS,
        ),
        "Map": _record(
            face=ref("Face"),
            frame=ref("Frame"),
            label=label,
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
                    label=label,
                    confidence=_SHARE,
                    probabilities=probabilities,
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
            labels=_list_of(label) | {"minItems": 2},
            size=_COUNT,
            maps=_or_null(_COUNT),
            temperature=_NUMBER,
            threshold=_or_null(_NUMBER),
            uncertain_below=_NUMBER,
            target_accuracy=_SHARE,
            coverage=_SHARE,
            answered_accuracy=_or_null(_SHARE),
            split=_TEXT,
            photographs=_or_null(
                _record(
                    name=_TEXT,
                    n=_COUNT,
                    persons=_COUNT,
                    accuracy=_SHARE,
                    coverage=_SHARE,
                    answered_accuracy=_or_null(_SHARE),
                    told=_list_of(_TEXT) | {"description": "settings of the export that may have been chosen on them"},
                )
            ),
            prior=_or_null(_SHARES) | {"description": "shares of the emotions that the file's probabilities expect"},
            told_prior=_or_null(_TEXT) | {"description": "what they are changed to"},
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
            told_prior=_or_null(_TEXT)
            | {"description": "the prior that changes labels and confidence, which are not judged then"},
            shifts=_map_of(_record(now=_NUMBER, reference=_NUMBER, effect=_NUMBER, z=_NUMBER, alarm=_YES_NO)),
            alarm=_YES_NO,
            sentence=_TEXT,
            kept=_YES_NO | {"description": "whether its numbers are written to a file"},
            limits=_record(min_faces=_COUNT, effect=_NUMBER, z=_NUMBER),
        ),
    }
