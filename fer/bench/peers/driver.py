"""Asks one peer about face crops: `python -I driver.py PEER CROPS.npy FOUND.json [ARGUMENT]`.

It runs in the peer's own interpreter, whatever its version and whatever else is installed there, so it imports nothing
but NumPy and the peer. A peer is a file beside this one with

- `DISTRIBUTION`, the name its version is known by, and
- `start(argument)`, which imports and loads all it needs and gives a function: one grey crop, uint8 (48, 48), to the
  name of an emotion as the peer names it. `argument` is None, or what the command line gave.
"""

import json
import platform
import runpy
import sys
import time
from importlib import metadata
from pathlib import Path

WARM_UP = 5
"""Crops predicted before the clock counts; the very first prediction counts as starting."""


def main(arguments: list[str]) -> None:
    """Writes version, seconds to the first prediction, milliseconds of each crop and labels."""
    name, crops_path, out_path, *rest = arguments
    begin = time.perf_counter()
    import numpy as np

    crops = np.load(crops_path)
    peer = runpy.run_path(str(Path(__file__).with_name(name + ".py")))
    predict = peer["start"](rest[0] if rest else None)
    predict(crops[0])
    start_seconds = time.perf_counter() - begin
    for crop in crops[:WARM_UP]:
        predict(crop)
    labels, milliseconds = [], []
    for crop in crops:
        asked = time.perf_counter()
        labels.append(str(predict(crop)))
        milliseconds.append(1000 * (time.perf_counter() - asked))
    found = {
        "version": metadata.version(peer["DISTRIBUTION"]),
        "python": platform.python_version(),
        "start_seconds": start_seconds,
        "milliseconds": milliseconds,
        "labels": labels,
    }
    Path(out_path).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
