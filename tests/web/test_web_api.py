"""The HTTP interface: answers, refusals, headers, and nothing on the disk."""

from __future__ import annotations

import io
import re
import tempfile
import threading
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from support.odd_media import png_chunk, png_header, with_avif_transformations

from fer.common.labels import EMOTIONS
from fer.runtime.web.security import HEADERS

Client = Callable[..., FlaskClient]
RECORD = {"source", "face", "box", "label", "confidence", "uncertain", "probabilities", "status"}


def png(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""
    pixels = zlib.compress(bytes(1 << 20))
    return png_header(width, height) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def test_a_picture_is_answered_as_the_contract_says(client: Client, one_face: bytes) -> None:
    answer = client().post("/api/predict", data=one_face, content_type="image/jpeg")
    assert answer.status_code == 200
    body = answer.get_json()
    assert set(body) == {"faces", "image", "model", "ms"}
    assert body["image"] == {"width": 640, "height": 480}
    (face,) = body["faces"]
    assert set(face) == RECORD
    assert (face["status"], face["face"], face["label"], face["uncertain"]) == ("ok", 0, "happy", False)
    assert list(face["probabilities"]) == list(EMOTIONS)
    x, y, w, h = face["box"]
    assert x > 170
    assert y > 90
    assert x + w < 470
    assert y + h < 390


def test_a_form_is_answered_as_the_raw_picture(client: Client, one_face: bytes) -> None:
    app = client()
    raw = app.post("/api/predict", data=one_face, content_type="image/jpeg").get_json()
    form = app.post("/api/predict", data={"image": (io.BytesIO(one_face), "me.jpg")}).get_json()
    untyped = app.post("/api/predict", data=one_face).get_json()
    assert raw["faces"] == form["faces"] == untyped["faces"]


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", b"\xff\xfe.jpg", "写真 ….jpg".encode(), b'quo\\"te.jpg', b""])
def test_a_form_may_name_its_file_by_any_bytes(client: Client, one_face: bytes, name: bytes) -> None:
    """As `curl -F image=@caf\\xe9.jpg` sends it."""
    head = b'--X\r\nContent-Disposition: form-data; name="image"; filename="' + name + b'"\r\n\r\n'
    other = b'--X\r\nContent-Disposition: form-data; name="note"\r\n\r\nfirst\r\n'
    answer = client().post(
        "/api/predict",
        data=other + head + one_face + b"\r\n--X--\r\n",
        content_type="multipart/form-data; boundary=X",
    )
    assert [face["label"] for face in answer.get_json()["faces"]] == ["happy"]


def test_several_faces_come_largest_first(client: Client, two_faces: bytes) -> None:
    faces = client().post("/api/predict", data=two_faces, content_type="image/jpeg").get_json()["faces"]
    assert [face["face"] for face in faces] == [0, 1]
    assert faces[0]["box"][2] > faces[1]["box"][2]
    assert faces[0]["box"][0] < faces[1]["box"][0]


@pytest.mark.skipif(not cv2.haveImageWriter("x.avif"), reason="this OpenCV writes no AVIF")
def test_an_avif_that_lies_on_its_side_is_turned(client: Client, one_face: bytes) -> None:
    upright = cv2.imdecode(np.frombuffer(one_face, np.uint8), cv2.IMREAD_COLOR)
    # Stored a quarter turn clockwise, to be shown a quarter turn anticlockwise.
    stored = cv2.imencode(".avif", cv2.rotate(upright, cv2.ROTATE_90_CLOCKWISE))[1].tobytes()
    app = client()
    (whole,) = app.post("/api/predict", data=one_face).get_json()["faces"]
    turned = app.post("/api/predict", data=with_avif_transformations(stored, [(b"irot", 1)])).get_json()
    assert turned["image"] == {"width": 640, "height": 480}
    assert turned["faces"][0]["box"] == pytest.approx(whole["box"], abs=8)
    on_its_side = app.post("/api/predict", data=stored).get_json()
    assert on_its_side["image"] == {"width": 480, "height": 640}
    assert on_its_side["faces"][0]["status"] == "no_face"


def test_no_face_is_an_answer(client: Client) -> None:
    empty = cv2.imencode(".png", np.full((48, 64), 90, np.uint8))[1].tobytes()
    (face,) = client().post("/api/predict", data=empty, content_type="image/png").get_json()["faces"]
    assert set(face) == RECORD
    assert face["status"] == "no_face"


@pytest.mark.parametrize(
    ("data", "kind", "status", "words"),
    [
        (b"", "image/jpeg", 400, "empty"),
        (b"\xff\xd8\xff\xe0", "image/jpeg", 400, "cut off or broken"),
        (b"hello, I am no picture", "image/jpeg", 415, "not an image"),
        (b"%PDF-1.7", "application/octet-stream", 415, "PDF"),
        (b"x", "text/plain", 415, "text/plain cannot hold a picture"),
        (b"x", "application/x-www-form-urlencoded", 415, "Content-Type: image/jpeg"),
        (b"{}", "application/json", 415, "application/json"),
        (png(50_000, 50_000), "image/png", 413, "50,000 x 50,000 pixels"),
        (bytes(9 << 20), "image/jpeg", 413, "8388608 bytes"),
    ],
)
def test_bad_pictures_are_refused(client: Client, data: bytes, kind: str, status: int, words: str) -> None:
    app = client()
    answer = app.post("/api/predict", data=data, content_type=kind)
    assert answer.status_code == status
    assert set(answer.get_json()) == {"error"}
    assert words in answer.get_json()["error"]
    assert app.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/predict?model=none", 400, "model='none'"),
        ("/api/predict?stream=short", 400, "stream='short'"),
        ("/api/explain?face=7", 422, "the picture has 1"),
        ("/api/explain?face=-1", 422, "the picture has 1"),
        ("/api/explain?face=x", 400, "face='x'"),
        ("/api/explain?at=here", 400, "at='here'"),
        ("/api/explain?label=envy", 400, "label='envy'"),
        ("/api/occlusion?face=7", 422, "the picture has 1"),
        ("/api/nothing", 404, ""),
    ],
)
def test_bad_questions_are_refused(client: Client, one_face: bytes, path: str, status: int, words: str) -> None:
    answer = client().post(path, data=one_face, content_type="image/jpeg")
    assert answer.status_code == status
    assert words in answer.get_json()["error"]


def test_a_form_without_the_field_is_told_which(client: Client) -> None:
    answer = client().post("/api/predict", data={"picture": (io.BytesIO(b"x"), "me.jpg")})
    assert answer.status_code == 400
    assert "image" in answer.get_json()["error"]


def test_an_explanation_says_where_and_what(client: Client, one_face: bytes) -> None:
    body = client().post("/api/explain", data=one_face, content_type="image/jpeg").get_json()
    assert body["label"] == "happy"
    assert np.array(body["map"]).shape == (24, 24)
    assert set(body["frame"]) == {"x", "y", "side", "roll"}
    assert "mouth" in body["sentence"]
    assert max(body["parts"], key=body["parts"].get) == "mouth"
    sad = client().post("/api/explain?label=sad", data=one_face, content_type="image/jpeg").get_json()
    assert sad["label"] == "sad"
    assert "gives sad only 2%" in sad["sentence"]


def test_a_face_is_chosen_by_number_or_place(client: Client, two_faces: bytes) -> None:
    app = client()

    def box(query: str) -> list[int]:
        answer = app.post(f"/api/explain?{query}", data=two_faces, content_type="image/jpeg")
        return list(answer.get_json()["face"]["box"])

    assert box("face=0") == box("at=170,240") != box("face=1") == box("at=510,240")


def test_halves_are_covered_one_after_the_other(client: Client, one_face: bytes) -> None:
    body = client().post("/api/occlusion", data=one_face, content_type="image/jpeg").get_json()
    assert [row["hidden"] for row in body["rows"]] == [None, "upper", "lower", "left", "right"]
    assert all(sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4) for row in body["rows"])
    assert body["sentence"]


def test_an_explanation_needs_a_face(client: Client) -> None:
    empty = cv2.imencode(".png", np.full((48, 64), 90, np.uint8))[1].tobytes()
    for path in ("/api/explain", "/api/occlusion"):
        answer = client().post(path, data=empty, content_type="image/png")
        assert answer.status_code == 422
        assert "no face" in answer.get_json()["error"]


def test_every_answer_carries_the_headers(client: Client, one_face: bytes) -> None:
    app = client()
    answers = [
        app.get("/"),
        app.get("/page/page.css"),
        app.get("/healthz"),
        app.get("/nowhere"),
        app.get("/api/predict"),
        app.post("/api/predict", data=one_face),
        app.post("/api/predict", data=b"", content_type="text/plain"),
        app.get("/healthz", headers={"Host": "evil.example"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 405, 200, 415, 403]
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("192.168.1.7", 200),
        ("emotions.lan", 200),
        ("Emotions.LAN:80", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:8000", 403),
    ],
)
def test_only_our_own_names_are_answered(client: Client, host: str, status: int) -> None:
    app = client(allowed_hosts=("emotions.lan",))
    for path in ("/", "/healthz", "/api/models"):
        assert app.get(path, headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_other_sites_may_not_ask(client: Client, one_face: bytes, headers: dict[str, str], status: int) -> None:
    answer = client().post("/api/predict", data=one_face, content_type="image/jpeg", headers=headers)
    assert answer.status_code == status


def test_a_token_is_asked_for_everything_but_the_page(client: Client, one_face: bytes) -> None:
    app = client(token="correct horse")
    assert [app.get(path).status_code for path in ("/", "/page/js/main.js", "/healthz")] == [200, 200, 200]
    for path in ("/api/models", "/api/drift", "/api/openapi.json", "/metrics"):
        refused = app.get(path)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert app.get(path, headers={"Authorization": "Bearer wrong horse"}).status_code == 401
        assert app.get(path, headers={"Authorization": "Bearer correct horse"}).status_code == 200
    assert app.post("/api/predict", data=one_face).status_code == 401


def test_too_many_requests_are_told_when_to_come_back(client: Client) -> None:
    app = client(rate=0.01, burst=2)
    answers = [app.get("/api/models") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 50
    assert app.get("/healthz").status_code == 200


def test_too_many_pictures_at_once_are_told_to_wait(client: Client, one_face: bytes, stand_in: Any) -> None:
    model = stand_in()
    model.gate = threading.Event()
    app = client(model, concurrency=1, patience=0.0)
    first: list[int] = []
    thread = threading.Thread(
        target=lambda: first.append(app.application.test_client().post("/api/predict", data=one_face).status_code)
    )
    thread.start()
    statuses = set()
    for _ in range(2000):
        answer = app.post("/api/predict", data=b"broken", content_type="image/jpeg")
        statuses.add(answer.status_code)
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) >= 1
            break
    model.gate.set()
    thread.join(timeout=10)
    assert 503 in statuses
    assert first == [200]


def test_models_are_chosen_by_name(client: Client, one_face: bytes, stand_in: Any) -> None:
    app = client(stand_in("first"), stand_in("second"))
    assert [each["name"] for each in app.get("/api/models").get_json()["models"]] == ["first", "second"]
    assert app.post("/api/predict", data=one_face).get_json()["model"] == "first"
    assert app.post("/api/predict?model=second", data=one_face).get_json()["model"] == "second"


def test_a_stream_keeps_the_numbers_of_its_faces(client: Client, two_faces: bytes, one_face: bytes) -> None:
    app = client()

    def numbers(data: bytes, stream: str) -> list[int]:
        answer = app.post(f"/api/predict?stream={stream}", data=data, content_type="image/jpeg").get_json()
        assert all(set(face) == RECORD for face in answer["faces"])
        return sorted(face["face"] for face in answer["faces"])

    first = numbers(two_faces, "stream-one")
    assert len(first) == 2
    assert numbers(two_faces, "stream-one") == first
    assert numbers(one_face, "stream-two") == [0]
    assert numbers(two_faces, "stream-one") == first


def test_drift_counts_faces_of_pictures_and_one_a_second_of_streams(client: Client, two_faces: bytes) -> None:
    app = client()
    app.post("/api/predict", data=two_faces)
    assert app.get("/api/drift").get_json()["faces"] == 2
    for _ in range(5):
        app.post("/api/predict?stream=stream-one", data=two_faces)
    state = app.get("/api/drift").get_json()
    assert state["faces"] in (4, 6)  # five pictures take less than two seconds on any machine
    assert state["shares"]["happy"] == 1
    assert not state["enough"]
    assert set(state["shifts"]) == {"confidence", "brightness", "sharpness"}


def test_metrics_are_prometheus_text(client: Client, one_face: bytes) -> None:
    app = client()
    app.post("/api/predict", data=one_face)
    app.post("/api/predict", data=b"", content_type="text/plain")
    app.get("/secret/of/anybody")
    answer = app.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    lines = answer.get_data(as_text=True).splitlines()
    sample = re.compile(r'^[a-z_]+(\{([a-z]+="[^"]*",?)+\})? -?[0-9.e+-]+$')
    assert [line for line in lines if not line.startswith("# ") and not sample.match(line)] == []
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("# "))
    assert values['fer_requests_total{route="/api/predict",status="200"}'] == "1"
    assert values['fer_requests_total{route="/api/predict",status="415"}'] == "1"
    assert values['fer_requests_total{route="other",status="404"}'] == "1"
    assert values['fer_faces_total{model="stand-in, synthetic faces",label="happy"}'] == "1"
    assert values['fer_predict_seconds_bucket{le="+Inf"}'] == values["fer_predict_seconds_count"] == "1"
    assert values['fer_drift_faces{model="stand-in, synthetic faces"}'] == "1"
    declared = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    used = {re.sub(r"_(bucket|sum|count)$", "", line.partition("{")[0].partition(" ")[0]) for line in values}
    assert used == declared


def test_the_description_names_every_route(client: Client) -> None:
    app = client()
    rules = {
        (rule.rule, method.lower())
        for rule in app.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = app.get("/api/openapi.json").get_json()
    paths = {
        (path, method)
        for path, operations in described["paths"].items()
        for method in operations
        if method != "security"
    }
    assert rules - paths == {("/", "get"), ("/sw.js", "get"), ("/page/<path:name>", "get")}
    assert paths <= rules
    assert "security" not in described["paths"]["/healthz"]["get"]


def test_uploads_never_touch_the_disk(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a temporary file was made")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    noise = np.random.default_rng(0).integers(0, 256, (900, 1200), np.uint8)
    large = cv2.imencode(".png", noise)[1].tobytes()
    assert len(large) > 1_000_000
    answer = client().post("/api/predict", data={"image": (io.BytesIO(large), "large.png")})
    assert answer.status_code == 200


def test_only_the_page_s_own_files_are_given_out(client: Client) -> None:
    app = client()
    for path in ("/page/../settings.py", "/page/%2e%2e/settings.py", "/page/js/", "/page/", "/page//etc/passwd"):
        assert app.get(path).status_code in (404, 308)
