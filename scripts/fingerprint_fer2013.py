"""Makes `fer/data/fer2013/original.npz` from the challenge's fer2013.csv.

    python scripts/fingerprint_fer2013.py fer2013.zip

Takes the CSV or a zip that holds it, and refuses any file but the one that the challenge published.
"""

import argparse
import hashlib
import zipfile
from pathlib import Path

import numpy as np

from fer.data.fer2013 import original
from fer.data.fer2013.signature import SIDE
from fer.data.samples import Split

USAGES = [split.value for split in (Split.TRAINING, Split.PUBLIC, Split.PRIVATE)]


def main() -> None:
    """Reads, checks, measures, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="fer2013.csv, or a zip with it")
    parser.add_argument(
        "--out", type=Path, default=Path(original.__file__).with_name(original.ASSET), help="default: in the package"
    )
    arguments = parser.parse_args()
    content = read(arguments.source)
    found = hashlib.md5(content).hexdigest()
    if found != original.CSV_MD5:
        raise SystemExit(f"{arguments.source} is not the challenge's fer2013.csv: MD5 {found}, not {original.CSV_MD5}")
    rows = [line.decode().split(",") for line in content.splitlines()[1:]]
    usages = [usage for *_, usage in rows]
    assert usages == sorted(usages, key=USAGES.index), "the splits follow each other"
    pixels = np.stack([np.array(text.split(), dtype=np.uint8) for _, text, _ in rows]).reshape(-1, SIDE, SIDE)
    packed = original.to_bytes(original.measure(pixels, labels=np.array([int(label) for label, *_ in rows])))
    arguments.out.write_bytes(packed)
    print(f"{arguments.out}: {len(packed):,} bytes, SHA-256 {hashlib.sha256(packed).hexdigest()}")


def read(source: Path) -> bytes:
    """The CSV's content."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            return archive.read("fer2013.csv")
    return source.read_bytes()


if __name__ == "__main__":
    main()
