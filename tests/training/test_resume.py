"""An interrupted run goes on bit for bit, and nothing of an earlier run is ever lost."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from support.interruption import interrupt_at

from fer.callbacks.interruption import Stopping
from fer.common.errors import CheckpointError, ConfigError
from fer.common.interrupt import Interrupted

Train = Callable[..., Any]
# Dropout, mixing and EMA all carry state or randomness that a careless resume would lose.
OVERRIDES = (
    "augment=strong",
    "model.params.blocks=[0,1,0]",
    "model.params.widths=[16,24,32]",
    "model.params.dropout=0.2",
    "trainer.max_epochs=4",
)


@pytest.fixture(scope="module")
def whole(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(train(*OVERRIDES, run_dir=tmp_path_factory.mktemp("whole") / "run").run_dir)


def weights(run_dir: Path, name: str) -> dict[str, torch.Tensor]:
    content = torch.load(run_dir / "checkpoints" / name, weights_only=True)
    return {**content["state_dict"], **{f"raw.{k}": v for k, v in content["current_model_state"].items()}}


def epochs(run_dir: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    timing = ("seconds", "images_per_second")
    return [{name: value for name, value in line.items() if name not in timing} for line in lines]


def test_resumed_run_equals_the_uninterrupted_one(whole: Path, train: Train, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(2, patch)
        with pytest.raises(Interrupted):
            train(*OVERRIDES, run_dir=run_dir)
    assert not (run_dir / "metrics.json").exists()
    assert len(epochs(run_dir)) == 2
    train(*OVERRIDES, run_dir=run_dir)
    for name in ("last.ckpt", "best.ckpt"):
        ours, theirs = weights(run_dir, name), weights(whole, name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), name
    assert epochs(run_dir) == epochs(whole)
    ours, theirs = (json.loads((path / "metrics.json").read_text()) for path in (run_dir, whole))
    assert ours["public.accuracy"] == theirs["public.accuracy"]
    assert ours["epochs"] == theirs["epochs"] == 4


def test_interrupted_before_the_first_checkpoint_starts_over(whole: Path, train: Train, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(0, patch)
        with pytest.raises(Interrupted):
            train(*OVERRIDES, run_dir=tmp_path / "run")
    train(*OVERRIDES, "trainer.max_epochs=1", run_dir=tmp_path / "run")
    assert len(epochs(tmp_path / "run")) == 1


def test_finished_run_is_not_touched(whole: Path, train: Train) -> None:
    before = (whole / "checkpoints" / "last.ckpt").read_bytes()
    with pytest.raises(ConfigError, match=r"finished run.*more trainer\.max_epochs than its 4$"):
        train(*OVERRIDES, "trainer.max_epochs=7", run_dir=whole)
    for resume in ("never", str(whole / "checkpoints" / "last.ckpt")):
        with pytest.raises(ConfigError, match="already holds checkpoints"):
            train(*OVERRIDES, f"resume={resume}", run_dir=whole)
    assert (whole / "checkpoints" / "last.ckpt").read_bytes() == before


def test_training_on_from_a_checkpoint(whole: Path, train: Train, tmp_path: Path) -> None:
    last = whole / "checkpoints" / "last.ckpt"
    result = train(*OVERRIDES, f"resume={last}", "trainer.max_epochs=5", run_dir=tmp_path / "longer")
    assert [line["epoch"] for line in epochs(result.run_dir)] == [4]


def test_what_began_at_anothers_checkpoint_goes_on_by_the_same_command(
    whole: Path, train: Train, tmp_path: Path
) -> None:
    asked = (*OVERRIDES, f"resume={whole / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=6")
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(5, patch)
        with pytest.raises(Interrupted):
            train(*asked, run_dir=tmp_path / "run")
    other = f"resume={whole / 'checkpoints' / 'best.ckpt'}"
    with pytest.raises(ConfigError, match="already holds checkpoints"):
        train(*asked, other, run_dir=tmp_path / "run")
    train(*asked, run_dir=tmp_path / "run")
    assert [line["epoch"] for line in epochs(tmp_path / "run")] == [4, 5]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["optimizer.lr=0.007"], r"optimizer\.lr=0\.007 \(was 0\.0\d+\)"),
        (["optimizer.weight_decay=0.3"], r"optimizer\.weight_decay=0\.3 \(was"),
        (["optimizer=sgd"], r"optimizer\._target_=torch\.optim\.SGD \(was timm\.optim\.Muon\)"),
        (["scheduler=plateau"], r"scheduler\.name=plateau \(was onecycle\)"),
    ],
)
def test_settings_that_a_checkpoint_replaces_are_refused(
    changed: list[str], told: str, whole: Path, train: Train, tmp_path: Path
) -> None:
    last = whole / "checkpoints" / "last.ckpt"
    with pytest.raises(ConfigError, match=rf"would have no effect: .*{told}.*model\.pretrained="):
        train(*OVERRIDES, *changed, f"resume={last}", "trainer.max_epochs=5", run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_shorter_tail_and_a_gradient_clip_take_effect(whole: Path, train: Train, tmp_path: Path) -> None:
    """The rate of the sixth epoch's last step is the new schedule's: half a cosine, 1 % of the peak left."""
    last = whole / "checkpoints" / "last.ckpt"
    asked = ("scheduler=cosine", "scheduler.warmup=0", "scheduler.final=0.01", "optimizer.grad_clip=0.5")
    longer = train(*OVERRIDES, *asked, f"resume={last}", "trainer.max_epochs=6", run_dir=tmp_path / "run").run_dir
    groups = torch.load(longer / "checkpoints" / "last.ckpt", weights_only=True)["optimizer_states"][0]["param_groups"]
    assert groups[0]["lr"] == pytest.approx(0.01 * groups[0]["initial_lr"], rel=1e-6)


def test_a_checkpoint_knows_what_a_stalling_metric_did_to_the_rate(train: Train, tmp_path: Path) -> None:
    """Lightning lets the schedule see the epoch's loss after the checkpoint, and a resumed run never saw it."""
    small = ("model=mlp", "model.params.hidden=[8]", "scheduler=plateau", "trainer.max_epochs=1")
    run_dir = train(*small, "+trainer.limit_train_batches=1", run_dir=tmp_path / "run").run_dir
    schedule = torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)["lr_schedulers"][0]
    assert schedule["last_epoch"] == 1
    assert schedule["best"] == pytest.approx(epochs(run_dir)[0]["valid/loss"])


@pytest.mark.parametrize(("own", "left"), [(True, (1, 1)), (False, (0, 5))])
def test_a_new_run_has_its_own_patience(own: bool, left: tuple[int, int], tmp_path: Path) -> None:
    """A run that stopped early can be trained on; the same run, finished after a kill, stays stopped."""
    last = tmp_path / "last.ckpt"
    early = EarlyStopping("valid/accuracy", patience=5, mode="max")
    trainer: Any = SimpleNamespace(
        early_stopping_callbacks=[early], current_epoch=3, ckpt_path=last if own else "other.ckpt", should_stop=False
    )
    stopping, system = Stopping(last), pl.LightningModule()
    stopping.setup(trainer, system, "fit")
    score = torch.tensor(0.5)
    early.load_state_dict({"wait_count": 1, "stopped_epoch": 2, "best_score": score, "patience": 1})
    stopping.on_train_start(trainer, system)
    assert trainer.should_stop is own
    assert (early.wait_count, early.patience) == left
    assert early.best_score == score


def test_a_checkpoint_that_leaves_nothing_to_train_is_refused(whole: Path, train: Train, tmp_path: Path) -> None:
    last = whole / "checkpoints" / "last.ckpt"
    for epochs in (3, 4):
        with pytest.raises(ConfigError, match=r"last\.ckpt was saved after 4 epochs, .*ask for more than 4$"):
            train(*OVERRIDES, f"resume={last}", f"trainer.max_epochs={epochs}", run_dir=tmp_path / "run")


def test_other_configuration_is_refused(train: Train, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(1, patch)
        with pytest.raises(Interrupted):
            train(*OVERRIDES, run_dir=tmp_path / "run")
    with pytest.raises(ConfigError, match=r"seed=1 \(was 0\)"):
        train(*OVERRIDES, "seed=1", run_dir=tmp_path / "run")


def test_checkpoint_of_another_model_is_refused(whole: Path, train: Train, tmp_path: Path) -> None:
    last = whole / "checkpoints" / "last.ckpt"
    with pytest.raises(CheckpointError, match="holds another net: it was trained as model=skipcnn"):
        train("model=cnn", f"resume={last}", run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match="there is no checkpoint at"):
        train(f"resume={tmp_path}/nothing.ckpt", run_dir=tmp_path / "run")


def test_truncated_checkpoint_is_refused(whole: Path, train: Train, tmp_path: Path) -> None:
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes((whole / "checkpoints" / "last.ckpt").read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        train(*OVERRIDES, f"resume={broken}", run_dir=tmp_path / "run")


def test_checkpoint_with_code_does_not_run_it(tmp_path: Path) -> None:
    import pickle

    from fer.models.checkpoint import load_model

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    trap = tmp_path / "trap.ckpt"
    torch.save({"fer": {"schema": 1}, "state_dict": Trap()}, trap, pickle_module=pickle)
    with pytest.raises(CheckpointError):
        load_model(trap)
    assert not (tmp_path / "sprung").exists()
