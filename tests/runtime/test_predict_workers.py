"""Folders on several processes: the same rows in the same order, whatever happens to a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import fer
from fer.data.synthetic.source import render_face
from fer.runtime.predict.command import main
from fer.runtime.predict.listing import Listing
from fer.runtime.predict.pictures import Job, Outcome, outcomes
from fer.runtime.predict.pool import CHUNK, LEAD, WorkerPool
from fer.runtime.predict.recipe import Recipe
from fer.runtime.predict.sources import Item, items
from fer.runtime.predict.tally import Tally
from fer.runtime.predictor import Predictor
from fer.runtime.record import Face

ROOT = Path(__file__).parents[2]
RECIPE = Recipe(detector="none")
COUNT = 40


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of many sizes, one of them broken and two of the same bytes."""
    folder = tmp_path_factory.mktemp("many")
    face = render_face(3, "happy", size=96, zoom=0.7).image
    for number in range(COUNT):
        side = 40 + 7 * (number % 13)
        cv2.imwrite(str(folder / f"{number:03}.png"), np.roll(cv2.resize(face, (side, side)), number // 13))
    (folder / "005.png").write_bytes(b"\x89PNG no more")
    (folder / "039.png").write_bytes((folder / "000.png").read_bytes())
    return folder


def jobs(folder: Path) -> Iterator[Job]:
    return (Job(item, None) for item in items([str(folder)], leave_out=None))


def test_several_processes_give_the_rows_of_one_in_order(
    many: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows, copies = {}, {}
    for workers in (1, 3):
        out, seen = tmp_path / f"{workers}.csv", tmp_path / f"seen{workers}"
        arguments = [str(many), "--detector", "none", "--workers", str(workers), "--out", str(out)]
        assert main([*arguments, "--annotate", str(seen)]) == 0
        rows[workers] = out.read_text()
        copies[workers] = {path.name: path.read_bytes() for path in seen.rglob("*.png")}
        err = capsys.readouterr().err
        assert f"{COUNT} pictures: {COUNT - 1} faces" in err
        assert f"unreadable: {many / '005.png'}; their rows say why" in err
        assert f"1 picture of the same bytes as an earlier one: {many / '039.png'}" in err
    assert rows[1] == rows[3]
    assert len(rows[1].splitlines()) == COUNT + 1
    assert copies[1] == copies[3]
    assert len(copies[1]) == COUNT - 1
    assert [face.as_dict() for face in fer.predict(many, detector="none", workers=2)] == [
        face.as_dict() for face in fer.predict(many, detector="none")
    ]


def test_a_picture_that_ends_its_process_is_a_row_and_the_rest_goes_on(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that is told to open 003.png kills itself, as the system does where memory runs out."""
    code = (
        "import os, signal, sys\nsys.path[:] = {path!r}\n"
        "from fer.runtime.predict import pictures\nread = pictures._read\n"
        "def reads(job, predictor):\n"
        "    if job.item.path.name == '003.png': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return read(job, predictor)\n"
        "pictures._read = reads\nfrom fer.runtime.predict.worker import main\nmain()\n"
    )
    monkeypatch.setattr("fer.runtime.predict.pool._CODE", code)
    told: list[str] = []
    with WorkerPool(RECIPE, count=2, tell=told.append) as pool:
        found = list(pool.outcomes(jobs(many)))
    expected = list(outcomes(jobs(many), Predictor(RECIPE.open_model(), RECIPE.open_detector())))
    killed = found.pop(3)
    assert [face.status for face in killed.faces] == ["unreadable"]
    assert killed.faces[0].reason == "the process that looked at it ended (killed by signal 9)"
    del expected[3]
    assert found == expected
    assert any("killed by signal 9" in line and "003.png" in line for line in told)
    assert all("\n" not in line for line in told)


def test_the_pool_takes_no_more_than_its_lead(many: Path) -> None:
    taken = 0

    def counted() -> Iterator[Job]:
        nonlocal taken
        for _ in range(1000):
            for job in jobs(many):
                taken += 1
                yield job

    with WorkerPool(RECIPE, count=1, tell=print) as pool:
        stream = pool.outcomes(counted())
        next(stream)
        assert taken == LEAD * CHUNK
        stream.close()


def test_no_process_is_left_behind(many: Path) -> None:
    with WorkerPool(RECIPE, count=2, tell=print) as pool:
        next(pool.outcomes(jobs(many)))
        processes = [worker._process for worker in pool._workers]
    assert processes
    assert all(process.returncode is not None for process in processes)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_at_once_with_130_and_leaves_no_process(many: Path, tmp_path: Path) -> None:
    paths = tmp_path / "paths.txt"
    paths.write_text("".join(f"{many / f'{number % COUNT:03}.png'}\n" for number in range(200_000)))
    command = [sys.executable, "-c", "import sys; from fer.cli import predict; sys.argv[0] = 'fer-predict'; predict()"]
    arguments = ["-", "--detector", "none", "--workers", "2", "--format", "jsonl", "--out", str(tmp_path / "rows")]
    with (
        paths.open() as typed,
        subprocess.Popen([*command, *arguments], stdin=typed, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process,
    ):
        end = time.monotonic() + 60
        rows = tmp_path / "rows"
        while time.monotonic() < end and not (rows.exists() and rows.stat().st_size):
            time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        started = [int(child) for child in children.read_text().split()] if children.exists() else []
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 130
    assert "stopped by SIGINT; the records so far are written" in said
    assert "Traceback" not in said
    for child in started:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_a_listing_gives_all_in_order_and_knows_the_end(many: Path) -> None:
    with Listing(items([str(many)], leave_out=None)) as listing:
        assert list(listing) == list(items([str(many)], leave_out=None))
        assert listing.total == COUNT


def test_a_short_listing_needs_no_temporary_file_and_a_long_one_has_one(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress alone is no reason to end where there is no room for such files."""
    found = list(items([str(many)], leave_out=None))
    monkeypatch.setattr("fer.runtime.predict.listing.IN_MEMORY", 200)
    with Listing(iter(found)) as listing:
        assert list(listing) == found
    monkeypatch.undo()

    def refuse(**_: object) -> None:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with Listing(iter(found)) as listing:
        assert list(listing) == found


def test_what_fails_in_a_listing_is_told_to_who_waits() -> None:
    def broken() -> Iterator[Item]:
        yield Item(Path("a"), Path("a"), "image")
        raise OSError("gone")

    with Listing(broken()) as listing, pytest.raises(OSError, match="gone"):
        list(listing)


def test_progress_is_told_without_a_terminal_where_it_is_asked_for(
    many: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.runtime.predict.progress._LINES_BETWEEN", 0.0)
    assert main([str(many), "--detector", "none", "--workers", "1", "--format", "csv", "--progress"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert any(f"{COUNT}/{COUNT}" in line and "/s" in line and "0 s left" in line for line in lines)


def test_a_tally_names_a_few_and_counts_the_rest() -> None:
    tally = Tally()
    for number in range(12):
        tally.add(Outcome([Face(source=f"{number}.jpg", status="unreadable", reason="x")], digest=b"same"))
    text = tally.words(0.5)
    assert "12 pictures: 0 faces, 12 unreadable in 0.5 s" in text
    assert "unreadable: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 7 more" in text
    assert "11 pictures of the same bytes as an earlier one: 1.jpg, 2.jpg, 3.jpg, 4.jpg, 5.jpg and 6 more" in text


@pytest.mark.slow
def test_a_folder_takes_no_more_memory_the_longer_it_is(many: Path, tmp_path: Path) -> None:
    """Peak memory of the process and of its children, for 300 pictures and for 3,000."""
    code = (
        "import resource, sys\nfrom fer.runtime.predict.command import main\nmain(sys.argv[1:])\n"
        "who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)\n"
        "print(*(resource.getrusage(each).ru_maxrss for each in who))"
    )
    peaks = []
    for count in (300, 3000):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            os.link(many / f"{number % COUNT:03}.png", folder / f"{number:05}.png")
        arguments = [str(folder), "--detector", "none", "--workers", "2", "--format", "csv", "--out", os.devnull]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments, "--progress"], capture_output=True, text=True, check=True, cwd=ROOT
        )
        peaks.append([int(value) for value in done.stdout.split()])
    (few, few_children), (more, more_children) = peaks
    assert more < few + 6000  # KiB
    assert more_children < few_children + 6000
