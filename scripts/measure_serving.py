"""Measures the runtime as its users meet it; prints one line a figure, medians of repeats.

python scripts/measure_serving.py start      from the command to the end of a first fer-predict; until fer-serve answers
python scripts/measure_serving.py frames     a live camera at fer-serve: answers a second, milliseconds an answer

The camera is a synthetic face that moves through pictures of 640 x 480, as JPEG, over loopback.
"""

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from fer.data.synthetic.source import render_face

WIDTH, HEIGHT, FACE = 640, 480, 280


def main() -> None:
    """Runs the measurement named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("start", "frames"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run of frames")
    arguments = parser.parse_args()
    start(arguments.repeats) if arguments.what == "start" else frames(arguments.repeats, arguments.seconds)


def start(repeats: int) -> None:
    """Cold starts; one more before them fills the disk cache."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "face.jpg"
        picture.write_bytes(camera(1)[0])
        predict = [sys.executable, "-c", "from fer.cli import predict; predict()", str(picture), "--format", "jsonl"]
        times, found = [], ""
        for _ in range(repeats + 1):
            began = time.perf_counter()
            found = subprocess.run(predict, check=True, capture_output=True, text=True).stdout
            times.append(time.perf_counter() - began)
        status = json.loads(found.splitlines()[0])["status"]
        print(f"fer-predict, one picture ({status}): {statistics.median(times[1:]):.2f} s from the command to its end")
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        with server() as port:
            assert ask(http.client.HTTPConnection("127.0.0.1", port), "GET", "/healthz")["status"] == "ok"
            times.append(time.perf_counter() - began)
    print(f"fer-serve: {statistics.median(times):.2f} s from the command to its first answer")


def frames(repeats: int, seconds: float) -> None:
    """One camera, then two, each sending its next picture when the last one is answered."""
    pictures = camera(60)
    size = statistics.mean(map(len, pictures)) / 1000
    with server() as port:
        for cameras in (1, 2):
            rates, waits, faces = [], [], 0
            for _ in range(repeats):
                answers = film(port, pictures, cameras=cameras, seconds=seconds)
                rates.append(len(answers) / seconds)
                waits += [wait for wait, _ in answers]
                faces += sum(seen for _, seen in answers)
            print(
                f"cameras: {cameras}, {size:.1f} kB a picture: {statistics.median(rates):.0f} answers a second (median "
                f"of {repeats} runs), {np.median(waits):.1f} ms an answer, 95 % within "
                f"{np.percentile(waits, 95):.1f} ms; {faces} faces in {len(waits)} pictures"
            )


def film(port: int, pictures: list[bytes], *, cameras: int, seconds: float) -> list[tuple[float, int]]:
    """Milliseconds and faces of every answer."""
    end = time.perf_counter() + seconds
    answers: list[tuple[float, int]] = []

    def one(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        shown = 0
        while time.perf_counter() < end:
            began = time.perf_counter()
            found = ask(connection, "POST", f"/api/predict?stream=camera-{number}", pictures[shown % len(pictures)])
            answers.append((1000 * (time.perf_counter() - began), len(found["faces"])))
            shown += 1

    threads = [threading.Thread(target=one, args=(number,)) for number in range(cameras)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> dict[str, list]:
    """An answer as JSON."""
    connection.request(method, path, body, {} if body is None else {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise SystemExit(f"{path}: {response.status} {content.decode()}")
    return json.loads(content)


@contextmanager
def server() -> Iterator[int]:
    """The port of a fer-serve with its defaults, but for the limit of requests a second."""
    code = "from fer.cli import serve; serve()"
    command = [sys.executable, "-u", "-c", code, "--port", "0", "--rate", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"http://localhost:(\d+)/", line)
            if found is not None:
                yield int(found.group(1))
                return
        raise SystemExit("fer-serve did not start")
    finally:
        process.terminate()
        process.wait(20)


def camera(count: int) -> list[bytes]:
    """JPEG pictures of one drawn person who smiles and moves sideways, in front of a soft backdrop."""
    backdrop = np.linspace(90, 160, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, axis=0)
    pictures = []
    for number in range(count):
        phase = 2 * np.pi * number / count
        face = render_face(3, "happy", intensity=0.5 + 0.5 * np.cos(phase), zoom=0.8, size=FACE).image
        picture = backdrop.astype(np.uint8).copy()
        left = round((WIDTH - FACE) / 2 + 80 * np.sin(phase))
        picture[100 : 100 + FACE, left : left + FACE] = face.squeeze()
        pictures.append(cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 85))[1].tobytes())
    return pictures


if __name__ == "__main__":
    main()
