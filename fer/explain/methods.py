"""Every method by name, and one function to call any of them: stored images in, heat maps out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer.common.errors import ConfigError, nearest
from fer.explain.attribution import NotApplicableError
from fer.explain.grad_cam import grad_cam
from fer.explain.gradients import integrated_gradients, saliency
from fer.explain.guided import guided_grad_cam
from fer.explain.heat_maps import HeatMaps
from fer.explain.occlusion import occlusion
from fer.models.cam import CamTarget, cam_target


class Preprocessing(Protocol):
    """Stored images -> what a net sees (`fer.models.preprocess.Preprocess`)."""

    channels: int
    size: int

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 255] -> normalised float32 (B, `channels`, `size`, `size`)."""


class Explainable(Protocol):
    """A model that can be explained, such as `fer.models.checkpoint.LoadedModel`."""

    @property
    def net(self) -> nn.Module:
        """Normalised images (B, C, H, W) -> logits (B, K)."""

    @property
    def preprocess(self) -> Any:
        """A `Preprocessing`; `Any`, because modules tell a type checker nothing of their call."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a method is given: see `explain`; images are preprocessed ones on the net's device."""

    net: nn.Module
    images: Tensor
    classes: Tensor
    out_size: tuple[int, int]
    batch_size: int
    cam: CamTarget | None


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to explain a prediction.

    Attributes:
        name: its key in `METHODS`.
        title: its name for readers.
        says: what its map shows, in a sentence.
        cannot: what must not be read into the map, in a sentence.
        maps: the computation.
    """

    name: str
    title: str
    says: str
    cannot: str
    maps: Callable[[Request], HeatMaps]


def _cam(request: Request, method: str) -> CamTarget:
    if request.cam is None:
        raise NotApplicableError(
            method=method,
            reason="it has no map of places inside (a baseline, or a net that flattens the face first); take occlusion",
        )
    return request.cam


def _grad_cam(request: Request) -> HeatMaps:
    layer, to_grid = _cam(request, "grad_cam")
    return grad_cam(
        request.net,
        x_NCHW=request.images,
        classes_N=request.classes,
        layer=layer,
        to_grid=to_grid,
        out_size=request.out_size,
        batch_size=request.batch_size,
    )


def _guided_grad_cam(request: Request) -> HeatMaps:
    layer, to_grid = _cam(request, "guided_grad_cam")
    return guided_grad_cam(
        request.net,
        x_NCHW=request.images,
        classes_N=request.classes,
        layer=layer,
        to_grid=to_grid,
        out_size=request.out_size,
        batch_size=request.batch_size,
    )


def _integrated_gradients(request: Request) -> HeatMaps:
    return integrated_gradients(
        request.net,
        x_NCHW=request.images,
        classes_N=request.classes,
        out_size=request.out_size,
        batch_size=4 * request.batch_size,
    )


def _saliency(request: Request) -> HeatMaps:
    return saliency(
        request.net,
        x_NCHW=request.images,
        classes_N=request.classes,
        out_size=request.out_size,
        batch_size=request.batch_size,
    )


def _occlusion(request: Request) -> HeatMaps:
    return occlusion(
        request.net,
        x_NCHW=request.images,
        classes_N=request.classes,
        out_size=request.out_size,
        batch_size=8 * request.batch_size,
    )


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method(
                name="grad_cam",
                title="Grad-CAM",
                says="Which cells of the net's last map carried features that raised the predicted emotion's score.",
                cannot="It is coarse and blurred by enlarging: a place on it is a region of the face, not a line. It "
                "shows evidence for the predicted emotion only, never what spoke against it.",
                maps=_grad_cam,
            ),
            Method(
                name="guided_grad_cam",
                title="Guided Grad-CAM",
                says="The lines inside the Grad-CAM places that reach the output through positive paths alone.",
                cannot="Its fine lines follow the edges of the picture; in some nets they stayed alike when the net "
                "had forgotten everything (arXiv 1810.03292), so sharpness is no sign of faithfulness.",
                maps=_guided_grad_cam,
            ),
            Method(
                name="integrated_gradients",
                title="Integrated gradients",
                says="How much each pixel adds to the predicted emotion's score on the way from a flat grey picture to "
                "the face.",
                cannot="It depends on the starting picture (here the face's mean grey): pixels that are mean grey "
                "already get nothing, however important they are.",
                maps=_integrated_gradients,
            ),
            Method(
                name="saliency",
                title="Saliency",
                says="How strongly the score would react if one pixel changed a little.",
                cannot="It is about tiny changes, not about what is in the face; it does not tell for from against, "
                "and it is noisy.",
                maps=_saliency,
            ),
            Method(
                name="occlusion",
                title="Occlusion",
                says="How much of the predicted emotion's probability is lost when a grey window covers the place.",
                cannot="A grey window is itself unlike any face the net has seen, and evidence that stands in two "
                "places, such as both eyes, is not missed when one is covered.",
                maps=_occlusion,
            ),
        )
    }
)
"""Name -> method, from coarse and fast to slow."""


def explain(
    model: Explainable,
    images: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.int64],
    *,
    method: str = "grad_cam",
    batch_size: int = 64,
) -> HeatMaps:
    """Heat maps of stored images, by any method, for any net; the net comes back as it was.

    Args:
        model: net and preprocessing.
        images: uint8 array (N, C, H, W), C = 1 (grey) or 3 (RGB).
        classes: int64 array (N,), the class each map explains.
        method: a name of `METHODS`.
        batch_size: faces at a time; methods that run the net on each face many times make their own batches of it.

    Raises:
        ConfigError: there is no such method.
        NotApplicableError: the method cannot explain this net; the message says why. It is a `ConfigError` too.
    """
    if method not in METHODS:
        raise ConfigError(
            f"method={method}: there is none{nearest(method, METHODS)}; choose one of {', '.join(METHODS)}"
        )
    device = next((tensor.device for tensor in model.net.state_dict().values()), torch.device("cpu"))
    preprocess: Preprocessing = model.preprocess
    with torch.no_grad():
        x_NCHW = preprocess(torch.from_numpy(np.ascontiguousarray(images)).to(device))
    request = Request(
        net=model.net,
        images=x_NCHW.contiguous(memory_format=torch.channels_last),
        classes=torch.from_numpy(np.ascontiguousarray(classes)).to(device),
        out_size=(images.shape[2], images.shape[3]),
        batch_size=batch_size,
        cam=cam_target(model.net, in_channels=preprocess.channels, size=preprocess.size),
    )
    return METHODS[method].maps(request)
