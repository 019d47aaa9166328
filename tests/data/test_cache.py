"""The packed cache: opened in place of reading, safe in races and crashes, rebuilt when damaged."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer.common.cache_folder import default_cache_dir
from fer.common.errors import DataError
from fer.data.cache import CACHE_VERSION, cached_entries, load_packed
from fer.data.paths import data_root
from fer.data.samples import FaceSamples, Split, canonical_order, fingerprint
from fer.doctor.places import place


def made(seed: int = 0, *, n: int = 50) -> FaceSamples:
    rng = np.random.default_rng(seed)
    return canonical_order(
        FaceSamples(
            images=rng.integers(0, 256, (n, 1, 48, 48), dtype=np.uint8),
            labels=rng.integers(0, 7, n),
            splits=rng.choice(sorted(Split), n),
            ids=np.array([f"train/é/{i}" for i in range(n)]),
            source="made ü",
            unreadable=("a.png",),
            groups={"skin/tone": rng.choice(["dark", "light"], n)},
            masks={"mouth": rng.random((n, 48, 48)) > 0.5},
        )
    )


def refuse() -> FaceSamples:
    raise AssertionError("read although the cache has it")


def assert_equal(a: FaceSamples, b: FaceSamples) -> None:
    for name in ("images", "labels", "splits", "ids"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.source, a.unreadable) == (b.source, b.unreadable)
    for name in ("groups", "masks"):
        assert getattr(a, name).keys() == getattr(b, name).keys()
        for column in getattr(a, name):
            np.testing.assert_array_equal(getattr(a, name)[column], getattr(b, name)[column])


def entry(cache: Path, key: str = "k") -> Path:
    return cache / f"packed-v{CACHE_VERSION}" / key


def test_second_load_opens_what_the_first_wrote(tmp_path: Path) -> None:
    samples = made()
    first = load_packed(lambda: samples, key="k", cache_dir=tmp_path)
    second = load_packed(refuse, key="k", cache_dir=tmp_path)
    assert (first.built, second.built) == (True, False)
    assert first.fingerprint == second.fingerprint == fingerprint(samples)
    for packed in (first, second):
        assert_equal(packed.samples, samples)
        assert isinstance(packed.samples.images, np.memmap)
        assert isinstance(packed.samples.masks["mouth"], np.memmap)
        assert not packed.samples.images.flags.writeable


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_in_which_samples_are_read_leaves_no_trace(seed: int, tmp_path: Path) -> None:
    samples = made()
    shuffled = samples.take(np.random.default_rng(seed).permutation(len(samples)))
    assert not np.array_equal(shuffled.ids, samples.ids)
    assert fingerprint(shuffled) == fingerprint(samples)
    load_packed(lambda: samples, key="in-order", cache_dir=tmp_path)
    packed = load_packed(lambda: shuffled, key="shuffled", cache_dir=tmp_path)
    assert_equal(packed.samples, samples)
    for file in entry(tmp_path, "in-order").iterdir():
        assert file.read_bytes() == (entry(tmp_path, "shuffled") / file.name).read_bytes()


def test_without_a_cache_the_order_is_the_same(tmp_path: Path) -> None:
    samples = made()
    (tmp_path / "file").write_text("in the way")
    packed = load_packed(lambda: samples.take(np.arange(len(samples))[::-1]), key="k", cache_dir=tmp_path / "file")
    assert_equal(packed.samples, samples)


def test_packing_holds_no_second_copy_of_the_faces(tmp_path: Path) -> None:
    samples = made(n=20_000)
    tracemalloc.start()
    try:
        load_packed(lambda: samples, key="k", cache_dir=tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Sorting by content takes some 300 bytes a face.
    assert peak < 0.8 * samples.images.nbytes


def test_keys_are_apart(tmp_path: Path) -> None:
    load_packed(lambda: made(1), key="one", cache_dir=tmp_path)
    assert_equal(load_packed(lambda: made(2), key="two", cache_dir=tmp_path).samples, made(2))
    assert_equal(load_packed(refuse, key="one", cache_dir=tmp_path).samples, made(1))


def test_no_samples_at_all(tmp_path: Path) -> None:
    nothing = made().take(np.array([], dtype=np.int64))
    load_packed(lambda: nothing, key="k", cache_dir=tmp_path)
    assert len(load_packed(refuse, key="k", cache_dir=tmp_path).samples) == 0


def test_error_of_the_reader_passes_through_and_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> FaceSamples:
        raise DataError("the archive is broken")

    with pytest.raises(DataError, match="the archive is broken"):
        load_packed(fail, key="k", cache_dir=tmp_path)
    assert not entry(tmp_path).exists()
    assert load_packed(made, key="k", cache_dir=tmp_path).built


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "images cut": lambda path: os.truncate(path / "images.npy", 5000),
    "labels gone": lambda path: (path / "labels.npy").unlink(),
    "ids grown": lambda path: (path / "ids.npy").write_bytes((path / "ids.npy").read_bytes() + b"x"),
    "header garbled": lambda path: (path / "splits.npy").write_bytes(bytes((path / "splits.npy").stat().st_size)),
    "meta cut": lambda path: os.truncate(path / "meta.json", 40),
    "meta empty": lambda path: (path / "meta.json").write_text(""),
    "meta a list": lambda path: (path / "meta.json").write_text("[]"),
    "meta without names": lambda path: (path / "meta.json").write_text(json.dumps({"bytes": {}, "source": "s"})),
    "meta gone": lambda path: (path / "meta.json").unlink(),
    "all gone": empty,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_entry_is_rebuilt_with_one_warning(
    damage: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = replace(made(), unreadable=())
    load_packed(lambda: whole, key="k", cache_dir=tmp_path)
    damage(entry(tmp_path))
    packed = load_packed(lambda: whole, key="k", cache_dir=tmp_path)
    assert packed.built
    assert_equal(packed.samples, whole)
    assert [record.message.split(" is ")[1][:7] for record in caplog.records] == ["damaged"]
    assert not load_packed(refuse, key="k", cache_dir=tmp_path).built
    assert sorted(path.name for path in entry(tmp_path).parent.iterdir()) in (["k"], [".k.lock", "k"])


def test_place_that_cannot_hold_a_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    packed = load_packed(made, key="k", cache_dir=tmp_path / "file" / "cache")
    assert packed.built
    assert packed.fingerprint == fingerprint(made())
    assert_equal(packed.samples, made())
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text
    assert "set FER_CACHE" in caplog.text


def test_a_home_that_another_user_may_not_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a server's user has who was started with the administrator's HOME: nothing below it can be looked at."""
    home = tmp_path / "home"
    stat, mkdir = os.stat, os.mkdir

    def below(path: object) -> bool:
        return str(path).startswith(f"{home}/")

    def closed(of: Callable[..., object]) -> Callable[..., object]:
        def asked(path: object, *rest: object, **more: object) -> object:
            if below(path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return of(path, *rest, **more)

        return asked

    monkeypatch.setattr(os, "stat", closed(stat))
    monkeypatch.setattr(os, "mkdir", closed(mkdir))
    packed = load_packed(made, key="k", cache_dir=home / "cache")
    assert packed.built
    assert_equal(packed.samples, made())
    assert "set FER_CACHE to a folder" in caplog.text
    assert cached_entries(home / "cache") == []
    monkeypatch.setenv("FER_DATA", str(home / "faces"))
    with pytest.raises(DataError, match=r"does not exist: set data\.root"):
        data_root(None, name="fer2013")
    with pytest.raises(PermissionError):
        data_root(home / "faces", name="fer2013")
    assert "cannot be written (Permission denied)" in place("cache", home / "cache", key="FER_CACHE", fatal=False).text


def test_without_a_home_there_is_no_cache(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("FER_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    packed = load_packed(made, key="k")
    assert packed.fingerprint == fingerprint(made())
    assert_equal(packed.samples, made())
    assert "this user has no home folder for ~/.cache: set FER_CACHE to a folder" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_folder_without_write_permission_still_serves_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load_packed(lambda: replace(made(), unreadable=()), key="k", cache_dir=tmp_path)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # Permissions bind no administrator, as which tests may run.
    monkeypatch.setattr(Path, "mkdir", denied)
    assert not load_packed(refuse, key="k", cache_dir=tmp_path).built
    assert caplog.text == ""
    assert load_packed(made, key="other", cache_dir=tmp_path).built
    assert "cannot be written ([Errno 13] Permission denied)" in caplog.text


def script(body: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(body)]


PRELUDE = """
import logging, sys, time
from pathlib import Path
import numpy as np
from fer.data.cache import load_packed
from fer.data.samples import FaceSamples, canonical_order

logging.basicConfig(format="%(message)s")
cache, ready = Path(sys.argv[1]), Path(sys.argv[2])

def made(n=50):
    rng = np.random.default_rng(0)
    return canonical_order(FaceSamples(
        images=rng.integers(0, 256, (n, 1, 48, 48), dtype=np.uint8), labels=rng.integers(0, 7, n),
        splits=np.full(n, "Training"), ids=np.arange(n).astype(str), source="made"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")
def test_full_disk_is_told_and_worked_around(tmp_path: Path) -> None:
    body = f"""{PRELUDE}
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
packed = load_packed(lambda: made(200), key="k", cache_dir=cache)
assert packed.built and (packed.samples.images == made(200).images).all()
print(sorted(path.name for path in (cache / "packed-v{CACHE_VERSION}").iterdir() if path.suffix != ".lock"))
"""
    done = subprocess.run([*script(body), tmp_path, tmp_path], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert done.stderr.count("cannot be written") == 1


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


# Killed while reading, and while the arrays are half written.
STUCK = {
    "reading": """
def read():
    ready.touch()
    time.sleep(600)
load_packed(read, key="k", cache_dir=cache)
""",
    "writing": """
import os
sync, synced = os.fsync, []
def stuck(descriptor):
    sync(descriptor)
    synced.append(descriptor)
    if len(synced) == 3:
        ready.touch()
        time.sleep(600)
os.fsync = stuck
load_packed(made, key="k", cache_dir=cache)
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("phase", STUCK)
def test_killed_builder_leaves_nothing_in_the_way(phase: str, tmp_path: Path) -> None:
    cache, ready = tmp_path / "cache", tmp_path / "ready"
    builder = subprocess.Popen([*script(PRELUDE + STUCK[phase]), cache, ready])
    try:
        wait_for(ready)
    finally:
        builder.send_signal(signal.SIGKILL)
        builder.wait()
    left = list(entry(cache).parent.glob(".*.tmp"))
    assert len(left) == (1 if phase == "writing" else 0)
    assert not entry(cache).exists()
    # Another entry's builder clears it away too.
    other = load_packed(lambda: made(3), key="other", cache_dir=cache)
    assert other.built
    assert list(entry(cache).parent.glob(".*.tmp")) == []
    packed = load_packed(made, key="k", cache_dir=cache)
    assert packed.built
    assert_equal(packed.samples, made())


def test_leftovers_of_a_living_builder_stay(tmp_path: Path) -> None:
    import filelock

    folder = entry(tmp_path).parent
    folder.mkdir(parents=True)
    (folder / ".busy.0123.tmp").mkdir()
    with filelock.FileLock(folder / ".busy.lock"):
        load_packed(made, key="k", cache_dir=tmp_path)
        assert (folder / ".busy.0123.tmp").exists()
    load_packed(made, key="k2", cache_dir=tmp_path)
    assert not (folder / ".busy.0123.tmp").exists()


def test_two_processes_build_once(tmp_path: Path) -> None:
    body = f"""{PRELUDE}
import os
def read():
    (ready / f"read-{{os.getpid()}}").touch()
    # Reads on until the other one has started too.
    while len(list(ready.glob("start-*"))) < 2:
        time.sleep(0.01)
    time.sleep(0.3)
    return made()
(ready / f"start-{{os.getpid()}}").touch()
packed = load_packed(read, key="k", cache_dir=cache)
print(packed.built, packed.fingerprint, (packed.samples.images == made().images).all())
"""
    (tmp_path / "ready").mkdir()
    command = [*script(body), str(tmp_path / "cache"), str(tmp_path / "ready")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=60)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(answer[0] for answer in answers) == ["False", "True"]
    assert answers[0][1] == answers[1][1]
    assert [answer[2] for answer in answers] == ["True", "True"]
    assert len(list((tmp_path / "ready").glob("read-*"))) == 1


def test_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "own"))
    assert default_cache_dir() == tmp_path / "own"
    assert load_packed(made, key="k").built
    assert entry(tmp_path / "own").is_dir()
    monkeypatch.delenv("FER_CACHE")
    for platform, variable, expected in (
        ("linux", "XDG_CACHE_HOME", tmp_path / "base" / "ferlab"),
        ("win32", "LOCALAPPDATA", tmp_path / "base" / "ferlab"),
        ("darwin", "XDG_CACHE_HOME", Path.home() / "Library" / "Caches" / "ferlab"),
    ):
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setenv(variable, str(tmp_path / "base"))
        assert default_cache_dir() == expected
        monkeypatch.delenv(variable)
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_cache_dir() == Path.home() / ".cache" / "ferlab"
