"""The page of fer-study: its numbers against SciPy and by hand, and words that follow the numbers."""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from scipy import stats

from fer.common.errors import DataError
from fer.common.files import write_json
from fer.folders.study import RECIPE_SCORES, StudyFolder
from fer.report.command import main
from fer.report.recipes.measurement import faces_to_reach, read_study, variance_parts
from fer.report.recipes.page import write_study_page


def make_study(
    path: Path,
    kind: str,
    table: dict[tuple[str, float], list[tuple[float, float]]],
    *,
    stopped: Mapping[tuple[str, int], int] = MappingProxyType({}),
    selection: str = "public",
) -> Path:
    """A study folder: (recipe, share) -> (training, selection) accuracy of each seed, of three epochs less those of
    `stopped` by (recipe, seed).
    """
    runs = {}
    for (recipe, share), seeds in table.items():
        for seed, (train, chosen) in enumerate(seeds):
            name = f"{recipe}_{share}_{seed}"
            runs[name] = f"runs/{name}"
            row = {"recipe": recipe, "share": share, "seed": seed, "train_faces": int(1000 * share), "epochs": 3}
            row |= {"selection": selection, "batch_size": 32, "train_n": 500, "selection_n": 400}
            row |= {"train_accuracy": train, "selection_accuracy": chosen}
            row |= {"train_log_loss": 0.5, "selection_log_loss": 1.0}
            (path / "runs" / name).mkdir(parents=True)
            write_json(path / "runs" / name / RECIPE_SCORES, row)
            write_json(path / "runs" / name / "metrics.json", {"epochs": 3 - stopped.get((recipe, seed), 0)})
    facts = {"command": "fer-study <a>", "planned": len(runs) + 1, "missing": {"vit": "no weights <here>"}}
    StudyFolder(path).write(kind=kind, runs=runs, facts=facts)
    return path


def test_the_parts_of_the_variance_are_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(mean, 0.02, 5) for mean in (0.50, 0.52, 0.58)]
    parts = variance_parts(groups)
    assert parts is not None
    expected = stats.f_oneway(*groups)
    assert parts.p_value == pytest.approx(expected.pvalue)
    # Omega squared by way of F (Olejnik and Algina 2003, Psychological Methods 8).
    omega = 2 * (expected.statistic - 1) / (2 * (expected.statistic - 1) + 15)
    assert parts.share == pytest.approx(omega)
    assert variance_parts([np.array([0.5]), np.array([0.6])]) is None


def test_recipes_with_one_mean_have_no_part_in_the_variance() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        values = rng.normal(0.6, 0.01, 5)
        parts = variance_parts([values, values[::-1], rng.permutation(values)])
        assert parts is not None
        assert (parts.share, parts.p_value) == (0.0, pytest.approx(1.0))


def test_augmentation_is_told_by_its_numbers(tmp_path: Path) -> None:
    table = {
        ("none", 1.0): [(0.95, 0.50), (0.97, 0.51), (0.96, 0.49)],
        ("strong", 1.0): [(0.66, 0.60), (0.67, 0.62), (0.65, 0.61)],
    }
    page = write_study_page(make_study(tmp_path / "a", "augmentation", table)).read_text()
    words = (tmp_path / "a" / "study.md").read_text()
    assert "The best mean accuracy has strong: 61.0 ± 1.0 % over 3 seeds." in words
    assert "widest with none (46.0 points) and narrowest with strong (5.0 points)" in words
    assert "a difference beyond chance" in words
    assert "6 of 7 runs are done" in words
    assert "vit is missing: no weights <here>" in words
    assert "<here>" not in page
    assert "PrivateTest was not read" in words
    with (tmp_path / "a" / "study.csv").open() as file:
        assert [float(row["selection_accuracy"]) for row in csv.DictReader(file)][:2] == [0.5, 0.51]
    assert (tmp_path / "a" / "figures" / "augmentation.png").is_file()


def test_epochs_are_those_that_were_trained_and_not_those_that_were_allowed(tmp_path: Path) -> None:
    same = [(0.7, 0.50), (0.7, 0.54)]
    table = {("none", 1.0): same, ("light", 1.0): same}
    page = write_study_page(make_study(tmp_path / "a", "augmentation", table, stopped={("none", 1): 2}))
    with (tmp_path / "a" / "study.csv").open() as file:
        assert [int(row["epochs"]) for row in csv.DictReader(file)] == [3, 1, 3, 3]
    assert '<td class="num">1 to 3</td>' in page.read_text()
    words = page.with_name("study.md").read_text()
    assert "holds out other faces" not in words
    assert "1 of 4 runs stopped before the last epoch that it was allowed." in words


def test_a_run_that_lacks_its_numbers_is_named(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "a", "augmentation", {("none", 1.0): [(0.7, 0.50), (0.7, 0.54)]})
    (folder / "runs" / "none_1.0_1" / "metrics.json").unlink()
    with pytest.raises(DataError, match=r"none_1\.0_1/metrics\.json is not readable JSON"):
        write_study_page(folder)


def test_that_seeds_hold_out_other_faces_is_told(tmp_path: Path) -> None:
    table = {("none", 1.0): [(0.7, 0.50), (0.7, 0.54)]}
    page = write_study_page(make_study(tmp_path / "a", "augmentation", table, selection="heldout"))
    assert "Each seed holds out other faces of Training" in page.with_name("study.md").read_text()


def test_equal_augmentations_are_not_told_apart(tmp_path: Path) -> None:
    same = [(0.7, 0.50), (0.7, 0.54)]
    words = write_study_page(
        make_study(tmp_path / "a", "augmentation", {("none", 1.0): same, ("light", 1.0): same})
    ).with_name("study.md")
    assert "which seeds alone could explain" in words.read_text()
    assert "makes 0\N{NO-BREAK SPACE}% of the variance" in words.read_text()


def test_sizes_are_told_by_their_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = {
        ("mlp", 0.1): [(0.5, 0.30), (0.5, 0.32)],
        ("net", 0.1): [(0.5, 0.40), (0.5, 0.40)],
        ("mlp", 1.0): [(0.5, 0.44), (0.5, 0.46)],
        ("net", 1.0): [(0.5, 0.60), (0.5, 0.60)],
    }
    folder = make_study(tmp_path / "d", "datasize", table)
    main([f"study={folder}"])
    assert capsys.readouterr().out.strip() == str(folder / "study.html")
    words = (folder / "study.md").read_text()
    assert "With 100 faces net is best: 40.0 ± 0.0 %, 9.0 points above mlp." in words
    # A quarter of the way from 40 to 60 %, on the logarithm of 100 to 1,000.
    assert f"net reaches with about {100 * 10**0.25:,.0f} faces what mlp reaches with 1,000 (45.0 %)." in words
    assert "mlp: from 100 to 1,000 faces it gains 14.0 points (seeds: 1.4)." in words
    assert "Small shares were allowed" not in words
    assert "9.0 points above mlp, no more than seeds differ" not in words
    curve = read_study(folder).named("net")
    assert faces_to_reach(curve, 0.7) is None
    assert faces_to_reach(curve, 0.2) == 100


def test_nets_on_a_level_and_losses_are_told_as_such(tmp_path: Path) -> None:
    table = {
        ("mlp", 0.1): [(0.5, 0.42), (0.5, 0.40)],
        ("net", 0.1): [(0.5, 0.40), (0.5, 0.42)],
        ("mlp", 1.0): [(0.5, 0.34), (0.5, 0.36)],
        ("net", 1.0): [(0.5, 0.60), (0.5, 0.60)],
    }
    words = write_study_page(make_study(tmp_path / "d", "datasize", table)).with_name("study.md").read_text()
    assert "With 100 faces mlp and net are level at the top: 41.0 ± 1.4 %." in words
    assert "mlp: from 100 to 1,000 faces it loses 6.0 points (seeds: 1.4)." in words


def test_no_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder of fer-study"):
        write_study_page(tmp_path)
