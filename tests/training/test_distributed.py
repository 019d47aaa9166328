"""Two processes train as one does: the same numbers, one run folder, one voice; and none hangs when another ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.forked_commands import ForkedCommands
from support.tiny import TINY

from fer.common.errors import ConfigError, DataError
from fer.data.augment import Augment
from fer.data.augment_config import AugmentConfig
from fer.data.batch_shard import BatchShard
from fer.data.datamodule import BatchLoader, FERDataModule
from fer.data.sources import SyntheticConfig
from fer.metrics import Predictions

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

FER_TRAIN = str(Path(sys.executable).parent / "fer-train")
# All that could tell one process from two: batch norm, mixing, noise, weights of classes, the average of weights, rows
# that do not divide by two. The rate is small because training amplifies rounding.
OVERRIDES = (
    *TINY,
    "data.public=71",
    "model.params.widths=[8,16,24]",
    "optimizer=sgd",
    "optimizer.lr=0.001",
    "augment=strong",
    "augment.erase_fill=noise",
    "loss.class_weights=inverse",
    "callbacks=[confusion,explain,learning_curve,overfitting]",
)


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def epochs(run_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def manifest(run_dir: Path) -> Any:
    return json.loads((run_dir / "manifest.json").read_text(encoding="utf-8"))


def command(*overrides: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FER_TRAIN, *overrides], cwd=cwd, env=environment(), capture_output=True, text=True, timeout=240
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    done = command(*OVERRIDES, "run_dir=run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("shared")
    done = command(*OVERRIDES, "trainer.devices=2", cwd=folder)
    assert done.returncode == 0, done.stderr
    # The name is not given: both must have taken the first one's.
    (run_dir,) = (folder / "outputs").iterdir()
    return run_dir, done


@pytest.mark.slow
def test_losses_and_scores_are_those_of_one_process(
    alone: Path, shared: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    run_dir, _ = shared
    one, two = epochs(alone), epochs(run_dir)
    assert [line["epoch"] for line in two] == [0, 1]
    for ours, theirs in zip(two, one, strict=True):
        for name in ("train/loss", "valid/loss"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-5), name
        # One face of the 71 may lie on the border between two classes.
        assert ours["valid/accuracy"] == pytest.approx(theirs["valid/accuracy"], abs=1.5 / 71)
        # Gathered over the processes: no mean of two sets is as near.
        assert ours["valid/weighted_auc"] == pytest.approx(theirs["valid/weighted_auc"], abs=0.01)
        assert ours["plain/accuracy"] == pytest.approx(theirs["plain/accuracy"], abs=0.02)
        assert ours["size"] == theirs["size"]
        assert ours["lr"] == theirs["lr"]


@pytest.mark.slow
def test_best_checkpoint_gives_the_predictions_of_one_process(
    alone: Path, shared: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    ours, theirs = (Predictions.read(path / "predictions" / "public.parquet") for path in (shared[0], alone))
    np.testing.assert_array_equal(ours.ids, theirs.ids)
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-4)


@pytest.mark.slow
def test_there_is_one_folder_and_one_voice(alone: Path, shared: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run_dir, done = shared
    files = {path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*") if path.is_file()}
    assert files == {path.relative_to(alone).as_posix() for path in alone.rglob("*") if path.is_file()}
    assert done.stdout.count("run folder:") == 1
    assert done.stdout.count("epoch 1/2") == 1
    assert done.stderr.count("device   2 x CPU") == 1
    assert manifest(run_dir)["status"] == "finished"
    assert manifest(run_dir)["device"]["processes"] == 2
    metrics = json.loads((run_dir / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["epochs"] == 2


@pytest.mark.slow
def test_it_goes_on_where_it_stopped_also_on_one_process(alone: Path, tmp_path: Path) -> None:
    longer = (*OVERRIDES, "trainer.max_epochs=400", "~callbacks.early_stopping", "run_dir=run")
    process = subprocess.Popen(
        [FER_TRAIN, *longer, "trainer.devices=2"], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    )
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 200
    while not last.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143, told
    assert told.count("stopped by SIGTERM") == 1
    assert manifest(tmp_path / "run")["status"] == "interrupted"
    done = len(epochs(tmp_path / "run"))
    # The last line may belong to an epoch whose checkpoint was not yet written.
    saved = torch.load(last, weights_only=True)["epoch"] + 1
    assert saved <= done
    again = subprocess.Popen([FER_TRAIN, *longer], cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL)
    while len(epochs(tmp_path / "run")) <= done and again.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=60) == 143
    assert [line["epoch"] for line in epochs(tmp_path / "run")][: done + 1] == list(range(done + 1))


@pytest.mark.slow
def test_the_end_of_one_process_ends_the_other(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "import os\n"
        "import pytorch_lightning as pl\n"
        "class Failing(pl.Callback):\n"
        "    def on_train_batch_start(self, trainer, *args):\n"
        "        if trainer.global_rank == 1 and trainer.global_step == 2:\n"
        "            os._exit(7)\n"
    )
    done = subprocess.run(
        [FER_TRAIN, *OVERRIDES, "trainer.devices=2", "run_dir=run", "+callbacks.failing={_target_: failing.Failing}"],
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    # 1, or 137 where Lightning's observer was faster than the broken connection.
    assert done.returncode not in (0, 2), done.stderr
    assert not (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.slow
def test_torchrun_starts_both(alone: Path, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", FER_TRAIN]
    done = subprocess.run(
        [*torchrun, *OVERRIDES, "trainer.devices=2", "run_dir=run"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run folder:") == 1
    assert [line["train/loss"] for line in epochs(tmp_path / "run")] == pytest.approx(
        [line["train/loss"] for line in epochs(alone)], abs=1e-5
    )


# What follows needs no second process.


def module(share: BatchShard, **settings: Any) -> FERDataModule:
    config = SyntheticConfig(name="synthetic", train=140, public=35, private=35, batch_size=32)
    augment = Augment(AugmentConfig(flip_probability=0.5, rotate_degrees=10, noise_std=5, **settings))
    data = FERDataModule(config, augment=augment, seed=3, share=share)
    data.setup()
    return data


@pytest.mark.parametrize("of", [2, 4])
def test_shares_make_up_each_batch(of: int) -> None:
    whole = [batch["index"] for batch in module(BatchShard()).train_dataloader()]
    parts = [
        [batch["index"] for batch in module(BatchShard(rank=rank, of=of)).train_dataloader()] for rank in range(of)
    ]
    for batch, *shares in zip(whole, *parts, strict=True):
        assert {len(share) for share in shares} == {32 // of}
        assert torch.equal(torch.cat(shares).sort().values, batch)


@pytest.mark.parametrize(("count", "of"), [(35, 2), (33, 4), (64, 8), (10, 10), (65, 2), (97, 3)])
def test_each_selection_row_is_in_one_share_and_no_process_waits_in_vain(count: int, of: int) -> None:
    samples = module(BatchShard()).samples
    loaders = [
        BatchLoader(samples, np.arange(count), batch_size=32, share=BatchShard(rank=rank, of=of)) for rank in range(of)
    ]
    batches = [[batch["index"].tolist() for batch in loader] for loader in loaders]
    assert {len(rows) for rows in batches} == {len(loader) for loader in loaders} == {len(batches[0])}
    assert all(len(rows) > 0 for share in batches for rows in share)
    assert sorted(row for share in batches for rows in share for row in rows) == list(range(count))


@pytest.mark.parametrize("mixing", [{}, {"mixup_alpha": 0.2, "cutmix_alpha": 1.0}])
def test_an_image_is_augmented_alike_in_every_share(mixing: dict[str, float]) -> None:
    def augmented(share: BatchShard) -> dict[str, torch.Tensor]:
        camera = {"blur_probability": 0.5, "downscale_probability": 0.5, "low_light_probability": 0.5}
        data = module(share, erase_probability=0.5, erase_fill="noise", jpeg_probability=0.5, **camera, **mixing)
        assert data.augment is not None
        batch = next(iter(data.train_dataloader()))
        return data.augment.batch(batch, size=40, generator=torch.Generator().manual_seed(0), share=share)

    whole = augmented(BatchShard())
    for rank in range(2):
        share = BatchShard(rank=rank, of=2)
        for name, tensor in augmented(share).items():
            torch.testing.assert_close(tensor, whole[name][share.rows], rtol=0, atol=1e-3, msg=name)


def test_batches_that_cannot_be_shared_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.batch_size=32 .* by 3: give 30 or 33"):
        module(BatchShard(rank=0, of=3))
    config = SyntheticConfig(name="synthetic", train=140, public=35, private=35, batch_size=64)
    with pytest.raises(DataError, match="35 rows are too few for 64 processes"):
        FERDataModule(config, augment=None, seed=0, share=BatchShard(rank=0, of=64)).setup()


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_NTASKS", "SLURM_PROCID", "FER_RUN_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("variables", "launcher"),
    [
        ({"WORLD_SIZE": "2", "RANK": "1", "TORCHELASTIC_RUN_ID": "none"}, "torchrun"),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "2"}, "Slurm"),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}, "MPI"),
    ],
)
def test_processes_from_outside_must_be_told_the_folder(
    variables: dict[str, str], launcher: str, clean: pytest.MonkeyPatch
) -> None:
    from fer.config.compose import compose_train

    for name, value in variables.items():
        clean.setenv(name, value)
    with pytest.raises(ConfigError, match=rf"{launcher} started \d processes.*run_dir=PATH"):
        compose_train([])
    assert compose_train(["run_dir=runs/a"])["run_dir"] == "runs/a"


def test_a_process_started_by_the_first_takes_its_folder(clean: pytest.MonkeyPatch) -> None:
    from fer.common.processes import first_process
    from fer.config.compose import compose_train

    assert first_process()
    clean.setenv("FER_RUN_DIR", "outputs/first")
    clean.setenv("LOCAL_RANK", "1")
    assert not first_process()
    tree = compose_train([])
    assert tree["run_dir"] == "outputs/first"
    assert tree["callbacks"]["last"]["dirpath"] == "outputs/first/checkpoints"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["trainer.strategy=ddp_spawn", "trainer.devices=2"], ["trainer.strategy=ddp_spawn", "ddp"]),
        (["trainer.strategy=dddp"], ["trainer:", "dddp"]),
        (["trainer.devices=2", "data.batch_size=33"], ["data.batch_size=33", "32 or 34"]),
        (["trainer.devices=2", "model=majority"], ["model=majority", "trainer.devices=1"]),
    ],
)
def test_what_cannot_be_shared_is_told(overrides: list[str], words: list[str], train: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        train(*overrides, run_dir=tmp_path / "run")
    assert [word for word in words if word not in str(told.value)] == []


def test_multirun_on_several_processes_is_refused(forked: ForkedCommands, tmp_path: Path) -> None:
    done = forked.run("train", "-m", *TINY, "seed=0,1", "trainer.devices=2", cwd=tmp_path)
    assert done.returncode == 2
    assert "-m trains one job after another" in done.stderr
    assert "trainer.devices=1" in done.stderr
