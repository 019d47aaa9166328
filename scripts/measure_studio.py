"""Measures fer-studio as its users meet it, in Chromium; prints one line a figure.

python scripts/measure_studio.py                      500 runs, 100 changes a second
python scripts/measure_studio.py --runs 2000 --seconds 60

Run folders are made, and epochs appended to them, as trainings would do it, by a process of their own. CPU seconds are
those of the studio's own process and of the browser's renderer; they hold on a busy computer too, the gaps between
frames only on one that does nothing else. Needs Playwright and Chromium.
"""

import argparse
import json
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import sync_playwright

TOKEN = "measured by a script"
STUDIO = "import sys; from fer import cli; sys.argv[0] = 'fer-studio'; cli.studio()"

WATCH = """() => {
    window.gaps = []; window.tasks = [];
    let last = performance.now();
    const frame = () => {
        const now = performance.now();
        window.gaps.push(now - last);
        last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => list.getEntries().forEach((each) => window.tasks.push(each.duration)))
        .observe({ entryTypes: ['longtask'] });
}"""
TOLD = """() => {
    const gaps = window.gaps.sort((a, b) => a - b), at = (share) => gaps[Math.floor((gaps.length - 1) * share)];
    return { frames: gaps.length, median: at(0.5), high: at(0.99), longest: at(1),
             tasks: window.tasks.length, task: Math.max(0, ...window.tasks) };
}"""


def main() -> None:
    """Makes the runs, opens the page, changes runs, and prints what it cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500, help="run folders")
    parser.add_argument("--changes", type=int, default=100, help="epochs that end in one of them, a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="for which they do")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fer-studio-"))
    try:
        for number in range(arguments.runs):
            make_run(folder / "runs" / f"run{number:04d}", accuracy=number / arguments.runs)
        with started(folder / "runs") as (pid, port), sync_playwright() as playwright:
            print(f"start of the server  {cpu_seconds(pid):6.2f} CPU s")
            look(playwright, pid=pid, port=port, arguments=arguments, root=folder / "runs")
    finally:
        shutil.rmtree(folder)


def look(playwright: Any, *, pid: int, port: int, arguments: argparse.Namespace, root: Path) -> None:
    """Opens the page and lets runs change."""
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    page = browser.new_context().new_page()
    page.set_default_timeout(300_000)
    before, begun = cpu_seconds(pid), time.perf_counter()
    page.goto(f"http://localhost:{port}/#token={TOKEN.replace(' ', '%20')}")
    page.wait_for_selector("tr[data-run]")
    first = time.perf_counter() - begun
    page.wait_for_selector(f"text={arguments.runs} of {arguments.runs} shown")
    every = time.perf_counter() - begun
    print(f"first rows           {first:6.2f} s")
    print(f"all {arguments.runs} rows         {every:6.2f} s, {cpu_seconds(pid) - before:.2f} CPU s of the server")
    page.evaluate(WATCH)
    page.click("tr[data-run=run0000] button.name")
    page.wait_for_selector("#run-state .status")
    renderer = max(renderers(), key=cpu_seconds)
    costs = cpu_seconds(pid), cpu_seconds(renderer)
    begun = time.perf_counter()
    changed = multiprocessing.Value("i", 0)
    changer = multiprocessing.Process(target=change, args=(root, changed), kwargs=vars(arguments))
    changer.start()
    page.wait_for_timeout(1000 * arguments.seconds)
    changer.join()
    spent = time.perf_counter() - begun
    told = page.evaluate(TOLD)
    server, drawn = cpu_seconds(pid) - costs[0], cpu_seconds(renderer) - costs[1]
    print(f"changes              {changed.value / spent:6.0f} a second, for {spent:.0f} s")
    print(f"server               {server / spent:6.2f} CPU s a second")
    print(f"page                 {drawn / spent:6.2f} CPU s a second")
    print(
        f"frames               {told['median']:6.0f} ms apart, 99 % under {told['high']:.0f} ms, "
        f"the longest {told['longest']:.0f} ms"
    )
    print(f"tasks over 50 ms     {told['tasks']:6}, the longest {told['task']:.0f} ms")
    browser.close()


def make_run(path: Path, *, accuracy: float) -> None:
    """A run of 200 epochs that has trained three."""
    path.mkdir(parents=True)
    tree = {
        "seed": 0,
        "run_dir": str(path),
        "data": {"name": "synthetic"},
        "model": {"name": "cnn"},
        "trainer": {"max_epochs": 200},
    }
    (path / "config.yaml").write_text(yaml.safe_dump(tree))
    manifest = {"status": "running", "command": "fer-train", "started": "2026-01-02T03:04:05+0000"}
    (path / "manifest.json").write_text(json.dumps(manifest))
    for number in range(3):
        add_epoch(path, number, accuracy=accuracy)


def add_epoch(path: Path, number: int, *, accuracy: float) -> None:
    """A line more in its log."""
    scores = {"valid/accuracy": accuracy, "valid/macro_f1": accuracy, "plain/accuracy": accuracy}
    line = {"epoch": number, "train/loss": 1.0, "valid/loss": 1.0, "lr": 0.01, "seconds": 2.0, **scores}
    with (path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def change(root: Path, changed: Any, *, runs: int, changes: int, seconds: float) -> None:
    """Ends epochs in runs drawn at random, evenly over time."""
    drawn, numbers = random.Random(0), [3] * runs
    begun = time.perf_counter()
    for count in range(int(changes * seconds)):
        time.sleep(max(0.0, begun + count / changes - time.perf_counter()))
        if time.perf_counter() - begun > seconds:
            return
        run = drawn.randrange(runs)
        add_epoch(root / f"run{run:04d}", numbers[run], accuracy=drawn.random())
        numbers[run] += 1
        changed.value += 1


@contextmanager
def started(root: Path) -> Iterator[tuple[int, int]]:
    """A studio: its process and port."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUDIO, "--root", str(root), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FER_STUDIO_TOKEN": TOKEN},
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = re.search(r"localhost:(\d+)/", line)
            if found is not None:
                yield process.pid, int(found[1])
                break
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def renderers() -> list[int]:
    """The browser's processes that draw pages and were started by this one."""
    found, own = [], {os.getpid()}
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    for _ in range(8):
        own |= {pid for pid, parent in parents.items() if parent in own}
    for pid in own:
        if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
            found.append(pid)
    return found


if __name__ == "__main__":
    main()
