"""What stands for several repeats, and how it is shown."""

import pytest

from fer.bench.result import Measurement, Row, in_turn, ratio, unmeasured
from fer.bench.table import as_markdown, as_text, number


def row(label: str, *values: float, unit: str = "ms") -> Row:
    return Row(label=label, unit=unit, values=values)


def test_one_slow_repeat_does_not_move_the_median() -> None:
    assert row("a", 10, 11, 90).middle == 11


def test_results_that_differ_by_seed_have_a_mean_and_a_standard_deviation() -> None:
    accuracy = Row(label="accuracy", unit="%", values=(60.0, 62.0, 64.0), centre="mean")
    assert accuracy.middle == 62
    assert accuracy.std == pytest.approx(2.0)
    head, shown = as_text([Measurement(key="a", title="t", rows=(accuracy,))]).splitlines()[1:]
    assert "mean" in head
    assert "62.00 %" in shown
    assert shown.index("2.000") == head.index("standard deviation")


def test_a_ratio_is_taken_repeat_by_repeat() -> None:
    # The second repeat met a machine at half its speed: both sides did.
    slowed = ratio("a / b", row("a", 100, 50, 100), row("b", 50, 25, 50))
    assert slowed.values == (2.0, 2.0, 2.0)


def test_a_ratio_to_what_was_not_measured_says_so() -> None:
    found = ratio("a / b", row("a", 1.0), unmeasured("b", unit="ms", reason="no such peer"))
    assert found.middle is None
    assert "b was not measured" in found.note


def test_everybody_comes_first_once() -> None:
    orders = [in_turn(["a", "b", "c"], turn) for turn in range(3)]
    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(66800.4, "66,800"), (281.44, "281.4"), (12.345, "12.35"), (1.0333, "1.033"), (0.0521, "0.0521")],
)
def test_four_digits_that_matter(value: float, shown: str) -> None:
    assert number(value) == shown


def test_the_table_is_aligned_and_the_page_holds_every_repeat() -> None:
    measured = Measurement(
        key="training",
        title="training: a net",
        rows=(row("fer-train", 812.5, 830.25), unmeasured("peer", unit="ms", reason="no | module")),
        notes=("said",),
    )
    title, *lines = as_text([measured]).splitlines()
    assert title == "training: a net"
    head, ours, peer, note = lines
    assert head.index("least to most") == ours.index("812.5 to 830.2")
    assert "not measured" in peer
    assert peer.endswith("no | module")
    assert note.strip() == "said"
    page = as_markdown([measured], machine={"cores": 2, "versions": {"torch": "2"}}, command="fer-bench")
    assert "| fer-train | 821.4 | ms | 812.5 to 830.2 | 812.5, 830.2 |  |" in page
    assert r"no \| module" in page
    assert "| versions | torch 2 |" in page


def test_json_keeps_every_repeat_and_no_nan() -> None:
    empty = unmeasured("a", unit="s", reason="r").as_dict()
    assert empty.pop("values") == []
    assert {empty.pop(name) for name in ("median", "least", "most", "deviation")} == {None}
    assert empty == {"label": "a", "unit": "s", "note": "r"}
    assert row("a", 3, 1, 2).as_dict()["values"] == [3, 1, 2]
