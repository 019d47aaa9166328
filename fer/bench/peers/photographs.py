"""Asks one peer about whole photographs: `python -I photographs.py PEER [ARGUMENT]`.

It runs in the peer's own interpreter and imports nothing but NumPy and the peer. The photographs come through standard
input, decoded, so that all peers see the very same pixels: for each, a line of "HEIGHT WIDTH" and then as many bytes of
RGB; the prediction is a line of JSON. A peer is a file beside this one with `DISTRIBUTION` and
`start_on_photographs(argument)`, which gives a function: BGR uint8 (H, W, 3) -> the name of the emotion of the largest
face, as the peer names it, or None where it finds no face.
"""

import json
import os
import platform
import runpy
import sys
import time
from importlib import metadata
from pathlib import Path


def main(arguments: list[str]) -> None:
    """One line of version and Python first, then one a photograph: the label, or null, and milliseconds."""
    name, *rest = arguments
    # What a peer prints of itself must not stand among the predictions.
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import numpy as np

    peer = runpy.run_path(str(Path(__file__).with_name(name + ".py")))
    predict = peer["start_on_photographs"](rest[0] if rest else None)
    found = {"version": metadata.version(peer["DISTRIBUTION"]), "python": platform.python_version()}
    print(json.dumps(found), file=told, flush=True)
    while header := sys.stdin.buffer.readline():
        height, width = map(int, header.split())
        pixels = np.frombuffer(sys.stdin.buffer.read(height * width * 3), np.uint8).reshape(height, width, 3)
        asked = time.perf_counter()
        label = predict(np.ascontiguousarray(pixels[..., ::-1]))
        milliseconds = 1000 * (time.perf_counter() - asked)
        print(json.dumps({"label": label, "milliseconds": milliseconds}), file=told, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
