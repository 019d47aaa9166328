"""Measures whether the memory of the live page and of its server stays flat; prints a line every few minutes.

python scripts/measure_page_memory.py --minutes 60 --rate 2

The camera plays a moving synthetic face at `rate` pictures a second, few enough for a computer that does other things
besides; the page has everything turned on that goes on by itself. The heap is that of the page's JavaScript, freed of
what can be freed; a renderer's memory is that of the browser's process that shows the page. Needs Playwright, psutil
and Chromium.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from measure_page import HEIGHT, WIDTH, frames, launched, opened, serving
from playwright.sync_api import sync_playwright

LOADING_MINUTES = 10.0
"""Caches and pools fill for so long; slopes are of what comes after."""
MEASURES = ("heap", "nodes", "renderer", "server")


def main() -> None:
    """Runs the measurement named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="for which memory is watched")
    parser.add_argument("--every", type=float, default=2.0, help="minutes between two lines")
    parser.add_argument("--rate", type=int, default=2, help="pictures a second")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving() as (address, server), sync_playwright() as playwright:
        browser = launched(playwright, slow_film(Path(folder), arguments.rate))
        page = opened(browser, f"{address}?aim=on&sounds=on#examine")
        session = page.context.new_cdp_session(page)
        renderer = renderer_of(browser)
        print("minutes  predictions/s  p95 ms  heap MB  nodes  renderer MB  server MB", flush=True)
        rows: list[list[float]] = []
        begun = time.monotonic()
        while (elapsed := (time.monotonic() - begun) / 60) < arguments.minutes:
            page.wait_for_timeout(60_000 * min(arguments.every, arguments.minutes - elapsed))
            times = page.evaluate("window.times.splice(0)")
            row = [
                (time.monotonic() - begun) / 60,
                1000 * (len(times) - 1) / (times[-1][1] - times[0][1]),
                statistics.quantiles([took for took, _ in times], n=20)[-1],
                *page_memory(session),
                psutil.Process(renderer).memory_info().rss / 1e6,
                psutil.Process(server).memory_info().rss / 1e6,
            ]
            rows.append(row)
            print("{:7.1f}  {:13.2f}  {:6.0f}  {:7.2f}  {:5.0f}  {:11.1f}  {:9.1f}".format(*row), flush=True)
        browser.close()
    tell_slopes(np.array(rows))


def tell_slopes(rows_NM: Any) -> None:
    """Prints what each measure gains an hour, by least squares, with its standard error."""
    rows_NM = rows_NM[rows_NM[:, 0] > LOADING_MINUTES]
    if len(rows_NM) < 4:
        print(f"no slopes: they are of what comes after {LOADING_MINUTES:g} minutes")
        return
    hours_N = rows_NM[:, 0] / 60
    for name, values_N in zip(MEASURES, rows_NM[:, 3:].T, strict=True):
        (slope, _), covariance = np.polyfit(hours_N, values_N, 1, cov=True)
        unit = "" if name == "nodes" else " MB"
        print(f"{name}: {slope:+.2f}{unit} an hour, standard error {np.sqrt(covariance[0, 0]):.2f}")


def page_memory(session: Any) -> tuple[float, float]:
    """The heap in MB and the number of nodes, with what can be freed away."""
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6, session.send("Memory.getDOMCounters")["nodes"]


def renderer_of(browser: Any) -> int:
    """The process that shows the page."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [each["id"] for each in processes if each["type"] == "renderer"]
    return int(max(renderers, key=lambda each: psutil.Process(each).cpu_times().user))


def slow_film(folder: Path, rate: int) -> Path:
    """A face that moves, at `rate` pictures a second, as YUV4MPEG2."""
    path = folder / "slow.y4m"
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames(1):
            file.write(b"FRAME\n" + frame.tobytes() + bytes([128]) * (WIDTH * HEIGHT // 2))
    return path


if __name__ == "__main__":
    main()
