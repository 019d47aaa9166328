"""The interface, described as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0)."""

from typing import Any

from fer.labels import EMOTIONS
from fer.runtime.web.covering import HALVES
from fer.runtime.web.settings import ServeSettings


def describe(settings: ServeSettings, *, version: str) -> dict[str, Any]:
    """The document that GET /api/openapi.json answers with."""
    picture = {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "contentMediaType": "image/*", "maxLength": settings.max_body}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": {"type": "string", "contentMediaType": "image/*"}},
                }
            },
        },
    }
    model = _query("model", {"type": "string"}, "A name of GET /api/models; the first by default.")
    which = [
        _query("face", {"type": "integer", "minimum": 0, "default": 0}, "Number of the face, the largest is 0."),
        _query("at", {"type": "string", "examples": ["320,180"]}, "x,y in pixels: the face there, instead of `face`."),
    ]
    secured: dict[str, Any] = {} if settings.token is None else {"security": [{"token": []}]}
    stream = _query(
        "stream",
        {"type": "string", "minLength": 8, "maxLength": 64},
        "A random name for a video of which this is the next picture: faces keep their numbers and are smoothed.",
    )
    label = _query("label", {"enum": list(EMOTIONS)}, "Emotion to find the evidence of; the face's own by default.")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fer-serve",
            "version": version,
            "description": "Reads facial expressions from pictures. Nothing is stored. An expression is not a feeling.",
        },
        "paths": {
            "/healthz": {"get": _operation("Whether the server answers", _OBJECT, secured=False)},
            "/api/models": {"get": _operation("The models, and the limits of the server", _OBJECT) | secured},
            "/api/predict": {
                "post": _operation("The faces of a picture", _ref("Prediction"), parameters=[model, stream])
                | {"requestBody": picture}
                | secured
            },
            "/api/explain": {
                "post": _operation("Where a face speaks for an emotion", _ref("Map"), parameters=[model, *which, label])
                | {"requestBody": picture}
                | secured
            },
            "/api/occlusion": {
                "post": _operation("A face with a half covered", _ref("Covers"), parameters=[model, *which])
                | {"requestBody": picture}
                | secured
            },
            "/api/drift": {
                "get": _operation("The last faces against those the model knows", _OBJECT, parameters=[model]) | secured
            },
            "/metrics": {
                "get": {"summary": "Counters for Prometheus", "responses": {"200": {"description": "text"}}} | secured
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _SCHEMAS,
        },
    }


_OBJECT: dict[str, Any] = {"type": "object"}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _operation(
    summary: str, schema: dict[str, Any], *, parameters: list[dict[str, Any]] | None = None, secured: bool = True
) -> dict[str, Any]:
    refusals = {
        "400": "not a readable picture, or a parameter that makes no sense",
        "401": "the token is missing or wrong",
        "403": "the request came from another site, or names a foreign host",
        "413": "too many bytes or pixels",
        "415": "the content type, or the content, is no picture",
        "422": "no face, where one is needed",
        "429": "too many requests from this address",
        "503": "too many pictures at once",
    }
    answers: dict[str, Any] = {"200": {"description": summary, "content": {"application/json": {"schema": schema}}}}
    if secured:
        answers |= {
            code: {"description": text, "content": {"application/json": {"schema": _ref("Error")}}}
            for code, text in refusals.items()
        }
    operation: dict[str, Any] = {"summary": summary, "responses": answers}
    return operation | ({} if parameters is None else {"parameters": parameters})


_SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
_FRAME: dict[str, Any] = {
    "type": "object",
    "description": "The square the model is shown: its centre and side in pixels, its clockwise turn in degrees.",
    "properties": {name: {"type": "number"} for name in ("x", "y", "side", "roll")},
}
_PROBABILITIES: dict[str, Any] = {"type": "object", "properties": dict.fromkeys(EMOTIONS, _SHARE)}
_SCHEMAS: dict[str, Any] = {
    "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    "Face": {
        "type": "object",
        "properties": {
            "source": {"type": "string"},
            "face": {"type": "integer"},
            "box": {"type": ["array", "null"], "items": {"type": "integer"}, "description": "x, y, width, height"},
            "label": {"enum": [*EMOTIONS, None]},
            "confidence": {"type": ["number", "null"]},
            "uncertain": {"type": ["boolean", "null"]},
            "probabilities": {"oneOf": [_PROBABILITIES, {"type": "null"}]},
            "status": {"enum": ["ok", "no_face", "unreadable"]},
        },
    },
    "Prediction": {
        "type": "object",
        "required": ["faces", "ms", "model"],
        "properties": {
            "faces": {"type": "array", "items": _ref("Face")},
            "image": {"type": "object", "properties": {"width": {"type": "integer"}, "height": {"type": "integer"}}},
            "ms": {"type": "number"},
            "model": {"type": "string"},
        },
    },
    "Map": {
        "type": "object",
        "properties": {
            "face": _ref("Face"),
            "frame": _FRAME,
            "label": {"enum": list(EMOTIONS)},
            "map": {"type": "array", "items": {"type": "array", "items": _SHARE}, "description": "rows of the frame"},
            "parts": {"type": "object", "additionalProperties": _SHARE},
            "sentence": {"type": "string"},
            "ms": {"type": "number"},
            "model": {"type": "string"},
        },
    },
    "Covers": {
        "type": "object",
        "properties": {
            "face": _ref("Face"),
            "frame": _FRAME,
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "hidden": {"enum": [None, *HALVES]},
                        "label": {"enum": list(EMOTIONS)},
                        "confidence": _SHARE,
                        "probabilities": _PROBABILITIES,
                    },
                },
            },
            "sentence": {"type": "string"},
            "ms": {"type": "number"},
            "model": {"type": "string"},
        },
    },
}
