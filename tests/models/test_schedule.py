"""The learning rate over a run."""

import pytest
import torch

from fer.models.schedule import SchedulerConfig, build_scheduler, rate


@pytest.mark.parametrize("name", ["onecycle", "cosine"])
def test_rises_to_the_peak_and_falls_to_the_end(name: str) -> None:
    config = SchedulerConfig(name=name, warmup=0.25, final=0.01)
    rates = [rate(config, step / 100) for step in range(101)]
    assert max(rates) == rates[25] == 1.0
    assert rates[:26] == sorted(rates[:26])
    assert rates[25:] == sorted(rates[25:], reverse=True)
    assert rates[-1] == pytest.approx(0.01)


def test_constant_stays() -> None:
    config = SchedulerConfig(name="constant", warmup=0.0)
    assert {rate(config, step / 10) for step in range(11)} == {1.0}


def test_onecycle_agrees_with_torch_in_its_straight_form() -> None:
    def optimizer() -> torch.optim.Optimizer:
        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)

    steps = 40
    theirs_optimizer = optimizer()
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        theirs_optimizer, max_lr=0.4, total_steps=steps + 1, pct_start=0.25, anneal_strategy="linear",
        cycle_momentum=False, div_factor=1e3, final_div_factor=1.0,
    )  # fmt: skip
    ours_optimizer = optimizer()
    ours = build_scheduler(
        SchedulerConfig(name="onecycle", warmup=0.25, final=1e-3), ours_optimizer, steps=steps, epochs=1
    )
    for _ in range(steps):
        for each in (theirs_optimizer, ours_optimizer):
            each.step()
        theirs.step()
        ours["scheduler"].step()
        assert ours_optimizer.param_groups[0]["lr"] == pytest.approx(
            theirs_optimizer.param_groups[0]["lr"], abs=0.4 / 10
        )  # torch is up to one step ahead


def test_plateau_watches_the_validation_loss() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    built = build_scheduler(SchedulerConfig(name="plateau", factor=0.1, patience=0), optimizer, steps=10, epochs=1)
    assert built["monitor"] == "valid/loss"
    for loss in (1.0, 2.0):
        built["scheduler"].step(loss)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


def test_settings_that_a_schedule_does_not_know_are_named() -> None:
    assert SchedulerConfig(name="plateau", warmup=0.2, factor=0.1).without_effect == ["warmup=0.2"]
    assert SchedulerConfig(name="cosine", warmup=0.2, final=0.0, patience=7).without_effect == ["patience=7"]
    assert SchedulerConfig(name="constant", warmup=0.2).without_effect == []
