"""One run -> its temperature, its threshold, and everything measured with them on the headline set."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fer.metrics import Estimate, Predictions
from fer.metrics.calibration import Calibration, ReliabilityBin, fit_calibration, reliability_bins
from fer.metrics.calibration_scores import CalibrationChange, evaluate_calibration, evaluate_temperature
from fer.metrics.predictions import Floats
from fer.metrics.selective_scores import Selective, SelectiveCurve, evaluate_abstention, evaluate_curve
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.options import ReportOptions


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the analysis knows of one run.

    Attributes:
        run: the run.
        calibration: temperature and threshold; None where nothing may fit them.
        temperature: the temperature with its interval over the fitting faces; None as above.
        fitted_on: key of the set that fitted them; None as above.
        reason: the sentence of `fitting_set`.
        change: calibration scores of the headline set, before and after.
        bins_before: reliability of the headline set as the model predicts.
        bins_after: reliability after the temperature; None without one.
        class_bins: emotion -> reliability of its probability, after the temperature where there is one.
        curve: risk and coverage, by confidence after the temperature where there is one.
        whole: the headline set under the threshold; None without a fitted one.
        classes: the faces predicted as each emotion; None as above.
    """

    run: EvaluatedRun
    calibration: Calibration | None
    temperature: Estimate | None
    fitted_on: str | None
    reason: str
    change: CalibrationChange
    bins_before: tuple[ReliabilityBin, ...]
    bins_after: tuple[ReliabilityBin, ...] | None
    class_bins: Mapping[str, tuple[ReliabilityBin, ...]]
    curve: SelectiveCurve
    whole: Selective | None
    classes: Mapping[str, Selective] | None

    @property
    def predictions(self) -> Predictions:
        """The headline set, without test-time augmentation."""
        return self.run.headline.plain.predictions

    @property
    def tempered(self) -> bool:
        """Whether a temperature is applied: 1 stands for none that fits."""
        return self.calibration is not None and self.calibration.temperature != 1.0

    @property
    def fitted_on_itself(self) -> bool:
        """Whether the headline set is the one that fitted, so that what is measured after is optimistic."""
        return self.fitted_on == self.run.headline_key


def measure(run: EvaluatedRun, options: ReportOptions) -> Measured:
    """Fits on the set that may, and measures on the headline set."""
    resamples, seed, wanted = options.bootstrap, options.seed, options.calibration
    fitted_on, reason = fitting_set(run)
    calibration = temperature = None
    if fitted_on is not None:
        fitting = run.sets[fitted_on].plain.predictions
        calibration = fit_calibration(fitting, target_accuracy=wanted.target_accuracy, answer_share=wanted.answer_share)
        temperature = evaluate_temperature(fitting, calibration.temperature, resamples=resamples, seed=seed)
    headline = run.headline.plain.predictions
    correct_N = headline.predicted == headline.labels
    confidence_N: Floats = headline.confidence
    change = evaluate_calibration(
        headline,
        temperature=None if calibration is None else calibration.temperature,
        resamples=resamples,
        seed=seed,
    )
    bins_before, bins_after, whole, classes = reliability_bins(confidence_N, correct_N), None, None, None
    if calibration is not None:
        confidence_N = calibration.apply(headline.probabilities).max(axis=1)
        bins_after = reliability_bins(confidence_N, correct_N)
        accepted_N = ~calibration.abstains(confidence_N)
        whole, classes = evaluate_abstention(headline, accepted_N)
    p_NC = headline.probabilities if calibration is None else calibration.apply(headline.probabilities)
    return Measured(
        run=run,
        calibration=calibration,
        temperature=temperature,
        fitted_on=fitted_on,
        reason=reason,
        change=change,
        bins_before=bins_before,
        bins_after=bins_after,
        class_bins={
            name: reliability_bins(np.clip(p_NC[:, c], 0, 1), headline.labels == c)
            for c, name in enumerate(headline.classes)
        },
        curve=evaluate_curve(confidence_N, correct_N, resamples=resamples, seed=seed),
        whole=whole,
        classes=classes,
    )


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
            "There is no temperature and no threshold: the held-out part of Training was predicted with only a part of "
            f"each face visible ({run.record.visible}), and the test faces are whole."
        )
    if "heldout" in run.sets:
        return "heldout", (
            "the part of Training that the protocol held out, which also chose the training's best epoch, so that it "
            "is slightly flattering to fit on; no test face has a part in it"
        )
    return None, (
        "There is no temperature and no threshold: the run folder holds no predictions for the part of Training that "
        "this protocol held out (predictions/heldout.parquet, written when a training finishes), and fitting on test "
        "faces would make the scores optimistic."
    )
