"""The networks that come with the package; NOTICE.md says whose they are and under which licences."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer.common.errors import DataError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FOLDER: Final = Path(__file__).parent

HASHES: Final = FOLDER / "nets.sha256"
"""In the form of `sha256sum`."""


def open_net(name: str) -> "InferenceSession":
    """A network of this folder, on one CPU thread.

    Raises:
        DataError: the file is missing, or is not the one that was published.
    """
    from onnxruntime import InferenceSession, SessionOptions

    path = FOLDER / name
    known = {line.split()[1]: line.split()[0] for line in HASHES.read_text(encoding="utf-8").splitlines()}
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"the face detector's file {path} cannot be read ({error.strerror}): install again") from error
    if hashlib.sha256(content).hexdigest() != known[name]:
        raise DataError(f"the face detector's file {path} was changed: install again")
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Pictures of many sizes would each leave their own blocks behind.
    options.enable_cpu_mem_arena = False
    return InferenceSession(content, options, providers=["CPUExecutionProvider"])
