"""Whether a value is what a JSON Schema says, for the keywords that the server's own description uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

KNOWN = {
    *("type", "enum", "properties", "required", "additionalProperties", "items", "minItems", "maxItems"),
    *("minimum", "maximum", "minLength", "maxLength", "pattern", "anyOf", "$ref"),
    *("description", "default", "examples", "contentMediaType"),
}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def mismatches(value: Any, schema: Mapping[str, Any], *, root: Mapping[str, Any], at: str = "$") -> Iterator[str]:
    """Says where a value is not what the schema asks for; a keyword that is not known here is a mistake of the test.

    Args:
        value: what `json.loads` gave.
        schema: of it.
        root: the document that a reference points into.
        at: the value's place.
    """
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from mismatches(value, target, root=root, at=at)
    if "anyOf" in schema and all(list(mismatches(value, each, root=root)) for each in schema["anyOf"]):
        yield f"{at}: {value!r} fits none of {schema['anyOf']}"
    if "type" in schema:
        fits = isinstance(value, TYPES[schema["type"]]) and (schema["type"] == "boolean" or not isinstance(value, bool))
        if not fits:
            yield f"{at}: {value!r} is no {schema['type']}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str):
        yield from _text(value, schema, at=at)
    elif isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{at}: {value!r} is out of range"
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: {len(value)} items"
        for number, item in enumerate(value):
            yield from mismatches(item, schema.get("items", {}), root=root, at=f"{at}[{number}]")
    elif isinstance(value, dict):
        yield from _object(value, schema, root=root, at=at)


def _text(value: str, schema: Mapping[str, Any], *, at: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at}: {len(value)} characters"
    if "pattern" in schema and re.search(schema["pattern"], value) is None:
        yield f"{at}: {value!r} does not match {schema['pattern']}"


def _object(value: dict[str, Any], schema: Mapping[str, Any], *, root: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from (f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in properties:
            yield from mismatches(item, properties[name], root=root, at=f"{at}.{name}")
        elif others is False:
            yield f"{at}: {name} is not described"
        elif others is not True:
            yield from mismatches(item, others, root=root, at=f"{at}.{name}")
