"""What the columns of `model_eval.csv` mean."""

from types import MappingProxyType
from typing import Final

COLUMNS: Final = MappingProxyType(
    {
        "run": "name of the run folder",
        "model": "the net's name",
        "seed": "training seed",
        "protocol": "which rows trained and which chose the epoch (data.protocol)",
        "num_parameters": "learned numbers of the net",
        "train_seconds": "wall seconds in training batches, validation left out; empty for an interrupted run",
        "images_per_second": "images trained on per second",
        "status": "finished, or interrupted: then every number is that of the unfinished model",
        "epochs": "epochs trained",
        "data_fingerprint": "names the content of the data that were scored on",
        "headline": "the set whose score stands on top of the page",
        "<set>_n": "faces of a set: private, private_dedup, public, folder7178 or heldout; with _tta the answers "
        "to further views of the face are averaged in (mirrored, or as the option tta says)",
        "<set>_<metric>": "accuracy, balanced_accuracy, macro_f1, weighted_f1 and weighted_auc in [0, 1], nll in nats",
        "<set>_<metric>_low, _high": "its 95 % bootstrap interval over faces",
        "comparison_group": "runs of one letter may be compared: one protocol, one data fingerprint, the same faces",
        "seed_group": "runs of one number differ by their seed alone; empty for a run without such a partner",
        "seed_group_n": "seeds in that group",
        "<set>_<metric>_seed_mean": "mean over the group's seeds",
        "<set>_<metric>_seed_deviation": "sample standard deviation over the group's seeds",
        "macs": "multiply-accumulates of one face: half of flops",
        "flops": "floating-point operations of one face; 1 multiply-accumulate counts as 2",
        "weight_megabytes": "weights as float32, 10^6 bytes",
        "latency_ms": "median milliseconds of one face, batch of one, one CPU thread, preprocessing included",
        "latency_p95_ms": "95th percentile of the same",
        "latency_repeats": "single faces timed",
        "faces_per_second": "throughput in batches of 256, median batch, preprocessing included",
        "threads": "CPU threads of the throughput",
        "train_device": "device and precision of the training",
        "energy_kwh": "energy of the training as its manifest records it; empty where it was not measured",
        "co2_kg": "kilograms of CO2 equivalent, likewise",
    }
)
"""Meaning by column, or by a pattern of columns, in the order of the file; other analyses add columns of their own."""
