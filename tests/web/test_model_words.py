"""What the page says of a model is what its file says, and no more."""

import pytest
from web.conftest import FACTS

from fer.runtime.facts import MetricFacts
from fer.runtime.model import EmotionModel
from fer.runtime.web.model_words import describe_model


def test_a_model_of_synthetic_faces_is_not_said_to_know_photos() -> None:
    accuracy = MetricFacts(value=0.993, low=0.98, high=1.0, n=300)
    facts = FACTS.model_copy(
        update={"source": "synthetic faces", "copies": 0, "metrics": {"accuracy": accuracy}, "data_fingerprint": "1"}
    )
    words = describe_model(facts)
    assert "synthetic faces" in words["labels"]
    assert "How it does on real people is not known" in words["labels"]
    assert "On the 300 faces of PublicTest in synthetic faces" in words["scores"]
    assert "None of them is a copy" in words["scores"]
    told = " ".join(words.values())
    assert not any(word in told for word in ("FER-2013", "photo", "People agree", "not learned"))


def test_the_shipped_model_tells_of_its_copies() -> None:
    words = describe_model(EmotionModel.load("benchmark").facts)
    assert "FER-2013" in words["labels"]
    assert "On the 3,589 faces of PublicTest in FER-2013" in words["scores"]
    # docs/how-to/data.md; 71.75 % is the model card's.
    assert "280 of these 3,589 are copies of faces it was trained on" in words["scores"]
    assert "72% (70% to 73%)" in words["scores"]
    assert "71% of the predictions" in words["certainty"]


def test_a_model_for_photographs_tells_of_photographs_first() -> None:
    words = describe_model(EmotionModel.load("everyday").facts)
    assert words["scores"].startswith(
        "On 1,257 faces in photographs of people, it gave the label that people gave to 75%"
    )
    assert "1,257 faces in the photographs" in words["certainty"]
    # What the card says, too: the photographs chose line, prior and weight, and PublicTest nothing but the epoch.
    assert (
        "Some of its settings may have been chosen with the same photographs, so expect a little less"
        in words["scores"]
    )
    assert "The same faces chose its best epoch, so expect" in words["scores"]
    assert "its best epoch and its threshold" in describe_model(EmotionModel.load("benchmark").facts)["scores"]


def test_figures_from_before_a_told_prior_say_so() -> None:
    words = describe_model(FACTS, told_prior="balanced")
    for part in ("scores", "certainty"):
        assert words[part].startswith(
            "Its predictions here are changed by the prior balanced; these figures were measured without it. "
        )
    assert "prior" not in " ".join(describe_model(FACTS).values())


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"copies": 12}, "12 of these 3,589 are copies"),
        ({"copies": 1}, "1 of these 3,589 is a copy of a face it was trained on"),
        ({"copies": None}, "has not been counted"),
        ({"data_fingerprint": "6ef63dc6fe741cbb"}, "280 of these 3,589 are copies"),
        (
            {
                "data_fingerprint": "6ef63dc6fe741cbb",
                "protocol": "official (9 copies left out of training)",
            },
            "None of them is a copy",
        ),
        ({"metrics": {}}, "does not say how often it is right"),
    ],
)
def test_copies_and_missing_scores_are_told(update: dict[str, object], told: str) -> None:
    assert told in describe_model(FACTS.model_copy(update=update))["scores"]


def test_a_model_that_is_never_certain_says_so() -> None:
    facts = FACTS.model_copy(update={"threshold": None, "answered_accuracy": None})
    assert "every prediction is uncertain" in describe_model(facts)["certainty"]
