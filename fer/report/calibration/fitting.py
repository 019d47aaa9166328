"""Which faces may fit a temperature and a threshold: those that chose the epoch, never PrivateTest."""

from fer.report.evaluation.evaluate import EvaluatedRun


def fitting_set(run: EvaluatedRun) -> tuple[str | None, str]:
    """The key of the set that fits a run's temperature and threshold, and a sentence on it.

    The official protocol fits on PublicTest; protocols that hold out a part of Training fit on that part. None where
    the set is not there; the sentence then says why nothing is fitted.
    """
    if run.record.protocol == "official":
        if "public" in run.sets:
            return "public", (
                "PublicTest, which also chose the training's best epoch, so that it is slightly flattering to fit on; "
                "PrivateTest has no part in it"
            )
        return None, (
            "There is no temperature and no threshold: this copy of the data holds no PublicTest to fit them on, and "
            "fitting them on the faces that are scored would make the scores optimistic."
        )
    if run.record.visible != "full":
        return None, (
            "There is no temperature and no threshold: the held-out part of Training was answered with only a part of "
            f"each face visible ({run.record.visible}), and the test faces are whole."
        )
    if "heldout" in run.sets:
        return "heldout", (
            "the part of Training that the protocol held out, which also chose the training's best epoch, so that it "
            "is slightly flattering to fit on; no test face has a part in it"
        )
    return None, (
        "There is no temperature and no threshold: the run folder holds no answers for the part of Training that this "
        "protocol held out (predictions/heldout.parquet, written when a training finishes), and fitting on test faces "
        "would make the scores optimistic."
    )
