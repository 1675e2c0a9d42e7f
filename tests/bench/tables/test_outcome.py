"""The sentence at the end of a run says which method is best at each step count, and how long the students trained."""

from helpers.made_records import budgeted, sweep

from bench.records.families import families
from bench.records.groups import groups
from bench.tables.outcome import outcome


def test_the_sentence_names_the_lowest_at_each_step_count() -> None:
    (group,) = groups(sweep(("sfddm", "ddim"), (1, 4), (0,)))
    said = outcome(*families([group]))
    assert said is not None
    for steps in (1, 4):
        cells = [record for record in group.cells if record.steps == steps]
        best = min(cells, key=lambda record: record.distance or 0)
        assert f"{best.method} at {steps} step" in said
        assert f"({best.distance:.2f})" in said
    assert said.endswith(".")
    assert "\n" not in said


def test_nothing_is_said_without_a_distance() -> None:
    records = [record.model_copy(update={"quality": None}) for record in sweep(("ddim",), (4,), (0,))]
    (group,) = groups(records)
    assert outcome(*families([group])) is None


def test_nothing_is_said_if_all_cells_failed() -> None:
    (group,) = groups([record.model_copy(update={"failure": "no memory"}) for record in sweep(("ddim",), (4,), (0,))])
    assert outcome(*families([group])) is None


def test_of_several_budgets_the_largest_is_told_in_the_one_sentence() -> None:
    (family,) = families(groups(budgeted(("sfddm", "ddim"), (16,), (0,))))
    best = min(family.largest.cells, key=lambda record: record.distance or 0)
    said = outcome(family)
    assert said is not None
    assert f"under 2M the lowest FID is that of {best.method} at 16 steps ({best.distance:.2f})" in said
    assert "students trained on 125 % of their teacher's images; begun as the teacher." in said
