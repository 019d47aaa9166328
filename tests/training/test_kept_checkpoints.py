"""What a run folder's contract needs is known before the first batch."""

import pytest

from fer.common.errors import ConfigError
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.training.kept_checkpoints import check_kept


def check(*overrides: str) -> None:
    check_kept(validate(compose_train(["data=synthetic", "trainer.max_epochs=3", *overrides, "run_dir=somewhere/a"])))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("+callbacks.checkpoint.save_top_k=3", r"save_top_k=3: the run's checkpoints/best\.ckpt would not .*: 1$"),
        ("+callbacks.checkpoint.save_top_k=-1", "save_top_k=-1"),
        ("+callbacks.checkpoint.save_top_k=0", "save_top_k=0"),
        ("+callbacks.last.save_top_k=0", r"callbacks\.last\.save_top_k=0.*last\.ckpt"),
        ("~callbacks.checkpoint", r"callbacks\.checkpoint may not be left out: it writes the run's .*best\.ckpt"),
        ("callbacks.checkpoint=null", r"callbacks\.checkpoint may not be left out"),
        ("~callbacks.last", r"callbacks\.last may not be left out: .*last\.ckpt"),
        ("callbacks.checkpoint.filename=mine", r"filename=mine: .* leave it as it is \(best\)"),
        ("callbacks.checkpoint.dirpath=elsewhere", "dirpath=elsewhere"),
        ("callbacks.checkpoint.enable_version_counter=true", "enable_version_counter=True: .*: false"),
        ("+callbacks.checkpoint.save_weights_only=true", "save_weights_only=True"),
        ("+callbacks.checkpoint.every_n_train_steps=5", "every_n_train_steps=5.*ends of epochs"),
        ("+callbacks.checkpoint.every_n_epochs=4", r"every_n_epochs=4 saves nothing in trainer\.max_epochs=3: 1 to 3"),
        ("+callbacks.checkpoint.every_n_epochs=0", "every_n_epochs=0"),
        ("+trainer.check_val_every_n_epoch=2", "check_val_every_n_epoch=2: every epoch is judged"),
        ("+trainer.val_check_interval=2", r"val_check_interval=2: an epoch is judged at its end"),
        ("+trainer.val_check_interval=0.5", r"val_check_interval=0\.5"),
        ("+trainer.max_steps=5", r"max_steps=5: it would end within an epoch.*trainer\.max_epochs"),
        ("+trainer.limit_val_batches=0", "limit_val_batches=0: without a batch"),
        ("+trainer.limit_val_batches=0.0", "limit_val_batches=0: without a batch"),
        ("+trainer.limit_train_batches=0", "limit_train_batches=0"),
        ("+trainer.fast_dev_run=true", "fast_dev_run: .*debug=fdr"),
        ("+callbacks.last.monitor=valid/accuracy", "the last epoch's, whatever it scored"),
    ],
)
def test_what_would_leave_a_run_without_its_checkpoints_is_refused(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check(override)


def test_what_keeps_them_is_not_refused() -> None:
    check()
    check("debug=fdr")
    check("debug=limit", "+trainer.check_val_every_n_epoch=1", "trainer.limit_val_batches=0.5")
    check("+callbacks.checkpoint.every_n_epochs=3", "callbacks.checkpoint.monitor=valid/macro_f1")
    check(
        "callbacks.checkpoint.monitor=null",
        "~callbacks.ema",
        "~callbacks.early_stopping",
        "+callbacks.last.every_n_epochs=2",
    )
