"""Makes `fer/data/fer2013/ferplus_votes.npz` from Microsoft's fer2013new.csv.

    python scripts/pack_ferplus.py fer2013new.csv

The votes are under the MIT licence; its text lies beside the asset.
"""

import argparse
import hashlib
import io
from pathlib import Path

import numpy as np

from fer.data import ferplus
from fer.data.fer2013.original import SPLIT_SIZES


def main() -> None:
    """Reads, checks, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="fer2013new.csv")
    default = Path(ferplus.__file__).parent / "fer2013" / ferplus.ASSET
    parser.add_argument("--out", type=Path, default=default, help="default: in the package")
    arguments = parser.parse_args()
    votes = ferplus.read_ferplus(arguments.source)
    expected = np.repeat([split.value for split in SPLIT_SIZES], list(SPLIT_SIZES.values()))
    assert (votes.splits == expected).all(), "a row for each row of fer2013.csv"
    file = io.BytesIO()
    # A column after the other: equal neighbours compress.
    np.savez_compressed(file, votes=np.ascontiguousarray(votes.votes.astype(np.uint8).T))
    arguments.out.write_bytes(file.getvalue())
    print(f"{arguments.out}: {len(file.getvalue()):,} bytes, SHA-256 {hashlib.sha256(file.getvalue()).hexdigest()}")


if __name__ == "__main__":
    main()
