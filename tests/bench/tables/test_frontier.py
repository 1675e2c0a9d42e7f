"""What is reached under which budget, and what no other reaches as cheaply."""

from math import sqrt
from pathlib import Path

import pandas as pd
import pytest
from helpers.made_records import budgeted, made, sweep

from bench.records.groups import groups
from bench.records.record import Record
from bench.rendering import write_tables
from bench.tables.frontier import Frontier, beaten, frontiers
from bench.tables.least import distance_table, least_table

SMALL, LARGE = 20_000, 80_000


def trained(method: str, budget: int, seed: int, distance: float, steps: int = 4, **other: object) -> Record:
    """Return a student's record under a budget."""
    own = {"key": f"{method}-{budget}-{seed}-{steps}", "budget": budget, "init": "teacher", "share": 0.5}
    return made(method, steps, seed, distance, **own | other)


def of(*records: Record) -> Frontier:
    """Return the frontier of records with the teacher at 4 and at 16 steps: 40 and 10, of seed 1 twice as much."""
    teachers = [made("ddim", steps, seed, 160 / steps * (seed + 1)) for steps in (4, 16) for seed in (0, 1)]
    (found,) = frontiers(groups([*teachers, *records]))
    return found


@pytest.mark.parametrize(
    ("one", "others", "alike", "is_beaten"),
    [
        ((2, 5), [(1, 6), (3, 4)], 1, False),
        ((2, 5), [(2, 4)], 1, True),
        ((2, 5), [(1, 5)], 1, True),
        ((2, 5), [(2, 5)], 1, False),
        ((0, 5), [(0, 4)], 1, True),
        ((2, 5), [(2.1, 4)], 1.1, True),
        ((2, 5), [(1.9, 5)], 1.1, False),
        ((2, 5), [(2.3, 4)], 1.1, False),
    ],
)
def test_a_point_is_beaten_by_one_as_low_in_both_and_lower_in_one(
    one: tuple[float, float], others: list[tuple[float, float]], alike: float, is_beaten: bool
) -> None:
    assert beaten(one, [one, *others], alike) is is_beaten


def test_points_lead_that_nothing_beats_at_their_step_count_not_even_what_trains_nothing() -> None:
    found = of(
        *(trained("sfddm", budget, 0, value) for budget, value in ((SMALL, 45.0), (LARGE, 20.0))),
        *(trained("pd", budget, 0, value) for budget, value in ((SMALL, 30.0), (LARGE, 21.0))),
    )
    leads = {(name, p.budget) for name, row in found.rows.items() for p in row.get(4, ()) if p.leads}
    assert leads == {("ddim", 0), ("pd", SMALL), ("sfddm", LARGE)}


def test_the_least_budget_is_of_ratios_to_the_teacher_at_its_most_steps_under_the_same_seed() -> None:
    found = of(
        *(trained("sfddm", SMALL, seed, 10 * (seed + 1) * ratio) for seed, ratio in ((0, 1.0), (1, 1.5))),
        *(trained("sfddm", LARGE, seed, 10 * (seed + 1) * 1.1) for seed in (0, 1)),
        trained("sfddm", LARGE, 2, 1000.0),  # its teacher was not measured
        *(trained("pd", budget, 0, 10 * ratio) for budget, ratio in ((SMALL, 1.2), (LARGE, 1.6))),
        trained("pd", LARGE, 1, 1.0, failure="loss is not finite"),
    )
    assert found.teacher is not None
    assert (found.teacher.name, found.teacher.steps) == ("ddim", 16)
    assert found.teacher.ratio(found.rows["sfddm"][4][0]) == pytest.approx(sqrt(1.5))
    table = least_table(found)
    assert table is not None
    assert table.head == ("method", "4 steps, 1.1×", "4 steps, 1.25×", "4 steps, 1.5×")
    assert {row[0].text: [f"{entry.text}{entry.mark}" for entry in row[1:]] for row in table.rows} == {
        "sfddm": ["80k†", "20k†", "20k†"],
        "pd": ["> 80k", "20k†", "20k†"],
        "ddim": ["never", "never", "never"],
    }
    said = table.sentences
    for told in (
        "ddim at 16 steps",
        "> 80k: not reached",
        "Failed, and in no number: pd at 4 steps under 80k (seed 1)",
    ):
        assert told in said


def test_without_the_teacher_there_is_no_ratio_and_of_one_budget_nothing_to_show() -> None:
    (alone,) = frontiers(groups([trained("sfddm", budget, 0, 9.0) for budget in (SMALL, LARGE)]))
    assert alone.teacher is None
    assert least_table(alone) is None
    assert [entry.text for entry in distance_table(alone).rows[0]] == ["sfddm", "20k", "9.00"]
    assert frontiers(groups([trained("sfddm", SMALL, 0, 9.0), made("ddim", 4, 0)])) == []
    assert frontiers(groups(sweep(("sfddm", "ddim"), (4,), (0,)))) == []


def test_one_training_for_all_step_counts_is_told() -> None:
    parents = {"teacher (seed 0)": "a", "cd (seed 0)": "b"}
    found = of(*(trained("cd", b, 0, 9.0, steps, parents=parents) for b in (SMALL, LARGE) for steps in (1, 4)))
    assert found.trained_once == ("cd",)
    table = least_table(found)
    assert table is not None
    assert "One training serves all step counts of cd, and is paid once." in table.notes


def test_the_files_of_a_family_hold_every_point_and_every_factor(tmp_path: Path) -> None:
    records = budgeted(("sfddm", "pd", "ddim"), (1, 4), (0, 1))
    names = {path.name for path in write_tables(groups(records), tmp_path)}
    stem = "cifar10-32-paper-frontier"
    assert {f"{stem}{ending}" for ending in (".md", ".tex", ".csv", "-least.csv")} < names
    points = pd.read_csv(tmp_path / f"{stem}.csv")
    assert len(points) == 2 * (2 * 3 + 1)
    mine = [r.distance for r in records if (r.method, r.steps, r.budget) == ("pd", 4, 500_000)]
    (row,) = points[(points.method == "pd") & (points.steps == 4) & (points.budget == 500_000)].to_dict("records")
    assert row["mean"] == pytest.approx(sum(d for d in mine if d) / 2)
    assert (row["seeds"], row["init"], row["teacher_steps"]) == (2, "teacher, new head", 4)
    least = pd.read_csv(tmp_path / f"{stem}-least.csv")
    assert sorted(set(least.factor)) == [1.1, 1.25, 1.5]
    assert len(least) == 3 * 2 * 3
    assert "budgets of 120k, 500k, 2M evaluations" in (tmp_path / f"{stem}.tex").read_text()
    cells = (tmp_path / "cifar10-32-paper-500k.md").read_text().split("## Each cell")[1]
    assert "budget | share of teacher's images (%) |         begins as" in cells
    whole = pd.read_csv(tmp_path / "cifar10-32-paper-500k.csv")
    assert set(whole.budget.dropna()) == {500_000}
    assert set(whole[whole.method == "sfddm"].share) == {500_000 / 4 / 400_000}
