"""The studio's doors and answers, without a browser."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from fer.common.errors import ConfigError, DataError
from fer.common.files import owned_folder
from fer.common.process_identity import identity
from fer.config.compose import compose_train
from fer.config.overrides import with_files
from fer.metrics.predictions import Predictions
from fer.runtime.web.security import HEADERS
from fer.studio import commands
from fer.studio.commands import KINDS, Command
from fer.studio.evidence import curve, mistakes, score_curves, suspects
from fer.studio.jobs import Jobs
from fer.studio.studio import Studio
from fer.studio.tickets import Tickets

Make = Callable[..., Path]


def test_the_page_comes_without_a_token_and_nothing_else_does(client: Any) -> None:
    page = client.plain.get("/")
    assert page.status_code == 200
    assert {name: page.headers[name] for name in HEADERS} == dict(HEADERS)
    assert client.plain.get("/page/js/main.js").headers["Content-Type"] == "text/javascript; charset=utf-8"
    for path in ("/api/state", "/api/bin", "/api/run?run=a"):
        assert client.plain.get(path).status_code == 401
    for path in ("/api/train", "/api/delete", "/api/look_at"):
        assert client.plain.post(path, json={}).status_code == 401
    wrong = client.plain.get("/api/state", headers={"Authorization": "Bearer another token"})
    assert wrong.status_code == 401
    assert "token" in wrong.json["error"]


def test_other_names_and_other_sites_are_refused(client: Any) -> None:
    told = {"Authorization": "Bearer a token of the tests"}
    assert client.plain.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert client.plain.get("/api/state", headers={**told, "Host": "evil.example"}).status_code == 403
    answer = client.plain.post("/api/delete", json={"runs": []}, headers={**told, "Origin": "http://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "..%2fa"])
def test_names_that_lead_out_of_the_folder_are_refused_everywhere(client: Any, root: Path, name: str) -> None:
    for path in ("/api/run", "/api/exports"):
        assert "there is no run" in client.get(f"{path}?run={name}", status=400)["error"]
    assert "there is no run" in client.post("/api/mark", {"run": name, "star": True}, status=400)["error"]
    assert "there is no run" in client.post("/api/delete", {"runs": [name]}, status=400)["error"]
    assert "there is no run" in client.post("/api/report", {"runs": [name]}, status=400)["error"]
    assert "there is no run" in client.post("/api/continue", {"run": name}, status=400)["error"]
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/api/look?look=../x", "/open/x/report.html"):
        assert client.plain.get(path, headers={"Authorization": "Bearer a token of the tests"}).status_code == 404
    assert list(root.iterdir()) == []


def test_a_ticket_opens_its_folder_and_nothing_beside_it(client: Any, root: Path, run_folder: Make) -> None:
    run = run_folder(root / "a", final={})
    (run / "report").mkdir()
    (run / "report" / "report.html").write_text("<script>alert(1)</script>")
    (run / "report" / "per_class.csv").write_text("label\n")
    (run / "report" / "secret.key").write_text("x")
    client.get("/api/state")
    address = client.post("/api/open", {"run": "a"})["address"]
    page = client.plain.get(f"/{address}")
    assert page.status_code == 200
    # It may run its own script, in a sandbox without an origin: so it cannot ask the studio.
    assert page.headers["Content-Security-Policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in page.headers["Content-Security-Policy"]
    beside = address.rpartition("/")[0]
    assert client.plain.get(f"/{beside}/per_class.csv").status_code == 200
    for name in ("secret.key", "../config.yaml", "%2e%2e/config.yaml", "../../a/manifest.json", "x.html"):
        assert client.plain.get(f"/{beside}/{name}").status_code == 404
    assert "no report yet" in client.post("/api/open", {"report": "../a"}, status=400)["error"]


def test_old_tickets_are_forgotten(tmp_path: Path) -> None:
    tickets = Tickets()
    addresses = []
    for number in range(70):
        page = tmp_path / str(number) / "report.html"
        page.parent.mkdir()
        page.write_text("x")
        addresses.append(tickets.address(page).split("/"))
    assert tickets.file(addresses[0][1], addresses[0][2]) is None
    assert tickets.file(addresses[-1][1], addresses[-1][2]) == tmp_path / "69" / "report.html"


def test_the_state_holds_runs_marks_and_jobs(client: Any, root: Path, run_folder: Make) -> None:
    run_folder(root / "a", final={"public.accuracy": 0.5})
    first = client.get("/api/state?since=0")
    assert [entry["id"] for entry in first["entries"]] == ["a"]
    client.post("/api/mark", {"run": "a", "star": True, "note": "the best"})
    then = client.get(f"/api/state?since={first['version']}")
    assert then["entries"] == []
    assert then["marks"] == {"a": {"star": True, "note": "the best"}}
    assert "give the number" in client.get("/api/state?since=x", status=400)["error"]


def test_a_long_queue_is_told_in_its_order(client: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "_start", lambda self, job: None)
    for number in range(50):
        studio.jobs.add("train", argv=["x"], shown="x", about=[str(number)], lane="train")
    jobs = client.get("/api/state")["jobs"]
    assert [job["about"] for job in jobs] == [[str(number)] for number in range(50)]


def test_the_address_of_a_model_can_be_sent_in_a_header(client: Any, root: Path, run_folder: Make) -> None:
    (run_folder(root / "a") / "export").mkdir()
    (root / "a" / "export" / "прогон.onnx").write_bytes(b"x")
    client.get("/api/state")
    (file,) = client.get("/api/exports?run=a")["files"]
    told = client.plain.get(f"/{file['address']}").headers["Content-Disposition"]
    assert told.isascii()
    assert unquote(told).endswith("'прогон.onnx")


def test_a_broken_run_is_shown_and_hides_no_other(client: Any, root: Path, run_folder: Make) -> None:
    run_folder(root / "a", final={"public.accuracy": 0.5})
    (run_folder(root / "b") / "config.yaml").write_bytes(b"\xff\xfe")
    states = {entry["id"]: entry["status"] for entry in client.get("/api/state?since=0")["entries"]}
    assert states == {"a": "finished", "b": "broken"}
    assert client.get("/api/run?run=b")["status"] == "broken"


def test_bodies_of_another_kind_are_refused_with_a_sentence(client: Any) -> None:
    assert "no JSON object" in client.post("/api/mark", [1], status=400)["error"]
    assert "is none of" in client.post("/api/mark", {"walk": 1}, status=400)["error"]
    assert "of the wrong kind" in client.post("/api/mark", {"run": 1}, status=400)["error"]
    answer = client.plain.post("/api/mark", data=b"{", headers={"Authorization": "Bearer a token of the tests"})
    assert answer.status_code == 400
    assert "no JSON" in answer.json["error"]


def test_who_asks_at_the_same_time_as_others_gets_a_folder_of_their_own(
    client: Any, studio: Studio, root: Path, run_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        run_folder(root / name, final={})
    monkeypatch.setattr(Jobs, "_start", lambda self, job: None)
    monkeypatch.setattr(studio.forms, "ask", lambda *_, **__: {"folds": None})
    assert client.get("/api/state")["complete"]

    def asked(path: str, body: dict[str, Any]) -> list[Any]:
        with ThreadPoolExecutor(4) as class_of_four:
            clients = [type(client)(client.plain.application.test_client()) for _ in range(4)]
            return list(class_of_four.map(lambda each: each.post(path, body), clients))

    trainings = asked("/api/train", {"overrides": [], "name": "homework"})
    names = {"homework", "homework_2", "homework_3", "homework_4"}
    assert {job["about"][0] for job in trainings} == names
    # What is the same whoever asks is made once.
    reports = asked("/api/report", {"runs": ["a", "b"], "name": "homework"})
    assert {job["facts"]["report"] for job in reports} == {"homework"}
    # Nothing of a report is there before it is made.
    another = asked("/api/report", {"runs": ["b", "a"], "name": "homework"})
    assert {job["facts"]["report"] for job in another} == {"homework_2"}
    begun = {job["id"] for job in asked("/api/report", {"runs": ["a"]})}
    assert len(begun) == 1
    looks = asked("/api/data", {"dataset": "synthetic", "source": "synthetic"})
    assert len({job for look in looks for job in look["jobs"]}) == 2
    assert len({job["id"] for job in asked("/api/suspects", {"runs": ["a", "b"]})}) == 1
    # One that nobody here asked for, and so is never begun, does not stand in its place.
    stranger = studio.places.jobs / f"{begun.pop()}.json"
    stranger.write_text(json.dumps({**json.loads(stranger.read_text()), "facts": {"file": "another"}}))
    assert asked("/api/report", {"runs": ["a"]})[0]["words"] is None


def test_a_full_disk_starts_nothing_and_is_told(
    client: Any, root: Path, run_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_folder(root / "a", final={})
    client.get("/api/state")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    told = client.post("/api/report", {"runs": ["a"]}, status=400)["error"]
    assert "cannot be written: the disk is full" in told
    assert "the disk is full" in client.post("/api/delete", {"runs": ["a"]}, status=400)["error"]
    assert (root / "a" / "metrics.json").is_file()
    assert client.get("/api/state")["jobs"] == []


@pytest.mark.parametrize("override", ["--cfg=job", "@/etc/passwd", "-m", "run_dir=/tmp/x", "+run_dir=/x", "words"])
def test_nothing_but_settings_goes_on_the_command_line(client: Any, override: str) -> None:
    assert client.post("/api/check", {"overrides": [override]}, status=400)["error"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 200, "a\nb", "x."])
def test_a_run_gets_no_name_that_leads_elsewhere(name: str) -> None:
    with pytest.raises(ConfigError, match="give letters, digits"):
        commands.checked_name(name)


@pytest.mark.parametrize(("name", "told"), [("表" * 90, "too long"), ("export", "no runs"), ("reports", "no runs")])
def test_a_run_gets_no_name_under_which_it_could_not_be_made_or_shown(client: Any, name: str, told: str) -> None:
    assert told in client.post("/api/train", {"overrides": [], "name": name}, status=400)["error"]


@pytest.mark.parametrize("place", ["/a/b", "/with space/b", "/it's (1)/[x]", "/ü = ( ) ' , [ #/a", "/ü/2024", '/"/x'])
def test_the_command_line_means_the_folder_it_names(place: str) -> None:
    for kind, key in KINDS.items():
        command = commands.experiment(kind, ["data=synthetic"], folder=Path(place))
        assert compose_train(command.arguments, config_name=kind)[key] == place


def test_a_command_is_shown_as_a_person_would_type_it() -> None:
    command = Command(name="report", arguments=("run=/a b", "report=full"))
    assert command.shown == "fer-report 'run=/a b' report=full"
    folds = commands.suspects([Path("/r/0"), Path("/r/1")], out=Path("/o.csv"))
    assert folds.shown == "fer-data suspects /r/0 /r/1 --out /o.csv --json"
    audit = commands.data("audit", "a.zip", source="folder", settings=["size=96"], more=("--out", "/o"))
    assert audit.shown == "fer-data audit a.zip --source folder --set size=96 --json --out /o"
    assert commands.report([Path("/r/a"), Path("/r/b")], out=Path("/o"), level="default", faces=False).arguments == (
        'run=["/r/a","/r/b"]',
        "out=/o",
        "faces=false",
    )


def test_an_interrupted_run_goes_on_where_it_was_moved_to(root: Path, run_folder: Make) -> None:
    checkpoint = {"dirpath": f"{root}/a/checkpoints", "beside": f"{root}/ab"}
    place = {"checkpoint": checkpoint, "confusion": {"run_dir": f"{root}/a"}}
    run = run_folder(root / "a", config={"callbacks": place})
    assert commands.go_on(run).arguments == (f"@{run}/config.yaml", f"run_dir={run}")
    run.rename(root / "b")
    settings = with_files(commands.go_on(root / "b").arguments)
    assert f"run_dir={root}/b" in settings
    assert {each.partition("=")[2].strip('"') for each in settings if each.startswith("++callbacks.")} == {
        f"{root}/b/checkpoints",
        f"{root}/ab",
        f"{root}/b",
    }


def test_a_run_goes_on_once(
    client: Any, studio: Studio, root: Path, run_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Jobs, "_start", lambda self, job: None)
    manifest = run_folder(root / "a") / "manifest.json"
    client.get("/api/state")
    job = client.post("/api/continue", {"run": "a"})
    assert "a is in the queue already" in client.post("/api/continue", {"run": "a"}, status=400)["error"]
    # Its process is there and imports; the folder is as it was left.
    began = identity(os.getpid())
    told = {"pid": os.getpid(), "began": began, "started": manifest.stat().st_mtime + 1}
    (studio.places.jobs / f"{job['id']}.run").write_text(json.dumps(told))
    assert "a is at work already" in client.post("/api/continue", {"run": "a"}, status=400)["error"]
    # It was stopped, and is on its way out.
    (studio.places.jobs / f"{job['id']}.run").write_text(json.dumps(told | {"started": 1}))
    assert client.post("/api/continue", {"run": "a"})["state"] == "waiting"


def test_stop_ends_the_training_and_no_process_that_has_its_number_here(
    client: Any, root: Path, run_folder: Make
) -> None:
    """As where many machines or containers share a folder, each with numbers of its own."""
    run = run_folder(root / "a")
    started = {"time": "2026-01-02T03:04:05+00:00", "logger": "fer.folders.run_log", "message": "started"}
    with (
        owned_folder(run, key="run_dir", busy="at work"),
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other,
    ):
        try:
            client.get("/api/state")
            for began in ({}, {"began": "1"}):
                (run / "log.jsonl").write_text(json.dumps(started | {"pid": other.pid} | began) + "\n")
                refused = client.post("/api/stop_run", {"run": "a"}, status=400)["error"]
                assert "a is trained on another machine, or in a container" in refused
            assert other.poll() is None
            told = started | {"pid": other.pid, "began": identity(other.pid)}
            (run / "log.jsonl").write_text(json.dumps(told) + "\n")
            assert client.post("/api/stop_run", {"run": "a"}) == {"stopping": "a"}
            assert other.wait(20) == -signal.SIGTERM
        finally:
            other.kill()


def test_the_curves_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    positive = rng.random(500) < 0.3
    score = np.round(rng.random(500) * 0.5 + 0.3 * positive, 2)
    false_rate, true_rate, precision = curve(positive, score)
    fpr, tpr, _ = metrics.roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(false_rate, fpr)
    np.testing.assert_allclose(true_rate, tpr)
    average = float(np.sum(np.diff(true_rate) * precision[1:]))
    assert average == pytest.approx(metrics.average_precision_score(positive, score))


def test_mistakes_and_curves_are_about_the_labels_of_the_run(root: Path, run_folder: Make) -> None:
    labels = ("pain", "no_pain")
    run = run_folder(root / "a", final={}, config={"labels": list(labels)}, manifest={"data": {"valid_name": "public"}})
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "best.ckpt").write_bytes(b"")
    Predictions(
        ids=np.array(["f0", "f1", "f2"]),
        labels=np.array([0, 1, 1]),
        probabilities=np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]),
        split="PublicTest",
        classes=labels,
    ).write(run / "predictions" / "public.parquet")
    told = mistakes(run, true="no_pain", predicted=None)
    assert (told["labels"], told["confusion"], told["count"]) == (labels, [[1, 0], [1, 1]], 1)
    assert [(face["id"], face["true"], face["predicted"]) for face in told["faces"]] == [("f1", "no_pain", "pain")]
    # The synthetic data know seven emotions alone: the list comes without pictures, and says why.
    assert told["note"].startswith("Without pictures: ")
    assert score_curves(run, label="pain")["area"] == 1.0
    with pytest.raises(ConfigError, match="this run knows pain, no_pain"):
        score_curves(run, label="happy")


def test_suspect_labels_come_with_their_order(root: Path, run_folder: Make) -> None:
    run = run_folder(root / "a", final={})
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "best.ckpt").write_bytes(b"")
    listed = root / "suspects.csv"
    listed.write_text("id,label,suggested,probability\nx,sad,happy,0.01\ny,fear,sad,0.1\n")
    told = suspects(run, file=listed)
    assert (told["count"], [face["id"] for face in told["faces"]]) == (2, ["x", "y"])
    listed.unlink()
    with pytest.raises(DataError, match=r"suspects.csv cannot be read .*find the suspects again"):
        suspects(run, file=listed)


def test_a_worker_that_ends_is_started_again(studio: Studio) -> None:
    import signal

    from fer.studio.worker import Worker

    worker = Worker("fer.studio.forms")
    try:
        with pytest.raises(ConfigError, match="greater than 0"):
            worker.ask("check", kind="train", overrides=["optimizer.lr=-1"], origin=None)
        assert worker._process is not None
        worker._process.send_signal(signal.SIGKILL)
        worker._process.wait()
        assert worker.ask("check", kind="train", overrides=["data=synthetic"], origin=None)["data"] == "synthetic"
    finally:
        worker.close()


def test_the_page_asks_for_its_own_files_alone() -> None:
    import re

    page = Path(__file__).parents[2] / "fer" / "studio" / "page"
    text = "".join(path.read_text() for path in page.rglob("*") if path.suffix in (".html", ".js", ".css"))
    assert set(re.findall(r"https?://\w[\w.]*\w", text)) <= {"http://www.w3.org", "http://localhost"}
    assert all(path.read_text().count("\n") < 400 for path in page.rglob("*.js"))
