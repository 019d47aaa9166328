"""The drift log: quiet where nothing changed, loud where something did, and never before it knows enough."""

import numpy as np
import pytest
from scipy import stats

from fer.common.labels import EMOTIONS
from fer.runtime.facts import Reference
from fer.runtime.web.drift import MIN_FACES, PSI_ALARM, DriftLog, SeenFace, by_chance

SHARES = (0.13, 0.02, 0.13, 0.26, 0.18, 0.11, 0.17)
REFERENCE = Reference(
    split="PublicTest",
    n=3589,
    labels=dict(zip(EMOTIONS, SHARES, strict=True)),
    means={"confidence": 0.66, "brightness": 0.5, "sharpness": 0.1},
    deviations={"confidence": 0.24, "brightness": 0.13, "sharpness": 0.05},
)


def filled(count: int, *, label: str | None = None, brighter: float = 0.0, seed: int = 0) -> DriftLog:
    log = DriftLog(REFERENCE, window=500)
    random = np.random.default_rng(seed)
    for _ in range(count):
        log.add(
            SeenFace(
                label=label if label is not None else str(random.choice(EMOTIONS, p=SHARES)),
                confidence=float(random.normal(0.66, 0.24)),
                brightness=float(random.normal(0.5, 0.13)) + brighter,
                sharpness=float(random.normal(0.1, 0.05)),
            )
        )
    return log


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [MIN_FACES, 500])
def test_faces_like_the_reference_raise_no_alarm(seed: int, count: int) -> None:
    state = filled(count, seed=seed).state()
    assert state.enough
    assert not state.alarm, state.sentence


@pytest.mark.parametrize(("labels", "within"), [(2, 0.031), (3, 0.023), (7, 0.01), (12, 0.006), (20, 0.003)])
def test_the_limit_of_chance_is_that_of_so_many_labels(labels: int, within: float) -> None:
    assert by_chance(labels) == pytest.approx(stats.chi2.ppf(0.999, labels - 1), rel=within)


@pytest.mark.parametrize("labels", [2, 7, 12, 20])
def test_chance_alone_hardly_ever_raises_the_alarm(labels: int) -> None:
    names = [str(number) for number in range(labels)]
    reference = Reference(split="all", n=3589, labels=dict.fromkeys(names, 1 / labels), means={}, deviations={})
    alarms = 0
    for counts in np.random.default_rng(0).multinomial(100, [1 / labels] * labels, size=1000):
        log = DriftLog(reference, window=500)
        for name, count in zip(names, counts, strict=True):
            for _ in range(count):
                log.add(SeenFace(label=name, confidence=0.5, brightness=0.5, sharpness=0.1))
        alarms += log.state().alarm
    assert alarms <= 5


def test_the_chance_of_a_small_reference_is_taken_into_account() -> None:
    random = np.random.default_rng(0)
    alarms, scores = 0, []
    for _ in range(300):
        measured, seen = random.normal(0.5, 0.1, 20), random.normal(0.5, 0.1, 100)
        mean, deviation = {"brightness": float(measured.mean())}, {"brightness": float(measured.std())}
        log = DriftLog(Reference(split="all", n=20, labels={"a": 1.0}, means=mean, deviations=deviation), window=100)
        for brightness in seen:
            log.add(SeenFace(label="a", confidence=0.5, brightness=float(brightness), sharpness=0.1))
        scores.append(log.state().shifts["brightness"].z)
        alarms += log.state().alarm
    assert np.std(scores) == pytest.approx(1.0, abs=0.15)
    assert alarms <= 6


def test_one_label_only_raises_the_alarm_and_is_named() -> None:
    state = filled(100, label="sad").state()
    assert state.alarm
    assert state.psi > PSI_ALARM
    assert "sad is seen in 100% of the faces instead of 18%" in state.sentence


def test_darker_faces_raise_the_alarm_and_are_named() -> None:
    state = filled(200, brighter=-0.12).state()
    assert state.shifts["brightness"].alarm
    assert state.shifts["brightness"].effect == pytest.approx(-0.12 / 0.13, abs=0.15)
    assert not state.shifts["sharpness"].alarm
    assert "darker" in state.sentence


def test_it_is_the_model_that_is_less_sure_and_not_the_faces() -> None:
    log = DriftLog(REFERENCE, window=500)
    for _ in range(200):
        log.add(SeenFace(label="happy", confidence=0.2, brightness=0.5, sharpness=0.1))
    state = log.state()
    assert state.shifts["confidence"].alarm
    assert "the model is less sure than usual" in state.sentence
    assert "faces are less sure" not in state.sentence


def test_a_told_prior_leaves_labels_and_confidence_unjudged() -> None:
    log = DriftLog(REFERENCE, window=500, told_prior="balanced")
    for _ in range(200):
        log.add(SeenFace(label="disgust", confidence=0.99, brightness=0.5, sharpness=0.1))
    state = log.state()
    assert state.psi > state.psi_limit
    assert not state.alarm
    assert "not judged: the reference was measured without the prior balanced" in state.sentence
    for _ in range(300):
        log.add(SeenFace(label="disgust", confidence=0.99, brightness=0.1, sharpness=0.1))
    assert log.state().alarm
    assert "differ from those the model was measured on: faces are darker than usual." in log.state().sentence


def test_too_few_faces_say_so_and_raise_nothing() -> None:
    state = filled(MIN_FACES - 1, label="disgust", brighter=0.5).state()
    assert not state.enough
    assert not state.alarm
    assert state.sentence.startswith(f"{MIN_FACES - 1} of the {MIN_FACES}")


def test_no_faces_at_all_can_be_asked_about() -> None:
    state = DriftLog(REFERENCE, window=500).state()
    assert (state.faces, state.psi, dict(state.shifts), state.alarm) == (0, 0.0, {}, False)


def test_only_the_last_faces_count() -> None:
    log = filled(500, label="sad")
    random = np.random.default_rng(1)
    for _ in range(500):
        label = str(random.choice(EMOTIONS, p=SHARES))
        log.add(SeenFace(label=label, confidence=0.66, brightness=0.5, sharpness=0.1))
    state = log.state()
    assert state.faces == 500
    assert not state.alarm


def test_shares_equal_to_the_reference_have_no_index() -> None:
    log = DriftLog(REFERENCE, window=1000)
    for label, share in zip(EMOTIONS, SHARES, strict=True):
        for _ in range(round(share * 100)):
            log.add(SeenFace(label=label, confidence=0.66, brightness=0.5, sharpness=0.1))
    assert log.state().psi == pytest.approx(0.0, abs=1e-12)
