"""The server does what its own description says: drawn requests, and every answer held against the document."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from support.json_schema import mismatches

Client = Callable[..., FlaskClient]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
TOKEN = "correct horse"


@dataclass
class Server:
    """The application under test.

    Attributes:
        client: with room for any number of requests.
        document: its own description.
        pictures: pictures by what is wrong with them.
        statuses: what has been answered so far, by operation.
    """

    client: FlaskClient
    document: dict[str, Any]
    pictures: dict[str, bytes]
    statuses: dict[str, set[int]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def server(one_face: bytes, two_faces: bytes) -> Server:
    from web.conftest import StandIn, make_engine

    from fer.runtime.web.app import create_app
    from fer.runtime.web.settings import ServeSettings

    limits = ServeSettings(token=TOKEN, rate=1e9, burst=10**9, max_body=200_000, max_pixels=400_000)
    client = create_app(make_engine(limits, StandIn("first"), StandIn("second")), settings=limits).test_client()
    document = client.get("/api/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).get_json()
    grey = np.full((64, 64), 90, np.uint8)
    pictures = {
        "one face": halved(one_face),
        "two faces": halved(two_faces),
        "no face": cv2.imencode(".png", grey)[1].tobytes(),
        "cut off": one_face[:300],
        "too many pixels": cv2.imencode(".png", np.zeros((1000, 1000), np.uint8))[1].tobytes(),
        "too many bytes": bytes(200_001),
        "no picture": b"hello",
        "nothing": b"",
    }
    return Server(client, document, pictures)


def halved(data: bytes) -> bytes:
    """A quarter of the pixels: what is tested here is not how faces are found."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return cv2.imencode(".jpg", cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))[1].tobytes()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, each) for path, methods in document["paths"].items() for method, each in methods.items()]


PATHS = (
    *("/healthz", "/metrics", "/api/models", "/api/drift", "/api/openapi.json"),
    *("/api/predict", "/api/preview", "/api/explain", "/api/occlusion"),
)


def valid(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    """Values of a parameter that its schema allows."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], min(schema["maximum"], 3)).map(str)
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"].replace("$", r"\Z"), re.ASCII))
    return st.text(st.characters(codec="ascii"), min_size=schema["minLength"], max_size=schema["maxLength"])


ANYTHING = st.one_of(
    st.text(max_size=80),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["", "0", "-1", "1e3", "٣", "9" * 400, "1,2,3", "nan,1", " 1", "1_0", "\x00", "happy", "x" * 3000]),
)


def ask(
    server: Server,
    path: str,
    method: str,
    *,
    query: dict[str, str] | None = None,
    kind: str = "one face",
    form: bool = False,
    headers: dict[str, str] | None = None,
) -> Any:
    data: Any = None
    if method in ("POST", "PUT", "PATCH"):
        content = server.pictures[kind]
        data = {"image": (io.BytesIO(content), "me.jpg")} if form else content
    return server.client.open(
        path,
        method=method,
        query_string=query,
        data=data,
        content_type=None if form else "image/jpeg",
        headers={"Authorization": f"Bearer {TOKEN}"} | (headers or {}),
    )


def check(server: Server, operation: dict[str, Any], answer: Any, *, told: str) -> None:
    """The answer's status, content type, headers and body are those of the description."""
    status = str(answer.status_code)
    assert status in operation["responses"], f"{told}: {status} is not described: {answer.get_data()[:200]!r}"
    described = operation["responses"][status]
    for name, header in described.get("headers", {}).items():
        assert name in answer.headers, f"{told}: {name} is missing"
        value: Any = answer.headers[name]
        if header["schema"]["type"] == "integer":
            value = int(value)
        assert list(mismatches(value, header["schema"], root=server.document)) == [], told
    (kind,) = described["content"]
    assert answer.mimetype == kind, told
    if kind == "application/json":
        schema = described["content"][kind]["schema"]
        assert list(mismatches(answer.get_json(), schema, root=server.document)) == [], told


def test_the_paths_are_those_of_the_document(server: Server) -> None:
    assert set(PATHS) == set(server.document["paths"])


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_a_described_one(server: Server, path: str) -> None:
    ((method, operation),) = server.document["paths"][path].items()
    parameters = {each["name"]: each["schema"] for each in operation.get("parameters", ())}

    @seed(0)
    @settings(max_examples=25 if parameters else 3, deadline=None, database=None)
    @given(data=st.data())
    def drive(data: st.DataObject) -> None:
        good = data.draw(st.booleans(), label="all parameters valid")
        names = sorted(data.draw(st.sets(st.sampled_from(sorted(parameters)))) if parameters else ())
        query = {name: data.draw(valid(parameters[name]) if good else ANYTHING, label=name) for name in names}
        headers = data.draw(st.sampled_from([*[{}] * 9, {"Authorization": ""}, {"Host": "evil"}, {"Origin": "x://["}]))
        answer = ask(server, path, method.upper(), query=query, headers=headers)
        told = f"{method} {path} {query} {headers}"
        check(server, operation, answer, told=told)
        server.statuses.setdefault(path, set()).add(answer.status_code)
        if good and not headers and query.get("face", "0") == "0":
            assert answer.status_code == 200, told
        wrong = [name for name, value in query.items() if refused_by(parameters[name], value)]
        # A face's number is not looked at where its place is given.
        if wrong and not (wrong == ["face"] and "at" in query):
            assert answer.status_code >= 400, f"{told}: {wrong} should have been refused"

    drive()
    assert 200 in server.statuses[path]
    assert not parameters or server.statuses[path] & {400, 422}


@pytest.mark.parametrize("path", ["/api/predict", "/api/preview", "/api/explain", "/api/occlusion"])
@pytest.mark.parametrize("form", [False, True])
def test_every_kind_of_picture_has_a_described_answer(server: Server, path: str, form: bool) -> None:
    operation = server.document["paths"][path]["post"]
    statuses = {}
    for kind in server.pictures:
        answer = ask(server, path, "POST", kind=kind, form=form)
        check(server, operation, answer, told=f"{path} {kind}")
        statuses[kind] = answer.status_code
    assert statuses == {
        "one face": 200,
        "two faces": 200,
        "no face": 200 if path in ("/api/predict", "/api/preview") else 422,
        "cut off": 400,
        "too many pixels": 413,
        "too many bytes": 413,
        "no picture": 415,
        "nothing": 400,
    }


def refused_by(schema: dict[str, Any], value: str) -> bool:
    whole = schema["type"] == "integer" and re.fullmatch("-?[0-9]{1,30}", value, re.ASCII)
    return list(mismatches(int(value) if whole else value, schema, root={})) != []


@pytest.mark.parametrize("path", PATHS)
def test_methods_that_are_not_described_are_refused(server: Server, path: str) -> None:
    described = {method.upper() for method in server.document["paths"][path]}
    free = {"OPTIONS"} | ({"HEAD"} if "GET" in described else set())
    for method in set(METHODS) - described:
        answer = ask(server, path, method)
        assert answer.status_code == (200 if method in free else 405), method
        if method in free:
            assert answer.get_data() == b"", method
        if method != "HEAD":
            assert set(answer.headers["Allow"].split(", ")) == described | free, method


def test_the_token_is_described_where_it_is_asked_for(server: Server) -> None:
    for path, method, operation in operations(server.document):
        answer = server.client.open(path, method=method.upper())
        assert ("security" in operation) == (answer.status_code == 401), path
        check(server, operation, answer, told=path)


@pytest.mark.parametrize("prior", [None, "balanced"])
def test_what_the_shipped_models_give_is_described(one_face: bytes, prior: str | None) -> None:
    from web.conftest import make_engine

    from fer.runtime.web.app import create_app
    from fer.runtime.web.command import load_models
    from fer.runtime.web.settings import ServeSettings

    limits = ServeSettings(token=TOKEN)
    models: Any = load_models(["everyday", "benchmark"], prior=prior).values()
    client = create_app(make_engine(limits, *models), settings=limits).test_client()
    document = client.get("/api/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).get_json()
    real = Server(client, document, {"one face": one_face})
    for path, method, operation in operations(document):
        answer = ask(real, path, method.upper())
        assert answer.status_code == 200, path
        check(real, operation, answer, told=path)


def test_busy_and_too_often_are_described(client: Client, server: Server, one_face: bytes) -> None:
    seldom = client(rate=0.01, burst=1)
    assert seldom.get("/api/models").status_code == 200
    refused = seldom.get("/api/models")
    assert refused.status_code == 429
    check(server, server.document["paths"]["/api/models"]["get"], refused, told="too often")


def test_the_checker_finds_what_is_wrong(server: Server) -> None:
    document = server.document
    schema = {"$ref": "#/components/schemas/Health"}
    assert list(mismatches({"status": "ok"}, schema, root=document)) == []
    for wrong in ({}, {"status": "fine"}, {"status": 1}, {"status": "ok", "more": 1}, [], None):
        assert list(mismatches(wrong, schema, root=document)) != [], wrong
    face = {"$ref": "#/components/schemas/Face"}
    record = dict.fromkeys(document["components"]["schemas"]["Face"]["properties"])
    assert list(mismatches(record | {"source": "picture", "status": "no_face"}, face, root=document)) == []
    assert (
        list(mismatches(record | {"source": "picture", "status": "ok", "confidence": 1.1}, face, root=document)) != []
    )
    with pytest.raises(AssertionError):
        list(mismatches(1, {"multipleOf": 2}, root=document))
