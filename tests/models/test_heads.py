"""Two heads: their loss part by part, and the one head that they are merged into."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fer.common.errors import ConfigError
from fer.models.heads import TwoHeadLoss, head_probabilities, merge_heads, merged_logits
from fer.models.losses import ClassificationLoss
from fer.models.registry import build_net


def two_heads(classes: int = 7, count: int = 9) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits (B, 2 K), labels (B,) and votes (B, K)."""
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn((count, 2 * classes), generator=generator)
    labels = torch.randint(0, classes, (count,), generator=generator)
    return logits, labels, torch.rand((count, classes), generator=generator).softmax(dim=1)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_loss_is_the_weighted_sum_of_torchs_own(weight: float) -> None:
    logits, labels, votes = two_heads()
    target = torch.cat([F.one_hot(labels, 7).float(), votes], dim=1)
    loss = TwoHeadLoss(ClassificationLoss(label_smoothing=0.1), votes_weight=weight)(logits, labels, target)
    expected = (1 - weight) * F.cross_entropy(logits[:, :7], labels, label_smoothing=0.1) + weight * F.cross_entropy(
        logits[:, 7:], votes
    )
    assert loss == pytest.approx(expected.item(), rel=1e-5)


def test_a_face_without_votes_costs_the_votes_head_nothing() -> None:
    logits, labels, votes = two_heads()
    votes[4] = 0
    target = torch.cat([F.one_hot(labels, 7).float(), votes], dim=1)
    logits.requires_grad_()
    TwoHeadLoss(ClassificationLoss(), votes_weight=0.5)(logits, labels, target).backward()
    assert logits.grad is not None
    assert logits.grad[4, 7:].abs().max() == 0
    assert logits.grad[4, :7].abs().max() > 0


@pytest.mark.parametrize("name", ["skipcnn", "cnn", "mlp", "resnet18", "vit"])
@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_merged_net_gives_the_weighted_mean_of_the_logits(name: str, share: float) -> None:
    torch.manual_seed(0)
    net = build_net(name, in_channels=1, num_classes=14, size=48, params={}).eval()
    faces = torch.randn(3, 1, 48, 48)
    with torch.no_grad():
        both = net(faces)
        merge_heads(net, num_classes=7, votes_share=share)
        one = net(faces)
    assert one.shape == (3, 7)
    torch.testing.assert_close(one, (1 - share) * both[:, :7] + share * both[:, 7:], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(one, merged_logits(both, votes_share=share), rtol=1e-4, atol=1e-5)


def test_merged_probabilities_are_the_geometric_mean() -> None:
    logits, _, _ = two_heads()
    labels, votes = head_probabilities(logits, heads=2).chunk(2, dim=1)
    np.testing.assert_allclose(labels.sum(dim=1), 1, rtol=1e-5)
    mean = labels**0.4 * votes**0.6
    expected = mean / mean.sum(dim=1, keepdim=True)
    torch.testing.assert_close(merged_logits(logits, votes_share=0.6).softmax(dim=1), expected, rtol=1e-4, atol=1e-6)


def test_a_net_without_one_last_linear_layer_is_refused() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 14), nn.ReLU(), nn.Linear(14, 14))
    with pytest.raises(ConfigError, match="has 2"):
        merge_heads(net, num_classes=7, votes_share=0.5)
