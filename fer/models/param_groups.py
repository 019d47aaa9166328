"""Parameter groups for an optimiser: who decays, and how fast each layer learns."""

from typing import Final, TypedDict

from torch import nn

from fer.models.layers import layer_index

_EMBEDDINGS: Final = ("pos_embed", "cls_token", "reg_token", "dist_token")
"""Vectors that stand for a place or a class: shrinking them has no meaning (arXiv 2010.11929's own code)."""


class ParamGroup(TypedDict):
    """One group as `torch.optim` takes it.

    Attributes:
        name: unique.
        weights: whether these are matrices and filters, rather than norms, biases and embeddings.
    """

    name: str
    params: list[nn.Parameter]
    lr: float
    weight_decay: float
    weights: bool


def param_groups(
    net: nn.Module, *, lr: float, weight_decay: float, layer_decay: float | None = None
) -> list[ParamGroup]:
    """Groups of every parameter of `net`, frozen ones too; none for a net without parameters.

    Frozen parameters have no gradient, so an optimiser passes over them; they are here from the start, because
    gradual unfreezing must not change the groups that a schedule and a checkpoint know.

    Args:
        net: any net of the registry.
        lr: learning rate of the head, and of all without `layer_decay`.
        weight_decay: of weights only: norms, biases and embeddings of tokens and places do not decay
            (arXiv 1812.01187, 3.1).
        layer_decay: in (0, 1]: each layer learns that much slower than the one above it (arXiv 1801.06146, 3.2, and
            2106.08254, 3.1); a schedule has to keep the ratio of the groups' rates.
    """
    depth_of = layer_index(net)
    top = max(depth_of.values(), default=0)
    no_weight_decay = getattr(net, "no_weight_decay", None)
    excluded: set[str] = set() if no_weight_decay is None else set(no_weight_decay())
    groups: dict[tuple[int, bool], ParamGroup] = {}
    for name, parameter in net.named_parameters():
        depth = top if layer_decay is None else depth_of[name]
        decays = parameter.ndim > 1 and name not in excluded and name.rpartition(".")[2] not in _EMBEDDINGS
        key = (depth, decays)
        if key not in groups:
            where = "all" if layer_decay is None else f"layer{depth}"
            groups[key] = ParamGroup(
                name=f"{where}/{'decay' if decays else 'no_decay'}",
                params=[],
                lr=lr if layer_decay is None else lr * layer_decay ** (top - depth),
                weight_decay=weight_decay if decays else 0.0,
                weights=decays,
            )
        groups[key]["params"].append(parameter)
    return list(groups.values())
