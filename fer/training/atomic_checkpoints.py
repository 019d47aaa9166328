"""How Lightning's checkpoints are written and read: whole, and at home wherever their folder lies."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from fer.common.files import write_atomic


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are whole or not there at all, and that may be moved with their folder.

    Lightning's own are written in the system's folder for temporary files and copied from there, without waiting for
    the disk: a full disk or a kill leaves half a file in the place of the earlier one.

    Args:
        run: the run folder; where somebody removed it meanwhile, it does not come back with a checkpoint in it.
    """

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run = run

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Lightning's hook.

        Raises:
            StorageError: the disk refused; the earlier file is intact.
            FileNotFoundError: the run folder is not there any more.
        """
        assert storage_options is None
        if not self.run.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.run))
        # By way of memory, as Lightning does: torch's own writer tells a full disk in words of its insides.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_atomic(Path(path), content.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = lambda storage, loc: storage, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Lightning's hook; what callbacks remember of paths beside the checkpoint is read as of where it lies now.

        A `ModelCheckpoint` that finds another folder in its state than its own forgets the best score, and the first
        epoch after the move would replace `best.ckpt` however bad it was.
        """
        checkpoint = super().load_checkpoint(path, map_location, weights_only)
        home = os.path.realpath(Path(path).parent)
        states = checkpoint.get("callbacks", {})
        for key, state in states.items():
            if isinstance(state, dict) and isinstance(state.get("dirpath"), str):
                states[key] = _moved(state, old=state["dirpath"], new=home)
        return checkpoint


def _moved(value: Any, *, old: str, new: str) -> Any:
    """`value` with every path in the folder `old`, keys included, in the folder `new`."""
    if isinstance(value, dict):
        return {_moved(key, old=old, new=new): _moved(item, old=old, new=new) for key, item in value.items()}
    if isinstance(value, str) and (value == old or value.startswith(f"{old}{os.sep}")):
        return f"{new}{value[len(old) :]}"
    return value
