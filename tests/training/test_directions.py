"""What is monitored is judged the way its metric says is better."""

import pytest

from fer.common.errors import ConfigError
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.training.directions import check_directions

KAPPA = "+metrics.kappa._target_=torchmetrics.classification.MulticlassCohenKappa"
PLATEAU = "scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau"
# torchmetrics says of its hinge loss that lower is better.
HINGE = "+metrics.hinge._target_=torchmetrics.classification.MulticlassHingeLoss"


def check(*overrides: str) -> None:
    check_directions(validate(compose_train(["data=synthetic", *overrides, "run_dir=somewhere"])))


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ["callbacks.checkpoint.monitor=valid/ece"],
            r"callbacks\.checkpoint\.monitor=valid/ece: of that the lower .*=min",
        ),
        (["callbacks.early_stopping.monitor=valid/loss"], r"give callbacks\.early_stopping\.mode=min"),
        (["callbacks.checkpoint.mode=min"], r"monitor=valid/accuracy: of that the higher .*mode=min .*mode=max"),
        ([HINGE, "callbacks.checkpoint.monitor=valid/hinge"], r"valid/hinge: of that the lower"),
        (
            ["metrics=classes", "callbacks.checkpoint.monitor=valid/recall/angry", "callbacks.checkpoint.mode=min"],
            r"valid/recall/angry: of that the higher",
        ),
        ([PLATEAU, "scheduler.monitor=valid/accuracy"], r"scheduler\.monitor=valid/accuracy.*give scheduler\.mode=max"),
    ],
)
def test_a_mode_that_keeps_the_worst_is_refused(overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check(*overrides)


def test_the_right_way_is_not_refused() -> None:
    check()
    check(KAPPA, "callbacks.checkpoint.monitor=valid/kappa")
    check("callbacks.early_stopping.monitor=valid/ece", "callbacks.early_stopping.mode=min", PLATEAU)
