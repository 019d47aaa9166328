"""What a person may hand in as a picture."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError


def array_of(picture: Any) -> npt.NDArray[np.uint8]:
    """A picture as the runtime takes it: uint8, grey (H, W) or BGR (H, W, 3).

    Args:
        picture: path of a file, PIL image, or uint8 array, grey (H, W) or RGB (H, W, 3).

    Raises:
        DataError: it is none of these, or cannot be read.
    """
    if isinstance(picture, str | PathLike):
        return read(Path(picture))
    if hasattr(picture, "getexif"):
        # PIL hands out the pixels as the sensor has them.
        from PIL import ImageOps

        picture = ImageOps.exif_transpose(picture).convert("RGB")
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or array.size == 0:
        raise DataError(
            f"an array of {array.dtype} {array.shape} is no picture: give uint8, grey (H, W) or RGB (H, W, 3)"
        )
    return np.ascontiguousarray(array if array.ndim == 2 else array[..., ::-1])


def several(source: Any) -> list[Any]:
    """The pictures of one argument: itself, or what it holds.

    Raises:
        DataError: nothing in it, or no picture.
    """
    if isinstance(source, str | PathLike) or hasattr(source, "__array_interface__") or hasattr(source, "getexif"):
        return [source]
    if isinstance(source, Iterable):
        several = list(source)
        if several:
            return several
        raise DataError("there are no pictures in an empty list: give paths, arrays or PIL images")
    raise DataError(f"a {type(source).__name__} is no picture: give a path, a uint8 array or a PIL image")


def read(path: Path) -> npt.NDArray[np.uint8]:
    """The picture in a file: uint8 BGR (H, W, 3).

    Raises:
        DataError: it cannot be read.
    """
    from fer.runtime.images import decode

    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
