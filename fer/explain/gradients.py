"""Methods that read the gradient at the pixels: saliency and integrated gradients."""

from typing import Any, Final

import torch
from torch import Tensor, nn

from fer.explain.attribution import attributing, batches, check_differentiable
from fer.explain.heat_maps import HeatMaps, heat_maps

STEPS: Final = 50
"""Points of the path of integrated gradients; on trained face nets the median completeness error is then about 2 %."""


def saliency(
    net: nn.Module,
    *,
    x_NCHW: Tensor,
    classes_N: Tensor,
    out_size: tuple[int, int] | None = None,
    batch_size: int = 64,
) -> HeatMaps:
    """Saliency maps (arXiv 1312.6034, section 3): how strongly each pixel could move the class's logit.

    The largest absolute gradient over the image's channels, so never negative: it tells that a pixel matters, not in
    which direction. The net comes back as it was.

    Args:
        net: image batch (N, C, H, W) -> logits (N, K); parameters in float32.
        x_NCHW: preprocessed faces, on the net's device.
        classes_N: int64, the class each map explains.
        out_size: (H, W) of the maps; None for the size of `x_NCHW`.
        batch_size: faces at a time.

    Raises:
        NotApplicableError: the prediction has no gradient with respect to the image.
    """
    from captum.attr import Saliency

    found = []
    with attributing(net, x_NCHW.device.type):
        check_differentiable(net, x_NCHW, method="saliency")
        for x_BCHW, classes_B in batches(x_NCHW, classes_N, batch_size=batch_size):
            gradient_BCHW = Saliency(net).attribute(x_BCHW, target=classes_B, abs=True)
            assert isinstance(gradient_BCHW, Tensor)
            found.append(gradient_BCHW.detach().amax(dim=1))
    return heat_maps(found, out_size=_size(x_NCHW) if out_size is None else out_size)


def integrated_gradients(
    net: nn.Module,
    *,
    x_NCHW: Tensor,
    classes_N: Tensor,
    out_size: tuple[int, int] | None = None,
    batch_size: int = 64,
    steps: int = STEPS,
) -> HeatMaps:
    """Integrated gradients (arXiv 1703.01365, section 3) from the face's own mean grey to the face.

    Along the straight path from a flat picture of the face's mean grey (mean colour, channel by channel) the gradient
    of the class's logit is summed up, by Gauss-Legendre quadrature. The attributions add up to the change of the logit
    (completeness); `completeness_error` holds |sum - change| / |change| for each face. `values` are logits per pixel,
    summed over channels. The net comes back as it was.

    Args:
        net: image batch (N, C, H, W) -> logits (N, K); parameters in float32.
        x_NCHW: preprocessed faces, on the net's device.
        classes_N: int64, the class each map explains.
        out_size: (H, W) of the maps; None for the size of `x_NCHW`.
        batch_size: images the net runs on at a time; each face takes `steps` of them.
        steps: points of the path.

    Raises:
        NotApplicableError: the prediction has no gradient with respect to the image.
    """
    from captum.attr import IntegratedGradients

    captum: Any = IntegratedGradients(net)
    found, errors = [], []
    with attributing(net, x_NCHW.device.type):
        check_differentiable(net, x_NCHW, method="integrated_gradients")
        for x_BCHW, classes_B in batches(x_NCHW, classes_N, batch_size=max(1, batch_size // steps)):
            flat_BCHW = x_BCHW.detach().mean(dim=(2, 3), keepdim=True).expand_as(x_BCHW)
            parts_BCHW: Tensor = captum.attribute(
                x_BCHW, baselines=flat_BCHW, target=classes_B, n_steps=steps, method="gausslegendre"
            )
            with torch.no_grad():
                logits_2BK = net(torch.cat([x_BCHW, flat_BCHW]))
            at_face_B, at_flat_B = logits_2BK.gather(1, classes_B.repeat(2)[:, None])[:, 0].chunk(2)
            change_B = at_face_B - at_flat_B
            tiny = torch.finfo(torch.float32).eps
            errors.append((parts_BCHW.detach().sum(dim=(1, 2, 3)) - change_B).abs() / change_B.abs().clamp_min(tiny))
            found.append(parts_BCHW.detach().sum(dim=1))
    size = _size(x_NCHW) if out_size is None else out_size
    return heat_maps(found, out_size=size, completeness_error=errors)


def _size(x_NCHW: Tensor) -> tuple[int, int]:
    return int(x_NCHW.shape[-2]), int(x_NCHW.shape[-1])
