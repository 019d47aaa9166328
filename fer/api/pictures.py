"""What a person may hand in as a picture."""

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.paths import expanded

if TYPE_CHECKING:
    from PIL.Image import Image


def array_of(picture: Any) -> npt.NDArray[np.uint8]:
    """A picture as the runtime takes it: uint8, grey (H, W) or BGR (H, W, 3), in memory of its own.

    Args:
        picture: path of a file, PIL image, or uint8 array (or tensor), grey (H, W) or RGB (H, W, 3).

    Raises:
        DataError: it is none of these, or cannot be read.
    """
    if isinstance(picture, str | PathLike):
        return read(expanded(fspath(picture)))
    try:
        array = _of_pil(picture) if hasattr(picture, "getexif") else np.asarray(picture)
    except DataError:
        raise
    # A tensor on another device or with a gradient, a list of lists of different lengths; a PIL image that is closed,
    # or whose file, which is read only now, is cut off or broken.
    except (OSError, RuntimeError, SyntaxError, TypeError, ValueError) as error:
        told = (str(error).strip().splitlines() or [""])[0]
        raise DataError(f"a {type(picture).__name__} is no picture: {told}") from error
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or array.size == 0:
        raise DataError(
            f"an array of {array.dtype} {array.shape} is no picture: give uint8, grey (H, W) or RGB (H, W, 3)"
        )
    # Its owner may go on to write into it.
    return np.array(array if array.ndim == 2 else array[..., ::-1], order="C")


def several(source: Any) -> list[Any]:
    """The pictures of one argument: itself, or what it holds.

    Raises:
        DataError: nothing in it, or no picture.
    """
    if isinstance(source, np.ndarray) and source.dtype.kind in "OTU":
        # What a column of pandas gives as an array.
        source = source.ravel().tolist()
    # PIL images, of which to ask for the second is to decode them; arrays of NumPy, and tensors of torch and others. A
    # column of pandas is no picture, and holds paths.
    one = ("getexif", "__array_interface__", "__dlpack__")
    if isinstance(source, str | PathLike) or any(hasattr(source, name) for name in one):
        return [source]
    if isinstance(source, Iterable):
        several = list(source)
        if several:
            return several
        raise DataError("there are no pictures in an empty list: give paths, arrays or PIL images")
    raise DataError(f"a {type(source).__name__} is no picture: give a path, a uint8 array or a PIL image")


def _of_pil(image: "Image") -> npt.NDArray[np.uint8]:
    """The pixels of a PIL image, upright, RGB (H, W, 3), or grey (H, W) where it has more than 8 bits.

    PIL's own conversion takes every value above 255 for white.

    Raises:
        DataError: nothing says which value is white.
    """
    from PIL import ImageOps

    # PIL hands out the pixels as the sensor has them.
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") and 0 not in image.size:
        low, high = image.getextrema()
        # What other libraries make of a picture as float is from 0 to 1.
        fraction = image.mode == "F" and 0 < high <= 1  # type: ignore[operator]
        if fraction or not 0 <= low <= high <= 255:  # type: ignore[operator]
            raise DataError(
                f"a PIL image of mode {image.mode} with values from {low:g} to {high:g} does not say which of them is "
                "white: give uint8, or the path of its file"
            )
    if image.mode.startswith("I;16"):
        from fer.common.pixels import eight_bits

        return eight_bits(np.asarray(image).astype(np.uint16))
    return np.asarray(image.convert("RGB"))


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
    except DataError as error:
        raise type(error)(f"{path}: {error}") from error
