"""`fer-data doctor`: says what is so, finds what is wrong and how to mend it, and tells nobody's secrets."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest

from fer import cli
from fer.data.cache import cached_entries, load_packed
from fer.data.samples import FaceSamples, canonical_order
from fer.doctor import command, deployed, machine, places, software, variables
from fer.doctor.finding import Finding, Section, examined


def found(findings: Iterable[Finding], name: str) -> list[Finding]:
    return [finding for finding in findings if finding.name == name]


def one(findings: Iterable[Finding], name: str) -> Finding:
    (finding,) = found(findings, name)
    return finding


@pytest.fixture(scope="module")
def whole(tiny_run: Path) -> tuple[Section, ...]:
    return command.examine(tiny_run)


def test_every_section_answers(whole: tuple[Section, ...]) -> None:
    assert [section.title for section in whole] == [
        "software",
        "machine",
        "environment",
        "places",
        "predicting",
        "run",
    ]
    findings = {section.title: {finding.name for finding in section.findings} for section in whole}
    assert {"ferlab", "Python", "needed always", "extra train"} <= findings["software"]
    assert {"processor", "memory", "accelerators", "training"} <= findings["machine"]
    assert findings["predicting"] == {"shipped models", "face detector"}
    assert [
        finding for section in whole for finding in section.findings if "could not be examined" in finding.text
    ] == []


def test_a_finished_run_is_all_right(whole: tuple[Section, ...]) -> None:
    run = whole[-1].findings
    assert [finding for finding in run if finding.status == "problem"] == []
    assert one(run, "state").text.startswith("finished after")
    assert one(run, "epochs").text == "2 finished"
    assert one(run, "config.yaml").text == "valid"
    for name in ("best.ckpt", "last.ckpt"):
        assert one(run, name).text.startswith("skipcnn, epoch ")
    assert "fer.folders.run_log: finished" in one(run, "log.jsonl").more[-1]


def test_the_answer_is_text_or_json(
    whole: tuple[Section, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "examine", lambda run: whole)
    problems = sum(finding.status == "problem" for section in whole for finding in section.findings)
    assert command.main(["--json"]) == min(problems, 1)
    answer = json.loads(capsys.readouterr().out)
    assert answer["problems"] == problems
    assert [section["title"] for section in answer["sections"]] == [section.title for section in whole]
    command.main([])
    told = capsys.readouterr().out
    # Only the lines of a log are as long as they are.
    kept = {f"    {line}" for section in whole for finding in section.findings for line in finding.more}
    assert [line for line in told.splitlines() if len(line) > 118 and line not in kept and " " in line.strip()] == []


def test_problems_are_told_with_their_fix_and_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = Section("places", (Finding("cache", "is full", "problem", "Make room."), Finding("x", "y", "note")))
    monkeypatch.setattr(command, "examine", lambda run: (section,))
    assert command.main([]) == 1
    told = capsys.readouterr().out
    assert "PROBLEM: is full" in told
    assert "-> Make room." in told
    assert told.endswith("1 problem, 1 note.\n")
    monkeypatch.setattr(command, "examine", lambda run: (Section("places", section.findings[1:]),))
    assert command.main([]) == 0
    assert capsys.readouterr().out.endswith("no problems, 1 note.\n")


def test_an_examination_that_breaks_down_is_a_problem_and_no_crash() -> None:
    def breaks() -> Iterable[Finding]:
        yield Finding("first", "stays")
        raise ZeroDivisionError("what now")

    first, last = examined("odd", breaks).findings
    assert first.text == "stays"
    assert (last.status, "ZeroDivisionError: what now" in last.text) == ("problem", True)


@pytest.mark.parametrize(
    ("installed", "name", "status", "words"),
    [
        ({"numpy": None}, "needed always", "problem", "missing: numpy"),
        ({"numpy": "1.20.0"}, "numpy", "problem", "1.20.0 is not >=2.0"),
        ({"captum": None}, "extra train", "note", "missing: captum"),
        ({"pytorch-lightning": "2.6.3"}, "pytorch-lightning", "problem", "malicious"),
        ({"opencv-python-headless": "5.0.0"}, "OpenCV", "problem", "no Haar cascades"),
        ({"opencv-python": "4.10.0"}, "OpenCV", "note", "more than once"),
    ],
)
def test_versions_that_cannot_work(
    installed: dict[str, str | None], name: str, status: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {package: wanted for package, wanted, _ in software.requirements()}
    lowest = {package: wanted.partition(">=")[2].partition(",")[0] for package, wanted in needed.items()}
    monkeypatch.setattr(software, "version_of", lambda package: {**lowest, **installed}.get(package))
    told = [finding for finding in found(software.examine(), name) if finding.status != "ok"]
    assert [(finding.status, words in finding.text) for finding in told] == [(status, True)]
    assert told[0].fix.endswith(".")


def test_an_extra_that_nobody_installed_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    extras = {package for package, _, extra in software.requirements() if extra}
    assert {"torch", "hydra-core", "pyspark"} <= extras
    real = software.version_of
    monkeypatch.setattr(software, "version_of", lambda package: None if package in extras else real(package))
    finding = one(software.examine(), "extra train")
    assert (finding.status, finding.text) == ("ok", "not installed (pip install 'ferlab[train]')")


def test_without_torch_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    findings = list(machine.examine())
    assert "torch is not installed" in one(findings, "accelerators").text
    assert [finding for finding in findings if finding.status == "problem"] == []


def test_a_torchvision_for_another_torch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchvision")

    class Broken:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> None:
            if name == "torchvision":
                raise RuntimeError("operator torchvision::nms does not exist")

    spec = machine.importlib.util.find_spec("torchvision")
    monkeypatch.delitem(sys.modules, "torchvision")
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(sys, "meta_path", [Broken, *sys.meta_path])
    finding = one(machine.examine(), "torchvision")
    assert (finding.status, "nms does not exist" in finding.text) == ("problem", True)


def test_little_shared_memory_is_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(total=2**26))
    (finding,) = machine._shared_memory(tmp_path)
    assert (finding.status, "0.06 GiB" in finding.text) == ("note", True)
    assert list(machine._shared_memory(tmp_path / "none")) == []


def test_variables_are_shown_and_secrets_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "FER_SERVE_TOKEN": "sesame1",
        "MLFLOW_TRACKING_PASSWORD": "sesame2",
        "MLFLOW_TRACKING_USERNAME": "sesame3",
        "MLFLOW_TRACKING_URI": "http://anna:sesame4@host:5000",
        "OMP_NUM_THREADS": "3",
        "FER_CAHCE": "/x",
        "FER_DEBUG": "yes",
        "FER_RUN_DIR": "outputs/x",
    }.items():
        monkeypatch.setenv(name, value)
    findings = list(variables.examine())
    assert "sesame" not in str(findings)
    assert one(findings, "FER_SERVE_TOKEN").text == "set, not shown"
    assert one(findings, "MLFLOW_TRACKING_URI").text == "http://***@host:5000"
    assert one(findings, "OMP_NUM_THREADS").text == "3"
    assert "'FER_CACHE'" in one(findings, "FER_CAHCE").fix
    assert one(findings, "FER_DEBUG").status == "note"
    assert one(findings, "FER_RUN_DIR").status == "problem"


def test_every_documented_variable_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(FER_[A-Z_]+)` \|", page, re.MULTILINE)
    assert len(named) == 6
    for name in named:
        monkeypatch.setenv(name, "1")
    assert [finding.name for finding in variables.examine() if finding.name in named and finding.status != "ok"] == []


def test_the_answer_can_be_published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "anna"
    (home / "faces").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("FER_DATA", str(home / "faces"))
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh")
    monkeypatch.setattr(
        software, "examine", lambda: [Finding("x", f"{home}/bin, hf_abcdefgh, https://a:b@c", more=(f"{home}",))]
    )
    sections = command.examine()
    told = str(sections)
    assert str(home) not in told
    assert "hf_abcdefgh" not in told
    assert "~/faces ($FER_DATA)" in one(sections[3].findings, "data sets").text
    (finding,) = sections[0].findings
    assert (finding.text, finding.more) == ("~/bin, ***, https://***@c", ("~",))


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    taken = places.place("cache", tmp_path / "file" / "deeper", key="FER_CACHE", fatal=False)
    assert (taken.status, "is a file" in taken.text, taken.fix) == ("note", True, "Set FER_CACHE to a folder.")
    new = places.place("run folders", tmp_path / "new" / "er", key="run_dir", fatal=True)
    assert (new.status, "not there yet, writable" in new.text) == ("ok", True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]

    def refuse(**_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    closed = places.place("run folders", tmp_path, key="run_dir", fatal=True)
    assert (closed.status, "Read-only file system" in closed.text) == ("problem", True)


def test_places_that_cannot_be_looked_at_are_told_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that no file can have; a folder of somebody else answers in the same way.
    monkeypatch.setenv("FER_DATA", f"{tmp_path}/{'a' * 300}/b")
    monkeypatch.setenv("FER_CACHE", f"{tmp_path}/cache")
    found = {finding.name: finding for finding in places.examine()}
    assert "cannot be written (File name too long)" in found["data sets"].text
    assert found["data sets"].fix == "Set FER_DATA to a folder you can write."
    assert {"cache", "run folders", "packed data"} <= set(found)

    def refuse() -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(places, "cached_entries", refuse)
    assert one(places._cached(), "packed data").text == "cannot be listed (Permission denied)"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    for name in ("FER_DATA", "FER_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    told = {finding.name: finding.text for finding in places.examine()}
    assert told["data sets"] == "this user has no home folder for ~/.local/share: set FER_DATA to a folder"
    assert told["cache"] == "this user has no home folder for ~/.cache: set FER_CACHE to a folder"


@pytest.mark.parametrize(("free", "status"), [(1e8, "problem"), (1e9, "note"), (1e11, "ok")])
def test_full_places(free: float, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    assert places.place("cache", tmp_path, key="FER_CACHE", fatal=False).status == status


def test_packed_data_is_listed_and_a_damaged_one_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    assert cached_entries() == []
    assert one(places._cached(), "packed data").text.startswith("none yet")
    rng = np.random.default_rng(0)
    samples = canonical_order(
        FaceSamples(
            images=rng.integers(0, 256, (50, 1, 48, 48), dtype=np.uint8),
            labels=rng.integers(0, 7, 50),
            splits=np.full(50, "Training"),
            ids=np.arange(50).astype(str),
            source="made",
        )
    )
    for key in ("good", "bad"):
        load_packed(lambda: samples, key=key)
    with next(tmp_path.glob("*/bad/images.npy")).open("ab") as file:
        file.truncate(1000)
    entries = {entry.key: entry for entry in cached_entries()}
    assert entries["bad"].packed is None
    assert entries["good"].packed is not None
    assert entries["good"].bytes > samples.images.nbytes
    good, bad = places._cached()
    assert (good.status, len(good.more), "made, 50 images" in good.more[0]) == ("ok", 1, True)
    assert (bad.status, bad.text) == ("note", "bad is damaged")


def test_a_changed_model_and_a_lost_cascade_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fer.runtime.shipped as shipped

    for name in shipped.NAMES:
        shutil.copy(shipped.shipped_file(name), tmp_path)
        (tmp_path / f"{name}.sha256").write_text(f"{'0' * 64}  {name}.onnx\n")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    monkeypatch.setattr("fer.runtime.detection.haar.CASCADE", "gone.xml")
    model, detector = deployed.examine()
    assert (model.status, "was changed" in model.text) == ("problem", True)
    assert (detector.status, "gone.xml" in detector.text) == ("problem", True)


def test_torch_is_not_needed(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'pytorch_lightning', 'hydra', 'yaml', 'pandas', 'filelock'): sys.modules[name] = None\n"
        "from fer.cli import data\nsys.argv = ['fer-data', 'doctor', '--json', *sys.argv[1:]]\ndata()"
    )
    run = tmp_path / "run"
    run.mkdir()
    (run / "manifest.json").write_text('{"status": "finished", "wall_seconds": 61.0}')
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    sections = {section["title"]: section["findings"] for section in json.loads(done.stdout)["sections"]}
    assert [finding["name"] for finding in sections["run"]] == ["state", "place", "epochs", "files", "log.jsonl"]
    assert sections["run"][0]["text"] == "finished after 00:01:01"
    assert "could not be examined" not in done.stdout


def doctor(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fer-data", "doctor", *arguments])
    try:
        cli.data()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_help_names_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(monkeypatch, "--help") == 0
    assert "RUN" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["fer-data", "--help"])
    with pytest.raises(SystemExit):
        cli.data()
    assert "doctor" in capsys.readouterr().out


def test_wrong_arguments_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "sweep.json").write_text("{}")
    for arguments, words in (
        (["nowhere"], "RUN=nowhere is no folder"),
        ([str(tmp_path)], "is a sweep"),
        ([str(tmp_path.parent)], "is no run folder"),
        (["--jsn"], "--jsn"),
    ):
        assert doctor(monkeypatch, *arguments) == 2
        captured = capsys.readouterr()
        assert words in captured.err
        assert (captured.out, captured.err.count("\n")) == ("", 1)
