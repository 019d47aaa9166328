"""From a run to the live page and MLflow: what is started, and what is told where it fails."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.studio_page import StudioProcess, go, opened, studio_on

from fer.common.errors import ConfigError
from fer.common.process_identity import identity
from fer.export.gate import Gate, RefusedError
from fer.export.measurement import Measured
from fer.studio import commands
from fer.studio.jobs import Job, Jobs
from fer.studio.places import Places

Make = Callable[..., Path]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """What would have been started; nothing is."""
    jobs: list[Job] = []
    monkeypatch.setattr(Jobs, "_start", lambda self, job: jobs.append(job))
    return jobs


@pytest.fixture
def exported(root: Path, run_folder: Make) -> Path:
    run = run_folder(root / "a", final={"public.accuracy": 0.5})
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "best.ckpt").write_bytes(b"no model")
    (run / "export").mkdir()
    (run / "export" / "a.onnx").write_bytes(b"no model either")
    return run


@pytest.mark.usefixtures("started")
def test_a_model_is_registered_by_the_command_that_one_would_type(client: Any, exported: Path) -> None:
    client.get("/api/state")
    body = {"run": "a", "file": "a.onnx", "name": "faces", "store": "sqlite:////db/mlflow.db"}
    job = client.post("/api/track", body)
    model = exported / "export" / "a.onnx"
    told = f"fer-track {exported} --model {model} --register faces --uri sqlite:////db/mlflow.db"
    assert (job["shown"], job["facts"]) == (told, {"file": "a.onnx", "name": "faces"})
    assert client.post("/api/track", {"run": "a"})["shown"] == f"fer-track {exported}"
    for wrong, words in (
        ({"name": "-x"}, "give a name of letters"),
        ({"name": ""}, "give a name of letters"),
        ({"name": "a/b"}, "give a name of letters"),
        ({"file": "../a.onnx"}, "export the run first"),
        ({"store": "mlruns"}, "give sqlite:////path/mlflow.db or http://server:port"),
        ({"store": "--json"}, "give sqlite:////path/mlflow.db or http://server:port"),
        ({"store": "http://me:secret@host:5000"}, "MLFLOW_TRACKING_PASSWORD"),
    ):
        told = client.post("/api/track", body | wrong, status=400)["error"]
        assert words in told
        assert "secret" not in told


def test_live_pages_leave_room_for_exports_and_are_up_once(
    client: Any, root: Path, exported: Path, run_folder: Make, started: list[Job]
) -> None:
    for number in range(4):
        (exported / "export" / f"{number}.onnx").write_bytes(b"x")
    client.get("/api/state")
    asked = [client.post("/api/serve", {"run": "a", "file": f"{number}.onnx"})["id"] for number in range(4)]
    assert client.post("/api/serve", {"run": "a", "file": "0.onnx"})["id"] == asked[0]
    assert {job.id for job in started} == set(asked)
    client.post("/api/export", {"run": "a"})
    assert [job.kind for job in started if job.id not in asked] == ["export"]
    # A file that was written anew meanwhile wants a page of its own.
    begun = Places(root).jobs / f"{asked[0]}.run"
    begun.write_text(json.dumps({"pid": os.getpid(), "began": identity(os.getpid()), "started": 1.0}))
    assert client.post("/api/serve", {"run": "a", "file": "0.onnx"})["id"] != asked[0]


def test_a_run_in_which_nothing_can_be_written_is_told(
    client: Any, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/api/state")

    def refuse(self: Path, *args: Any, **options: Any) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    told = client.post("/api/export", {"run": "a"}, status=400)["error"]
    assert told.startswith(f"{exported / 'export'} cannot be written: no permission; ")


def test_a_registered_model_has_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="registered model 'a:b'"):
        commands.register(tmp_path, model=tmp_path / "m.onnx", name="a:b", store="")


def refusal() -> str:
    size = {"megabytes": 2.0, "single_ms": 1.0, "batch_ms": 1.0}
    fp32 = Measured(form="onnx fp32", accuracy=0.7, agreement=1.0, max_difference=0.0, **size)
    int8 = Measured(form="onnx int8", accuracy=0.6, agreement=0.9, max_difference=0.4, **size)
    with pytest.raises(RefusedError) as caught:
        Gate(max_loss=0.5).check_loss(fp32, int8, split="PublicTest", n=3589)
    return f"error: {caught.value}"


@pytest.fixture
def studio_of_a(exported: Path, root: Path, tmp_path: Path) -> Iterator[StudioProcess]:
    with studio_on(root) as made:
        yield made


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("quiet")
def test_what_fails_is_told_where_it_was_asked_for(studio_of_a: StudioProcess, browser: Any, root: Path) -> None:
    with opened(browser, studio_of_a.port) as page:
        page.wait_for_selector("tr[data-run=a]")
        go(page, "ship")

        def came(words: str) -> str:
            page.wait_for_selector(f"#gate h3:text-is('a: {words}')")
            return str(page.inner_text("#gate .problem"))

        page.click("button:text-is('Export')")
        assert "best.ckpt" in came("not exported")
        page.fill("#ship-store", "sqlite:////proc/none/mlflow.db")
        page.click("button:text-is('Register in MLflow')")
        assert "MLflow at sqlite:////proc/none/mlflow.db: " in came("not all of it is in MLflow")
        page.click("button:text-is('Use it in the live page')")
        assert "a.onnx" in came("the live page ended")
        # What the gate refuses, in the words in which fer-export tells it.
        place = Places(root).jobs / "20990101-000000-000000000-0000"
        told = {"kind": "export", "lane": "side", "argv": ["x"], "shown": "fer-export", "cwd": "/", "about": ["a"]}
        place.with_suffix(".json").write_text(json.dumps(told | {"facts": {}}))
        place.with_suffix(".log").write_text(refusal())
        place.with_suffix(".end").write_text(json.dumps({"code": 2, "ended": 4e9, "asked": False}))
        page.route("**/api/export", lambda route: route.fulfill(json={"id": place.name, "kind": "export"}))
        page.click("button:text-is('Export')")
        assert "INT8 has 60.00 % on the 3,589 PublicTest faces, 10.00 points less" in came("refused by the gate")
