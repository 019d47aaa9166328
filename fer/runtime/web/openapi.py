"""The interface, described as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fer.runtime.web.half_occlusion import HALVES
from fer.runtime.web.openapi_schemas import label_schema, ref, schemas
from fer.runtime.web.settings import ServeSettings

_REFUSALS: Final = {
    "400": "not a readable picture, or a parameter that makes no sense",
    "401": "the token is missing or wrong",
    "403": "the request came from another site, or names a foreign host",
    "413": "too many bytes or pixels",
    "415": "the content type, or the content, is no picture",
    "422": "no face, or none of that number",
    "429": "too many requests from this address",
    "503": "too many pictures at once",
}
_RETRY: Final = {
    "Retry-After": {
        "description": "seconds until it is worth trying again",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_BEARER: Final = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
_HEADERS: Final[dict[str, dict[str, Any]]] = {"401": _BEARER, "429": _RETRY, "503": _RETRY}

_GUARD: Final = ("401", "403", "429")
_PICTURE: Final = ("400", "401", "403", "413", "415", "429", "503")


def describe(settings: ServeSettings, *, models: Mapping[str, tuple[str, ...]], version: str) -> dict[str, Any]:
    """The document that GET /api/openapi.json responds with.

    Args:
        settings: limits and doors.
        models: the models' names, the default first, with the labels of each.
        version: of the package.
    """
    picture = {
        "required": True,
        "content": {
            "image/*": {
                "schema": {
                    "type": "string",
                    "contentMediaType": "image/*",
                    "minLength": 1,
                    "maxLength": settings.max_body,
                }
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": {"type": "string", "contentMediaType": "image/*", "minLength": 1}},
                }
            },
        },
    }
    model = _query(
        "model", {"type": "string", "enum": list(models), "default": next(iter(models))}, "A name of GET /api/models."
    )
    which = [
        _query(
            "face",
            {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
            "Number of the face, the largest is 0; not looked at where `at` is given.",
        ),
        _query(
            "at",
            {"type": "string", "pattern": "^-?[0-9]{1,9},-?[0-9]{1,9}$", "examples": ["320,180"]},
            "x,y in pixels: the face there, instead of `face`.",
        ),
    ]
    stream = _query(
        "stream",
        {"type": "string", "minLength": 8, "maxLength": 64},
        "A random name for a video of which this is the next picture: faces keep their numbers and are smoothed.",
    )
    hide = _query(
        "hide",
        {"type": "string", "enum": list(HALVES)},
        "The half of each face that the model does not get to see; none by default.",
    )
    seconds = _query(
        "seconds",
        {"type": "string", "pattern": "^[0-9]{1,6}([.][0-9]{1,6})?$", "examples": ["12.5"]},
        "When in the video the picture was taken, for `stream`; by default now, as of a camera. A video that goes back "
        "by more than a second starts afresh.",
    )
    label = _query(
        "label",
        label_schema(list(models.values())),
        "Label to find the evidence of; the face's own by default.",
    )
    secured: dict[str, Any] = {} if settings.token is None else {"security": [{"token": []}]}
    body = {"requestBody": picture}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fer-serve",
            "version": version,
            "description": "Reads facial expressions from pictures. Nothing is stored. An expression is not a feeling. "
            "Requests that are no well-formed HTTP are answered with 400, 408, 413, 431 or 501 and the schema Error.",
        },
        "servers": [{"url": f"{settings.prefix}/"}],
        "paths": {
            "/healthz": {"get": _health()},
            "/api/models": {"get": _operation("The models, and the limits of the server", "Models", _GUARD) | secured},
            "/api/predict": {
                "post": _operation(
                    "The faces of a picture", "Prediction", _PICTURE, parameters=[model, stream, hide, seconds]
                )
                | body
                | secured
            },
            "/api/preview": {"post": _preview() | body | secured},
            "/api/explain": {
                "post": _operation(
                    "Where a face speaks for an emotion", "Map", (*_PICTURE, "422"), parameters=[model, *which, label]
                )
                | body
                | secured
            },
            "/api/occlusion": {
                "post": _operation(
                    "A face with a half covered", "Covers", (*_PICTURE, "422"), parameters=[model, *which]
                )
                | body
                | secured
            },
            "/api/drift": {
                "get": _operation(
                    "The last faces against those the model knows", "Drift", ("400", *_GUARD), parameters=[model]
                )
                | secured
            },
            "/api/openapi.json": {"get": _operation("This description", None, _GUARD) | secured},
            "/metrics": {"get": _metrics() | secured},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(list(models.values())),
        },
    }


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refusals(codes: Sequence[str]) -> dict[str, Any]:
    return {
        code: _json(_REFUSALS[code], ref("Error")) | ({"headers": _HEADERS[code]} if code in _HEADERS else {})
        for code in sorted(codes)
    }


def _operation(
    summary: str, schema: str | None, refusals: Sequence[str], *, parameters: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    response = _json(summary, {"type": "object"} if schema is None else ref(schema))
    operation: dict[str, Any] = {"summary": summary, "responses": {"200": response} | _refusals(refusals)}
    return operation | ({"parameters": list(parameters)} if parameters else {})


def _preview() -> dict[str, Any]:
    jpeg = {"description": "upright, 1600 pixels at most", "content": {"image/jpeg": {"schema": {"type": "string"}}}}
    return {
        "summary": "A picture as JPEG, for browsers that cannot show its kind",
        "responses": {"200": jpeg} | _refusals(_PICTURE),
    }


def _health() -> dict[str, Any]:
    failing = _json("a model fails, or every place is stuck", ref("Health")) | {"headers": _RETRY}
    responses = {"200": _json("pictures can be predicted", ref("Health")), "503": failing}
    return {"summary": "Whether the server can predict a picture", "responses": responses | _refusals(["403"])}


def _metrics() -> dict[str, Any]:
    text = {"description": "counters", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"summary": "Counters for Prometheus", "responses": {"200": text} | _refusals(_GUARD)}
