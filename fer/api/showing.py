"""Pictures on a person's screen: in a notebook as its output, elsewhere in a window."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fer.common.errors import MissingExtraError


def show_pictures(images: Sequence[npt.NDArray[np.uint8]], *, titles: Sequence[str], left_out: int = 0) -> None:
    """Shows pictures, grey (H, W) or RGB (H, W, 3), each with its title.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtraError("showing pictures needs matplotlib: pip install matplotlib") from error
    for image, title in zip(images, titles, strict=True):
        figure, axes = pyplot.subplots(figsize=(6, 6 * min(2.0, image.shape[0] / image.shape[1])))
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        # A name may hold dollar signs.
        axes.set_title(title, parse_math=False)
        axes.axis("off")
        figure.tight_layout()
    if left_out:
        print(f"and {left_out} more")
    pyplot.show()
