from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from fer.common.errors import ConfigError
from fer.models.loss_config import OwnLossConfig
from fer.models.losses import LossConfig, WeightScheme, build_loss, class_weights

FER2013_TRAINING = np.array([3995, 436, 4097, 7215, 4830, 3171, 4965])


def batch(count: int = 12, *, classes: int = 7, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, labels and soft targets."""
    generator = torch.Generator().manual_seed(seed)
    logits_BK = 3 * torch.randn((count, classes), generator=generator)
    label_B = torch.randint(0, classes, (count,), generator=generator)
    return logits_BK, label_B, torch.rand((count, classes), generator=generator).softmax(dim=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scheme", ["none", "inverse", "effective", "sqrt"])
def test_hard_labels_agree_with_torch(smoothing: float, scheme: WeightScheme) -> None:
    logits_BK, label_B, _ = batch()
    config = LossConfig(label_smoothing=smoothing, class_weights=scheme)
    weight_K = None
    if config.class_weights != "none":
        weight_K = torch.from_numpy(class_weights(FER2013_TRAINING, scheme=config.class_weights)).float()
    expected = F.cross_entropy(logits_BK, label_B, weight=weight_K, label_smoothing=smoothing)
    loss = build_loss(config, class_counts=FER2013_TRAINING)(logits_BK, label_B)
    assert loss == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_soft_targets_agree_with_torch(smoothing: float) -> None:
    logits_BK, label_B, target_BK = batch()
    expected = F.cross_entropy(logits_BK, target_BK, label_smoothing=smoothing)
    loss = build_loss(LossConfig(label_smoothing=smoothing), class_counts=FER2013_TRAINING)
    assert loss(logits_BK, label_B, target_BK) == pytest.approx(expected.item(), rel=1e-5)


configs = st.builds(
    LossConfig,
    label_smoothing=st.sampled_from([0.0, 0.1]),
    class_weights=st.sampled_from(["none", "inverse", "effective", "sqrt"]),
    focal_gamma=st.sampled_from([0.0, 0.5, 2.0]),
    logit_adjustment=st.sampled_from([0.0, 1.0]),
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(config=configs)
def test_a_one_hot_target_is_a_label(config: LossConfig) -> None:
    logits_BK, label_B, _ = batch()
    loss = build_loss(config, class_counts=FER2013_TRAINING)
    hard, soft = loss(logits_BK, label_B), loss(logits_BK, label_B, F.one_hot(label_B, 7).float())
    assert hard == pytest.approx(soft.item(), rel=1e-6)
    assert hard > 0


@settings(max_examples=50, deadline=None, derandomize=True)
@given(config=configs, scale=st.sampled_from([1.0, 30.0, 1000.0]))
def test_gradients_stay_finite(config: LossConfig, scale: float) -> None:
    logits_BK, label_B, target_BK = batch()
    logits_BK = (scale * logits_BK).requires_grad_()
    loss = build_loss(config, class_counts=FER2013_TRAINING)(logits_BK, label_B, target_BK)
    loss.backward()
    assert loss.isfinite()
    assert logits_BK.grad is not None
    assert logits_BK.grad.isfinite().all()


def test_mixing_targets_mixes_losses() -> None:
    logits_BK, label_B, _ = batch()
    loss = build_loss(LossConfig(label_smoothing=0.1, focal_gamma=2.0), class_counts=FER2013_TRAINING)
    other_B = label_B.roll(1)
    mixed_BK = torch.lerp(F.one_hot(other_B, 7).float(), F.one_hot(label_B, 7).float(), 0.3)
    expected = 0.3 * loss(logits_BK, label_B) + 0.7 * loss(logits_BK, other_B)
    assert loss(logits_BK, label_B, mixed_BK) == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_focal_loss_of_two_classes_agrees_with_torchvision(gamma: float) -> None:
    score_B, label_B = 2 * torch.randn(20, generator=torch.Generator().manual_seed(1)), torch.arange(20) % 2
    expected = sigmoid_focal_loss(score_B, label_B.float(), alpha=-1, gamma=gamma, reduction="mean")
    loss = build_loss(LossConfig(focal_gamma=gamma), class_counts=np.array([1, 1]))
    logits_BK = torch.stack((torch.zeros(20), score_B), dim=1)
    assert loss(logits_BK, label_B) == pytest.approx(expected.item(), rel=1e-4)


def test_logit_adjustment_expects_the_prior() -> None:
    prior = FER2013_TRAINING / FER2013_TRAINING.sum()
    loss = build_loss(LossConfig(logit_adjustment=1.0), class_counts=FER2013_TRAINING)
    # A net that knows nothing (equal logits) is taken to predict the prior.
    for k in range(7):
        assert loss(torch.zeros(1, 7), torch.tensor([k])) == pytest.approx(-np.log(prior[k]), rel=1e-5)
    # The paper's equation 10, pairwise: log(1 + sum over others of (prior' / prior)^tau exp(z' - z)).
    loss = build_loss(LossConfig(logit_adjustment=0.7), class_counts=FER2013_TRAINING)
    logits_BK, label_B, _ = batch()
    z, y = logits_BK.double().numpy(), label_B.numpy()
    terms = (prior / prior[y, None]) ** 0.7 * np.exp(z - z[np.arange(12), y][:, None])
    assert loss(logits_BK, label_B) == pytest.approx(np.log(terms.sum(axis=1)).mean(), rel=1e-5)


def test_logit_adjustment_takes_out_the_prior_of_what_an_epoch_shows() -> None:
    logits_BK, label_B, _ = batch()
    plain = build_loss(LossConfig(), class_counts=FER2013_TRAINING)(logits_BK, label_B)
    adjusted = LossConfig(logit_adjustment=1.0)
    balanced = build_loss(adjusted, class_counts=FER2013_TRAINING, shown_counts=np.full(7, 7215))
    assert balanced(logits_BK, label_B) == pytest.approx(plain.item(), rel=1e-5)
    natural = build_loss(adjusted, class_counts=FER2013_TRAINING)
    assert natural(logits_BK, label_B) != pytest.approx(plain.item(), rel=1e-2)


def test_logit_adjustment_needs_every_class() -> None:
    counts = np.array([45, 59, 25, 69, 28, 83, 0])  # CK+ has no neutral
    with pytest.raises(ConfigError, match="neutral has none: set logit_adjustment=0"):
        build_loss(LossConfig(logit_adjustment=1.0), class_counts=counts)
    logits_BK, label_B, _ = batch()
    weighted = build_loss(LossConfig(class_weights="inverse"), class_counts=counts)
    assert weighted(logits_BK, label_B % 6).isfinite()


def test_the_loss_is_float32_under_autocast() -> None:
    logits_BK, label_B, target_BK = batch()
    half_BK = logits_BK.bfloat16()
    config = LossConfig(label_smoothing=0.1, class_weights="sqrt", focal_gamma=2.0, logit_adjustment=1.0)
    loss = build_loss(config, class_counts=FER2013_TRAINING)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = loss(half_BK, label_B, target_BK)
    assert low.dtype == torch.float32
    assert low == loss(half_BK.float(), label_B, target_BK)


def test_nothing_of_the_loss_enters_a_checkpoint() -> None:
    config = LossConfig(class_weights="inverse", logit_adjustment=1.0)
    loss = build_loss(config, class_counts=FER2013_TRAINING)
    assert loss.state_dict() == {}
    assert dict(loss.named_buffers()).keys() == {"weight_K", "adjustment_K"}, "moves with the module all the same"


def test_inverse_weights_agree_with_sklearn() -> None:
    labels = np.repeat(np.arange(7), FER2013_TRAINING)
    expected = compute_class_weight("balanced", classes=np.arange(7), y=labels)
    weights = class_weights(FER2013_TRAINING, scheme="inverse")
    assert weights == pytest.approx(expected / expected.mean())


def test_weights_of_fer2013() -> None:
    schemes: list[WeightScheme] = ["inverse", "effective", "sqrt"]
    for scheme in schemes:
        weights = class_weights(FER2013_TRAINING, scheme=scheme)
        assert weights.mean() == pytest.approx(1)
        assert (np.argsort(weights) == np.argsort(-FER2013_TRAINING)).all(), "the rarer, the heavier"
    ratio = {s: (w := class_weights(FER2013_TRAINING, scheme=s))[1] / w[3] for s in schemes}
    assert ratio["inverse"] == pytest.approx(7215 / 436)
    assert ratio["sqrt"] == pytest.approx((7215 / 436) ** 0.5)
    assert ratio["effective"] == pytest.approx((1 - 0.999**7215) / (1 - 0.999**436))


@pytest.mark.parametrize(("beta", "like"), [(0.0, np.ones(7)), (1 - 1e-9, 1 / FER2013_TRAINING)])
def test_effective_weights_run_from_equal_to_inverse(beta: float, like: npt.NDArray[np.float64]) -> None:
    weights = class_weights(FER2013_TRAINING, scheme="effective", beta=beta)
    assert weights == pytest.approx(like / like.mean(), rel=1e-4)


def test_a_class_without_samples_weighs_nothing() -> None:
    schemes: list[WeightScheme] = ["inverse", "effective", "sqrt"]
    for scheme in schemes:
        weights = class_weights(np.array([10, 0, 40]), scheme=scheme)
        assert weights[1] == 0
        assert weights[[0, 2]].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    "settings_",
    [
        {"label_smoothing": 1.0},
        {"class_weights": "balanced"},
        {"focal_gamma": -1.0},
        {"effective_beta": 1.0},
        {"tau": 1},
    ],
)
def test_wrong_settings_are_refused(settings_: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings_))):
        LossConfig(**settings_)


def test_a_loss_of_labels_alone_is_refused_where_targets_are_soft() -> None:
    counts = np.full(7, 10)
    alone, both = (
        OwnLossConfig.model_validate({"_target_": f"torch.nn.{name}"})
        for name in ("MultiMarginLoss", "CrossEntropyLoss")
    )
    build_loss(alone, class_counts=counts)
    build_loss(both, class_counts=counts, soft=True)
    with pytest.raises(ConfigError, match=r"MultiMarginLoss fails on logits \(2, 7\) and the soft targets .*mixup"):
        build_loss(alone, class_counts=counts, soft=True)
