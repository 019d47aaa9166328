"""The lock for pip users is current, and the wheel works where there is no checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.attacked_commands import QUICK_REPORT
from support.forked_commands import ForkedCommands

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv")
needs_uv = pytest.mark.skipif(UV is None, reason="uv is not installed")


def pinned(lock: str) -> dict[tuple[str, str], Version]:
    """The version of each (package, marker) of a requirements file."""
    lines = re.findall(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\$", lock, re.MULTILINE)
    return {(name, marker): Version(version) for name, version, marker in lines}


def asked(lock: str) -> list[str]:
    """The line of a requirements file that says what was asked of the resolver."""
    return re.findall(r"^# (exclude-newer = .+)$", lock, re.MULTILINE)


@needs_uv
def test_requirements_lock_is_current() -> None:
    """It pins what pyproject.toml resolves to.

    A version may be older than today's resolution: indexes learn of a release days after the date it carries, so the
    same question gets a newer answer later.
    """
    exported = subprocess.run(
        [
            str(UV),
            "export",
            "--quiet",
            "--locked",
            "--no-emit-project",
            "--extra",
            "train",
            "--no-default-groups",
            "--no-header",
            "--format=requirements-txt",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert exported.returncode == 0, exported.stderr
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert asked(lock) == [f'exclude-newer = "{project["tool"]["uv"]["exclude-newer"]}"'], "run `make lock`"
    current, resolved = pinned(lock), pinned(exported.stdout)
    assert set(current) == set(resolved), "run `make lock`"
    newer = {package for package, version in current.items() if version > resolved[package]}
    assert not newer, "run `make lock`"
    direct = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["train"]]
    for requirement in map(Requirement, [*direct, *project["tool"]["uv"]["constraint-dependencies"]]):
        versions = [version for (name, _), version in current.items() if name == canonicalize_name(requirement.name)]
        assert versions, f"{requirement} is not pinned: run `make lock`"
        assert all(version in requirement.specifier for version in versions), f"{requirement}: run `make lock`"


def test_every_pin_of_requirements_lock_has_its_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[\w.-]+==)", lock, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned(lock)) > 100
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_requirements_lock_names_no_address() -> None:
    assert not re.search(r"https?://|--index", (ROOT / "requirements.lock").read_text(encoding="utf-8"))


def built(kind: str, out: Path, *, source: Path = ROOT) -> Path:
    """The "wheel" or "sdist" of a source tree."""
    subprocess.run(
        [str(UV), "build", "--quiet", "--offline", f"--{kind}", "--no-build-isolation", "--out-dir", str(out)],
        cwd=source,
        check=True,
        env={**os.environ, "VIRTUAL_ENV": sys.prefix},
    )
    (path,) = [*out.glob("*.whl"), *out.glob("*.tar.gz")]
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("wheel"))


@needs_uv
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout, so nothing says which files belong to it")
def test_sdist_holds_what_the_checkout_holds_and_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    sdist = built("sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
        names = {name.partition("/")[2] for name in archive.getnames()}
    (root,) = tmp_path.glob("ferlab-*")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    held = {name for name in listed.strip("\0").split("\0") if (ROOT / name).is_file()}
    assert names - held == {"PKG-INFO"}
    left_out = held - names
    of_the_checkout = {".ci", ".github", ".pre-commit-config.yaml"}
    assert {name.partition("/")[0] for name in left_out} <= of_the_checkout
    again = built("wheel", tmp_path / "wheel", source=root)
    first, second = (zipfile.ZipFile(path) for path in (wheel, again))
    assert sorted(first.namelist()) == sorted(second.namelist())
    changed = [name for name in first.namelist() if first.read(name) != second.read(name)]
    assert changed == []


@needs_uv
def test_wheel_holds_package_and_configuration(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
    assert {f"fer/{name}" for name in shipped} <= names
    assert {"fer/py.typed", "fer/cli.py"} <= names
    assert {
        f"fer/runtime/shipped/{name}.{kind}" for name in ("everyday", "benchmark") for kind in ("onnx", "md", "sha256")
    } <= names
    assert {"fer/runtime/web/page/index.html", "fer/report/page/report.css"} <= names
    assert not {name for name in names if not name.startswith(("fer/", "ferlab-"))}
    assert not {name for name in names if name.endswith((".npy", ".zip", ".ckpt"))}
    kinds = {Path(name).suffix for name in names if name.startswith("fer/")}
    assert kinds == {
        ".py",
        ".typed",
        ".yaml",
        ".j2",
        ".css",
        ".csv",
        ".js",
        ".mjs",
        ".json",
        ".html",
        ".svg",
        ".png",
        ".webmanifest",
        ".onnx",
        ".npz",
        ".md",
        ".sha256",
        ".txt",
    }


@pytest.fixture(scope="module")
def foreign(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel installed and the dependencies of this one, in a folder of its own."""
    home = tmp_path_factory.mktemp("foreign")
    venv.create(home / "env", with_pip=False)
    (site,) = (home / "env" / "lib").glob("python*/site-packages")
    subprocess.run(
        [str(UV), "pip", "install", "--quiet", "--offline", "--no-deps", f"--python={home}/env/bin/python", str(wheel)],
        check=True,
    )
    dependencies = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")
    return home


@needs_uv
def test_wheel_starts_every_command_in_a_foreign_folder(foreign: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(
            [str(foreign / "env" / "bin" / command[0]), *command[1:]],
            cwd=foreign,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    assert str(foreign) in run("python", "-c", "import fer; print(fer.__file__)")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len(project["scripts"]) > 10
    for command in project["scripts"]:
        assert command in run(command, "--help")


FEW_FACES = ("data=synthetic", "data.train=140", "data.public=70", "data.private=70", "data.batch_size=32")
SHORT = ("trainer.accelerator=cpu", "trainer.max_epochs=1", "threads=1")


@pytest.fixture(scope="module")
def installed(foreign: Path) -> Iterator[Callable[..., str]]:
    """`installed(NAME, *ARGUMENTS)` runs `fer-NAME` of the wheel, as its script starts it but for the imports."""

    def run(name: str, *arguments: str) -> str:
        done = forked.run(name, *arguments, cwd=foreign)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return done.stdout

    with ForkedCommands(str(foreign / "env" / "bin" / "python"), cwd=foreign) as forked:
        yield run


@pytest.fixture(scope="module")
def trained(installed: Callable[..., str]) -> str:
    """The name of a run folder that the wheel filled."""
    net = ("model=cnn", "model.params.widths=[8,16]")
    assert "run folder: run" in installed("train", *FEW_FACES, *SHORT, *net, "run_dir=run")
    return "run"


@needs_uv
@pytest.mark.slow
def test_wheel_trains_and_reports(installed: Callable[..., str], trained: str, foreign: Path) -> None:
    # Every analysis, each on few faces: what must be in the wheel is their templates and settings.
    assert "report.html" in installed("report", f"run={trained}", "out=report", *QUICK_REPORT)
    assert (foreign / "report" / "report.html").is_file()
    assert '"counts"' in installed("data", "stats", "synthetic", "--json")


@needs_uv
@pytest.mark.slow
def test_wheel_sweeps_and_exports(installed: Callable[..., str], trained: str, foreign: Path) -> None:
    found = installed("sweep", *FEW_FACES, *SHORT, "model=mlp", "num_trials=1", "workers=1", "sweep_dir=sweep")
    assert "best: trial 0" in found
    assert (foreign / "sweep" / "report.html").is_file()
    assert "cnn int8" in installed("export", trained, "--out", "model.onnx", "--int8", "--max-loss", "100")


@needs_uv
def test_base_installation_predicts_and_serves_without_torch(wheel: Path, tmp_path: Path) -> None:
    """`pip install ferlab` with nothing but its own dependencies."""
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    locked = tmp_path / "base.txt"
    export = ["export", "--quiet", "--locked", "--no-emit-project", "--no-default-groups", f"--output-file={locked}"]
    subprocess.run([str(UV), *export], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    into = [str(UV), "pip", "install", "--quiet", "--offline", "--no-deps", f"--python={python}"]
    subprocess.run([*into, "--requirements", str(locked)], check=True)
    subprocess.run([*into, str(wheel)], check=True)

    # Bytecode, which some installers write and others leave to the first run, is counted nowhere.
    without_bytecode = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*command: str) -> str:
        path = str(tmp_path / "env" / "bin" / command[0])
        told = subprocess.run(
            [path, *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False, env=without_bytecode
        )
        assert told.returncode == 0, f"{command}: {told.stderr}"
        return told.stdout

    from fer.data.synthetic.source import render_face

    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), render_face(3, "happy", zoom=0.8, size=300).image)
    (face,) = (json.loads(line) for line in run("fer-predict", str(picture), "--format", "jsonl").splitlines())
    assert face["status"] == "ok"
    assert face["label"] == "happy"
    assert "--port" in run("fer-serve", "--help")
    absent = "from importlib.util import find_spec as f; print([n for n in ('torch', 'hydra', 'pandas') if f(n)])"
    assert run("python", "-c", absent).strip() == "[]"
    files = [path for path in (tmp_path / "env").rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < 300 * 2**20
