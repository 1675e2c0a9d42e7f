"""What a heading says of the training that its cells had."""

import pytest
from helpers.made_records import budgeted, made

from bench.records.families import families
from bench.records.groups import groups
from bench.store.text import percent
from bench.tables.caption import heading, heading_of_family, training_brief, training_text


@pytest.mark.parametrize(
    ("budgets", "said"),
    [((121600, 121600), ", 121,600 evaluations of training each"), ((121600, None), ""), ((None, None), "")],
    ids=["all the same", "of one", "none"],
)
def test_the_training_budget_is_in_the_heading_where_all_cells_have_the_same(
    budgets: tuple[int | None, int | None], said: str
) -> None:
    records = [made(method, 4, 0) for method in ("sfddm", "ddim")]
    records = [
        record.model_copy(update={"config": record.config | {"budget": budget}, "init": "teacher"})
        for record, budget in zip(records, budgets, strict=True)
    ]
    (group,) = groups(records)
    assert heading(group).endswith(f"scale paper{said}")


def test_the_heading_of_several_budgets_names_them_all() -> None:
    (family,) = families(groups(budgeted(steps=(4,), seeds=(0,))))
    assert heading_of_family(family) == (
        "cifar10 32x32, scale paper, budgets of 120k, 500k, 2M evaluations of training"
    )
    assert heading_of_family(families(family.groups[:1])[0]) == heading(family.groups[0])


def test_what_students_were_trained_on_and_begin_as_is_told_and_what_is_not_on_record_is_named() -> None:
    records = [
        made("sfddm", 4, 0, share=0.075, init="teacher"),
        made("scratch", 4, 0, share=1.25, init="random"),
        made("pd", 4, 0, init="teacher, new head"),
        made("ddim", 4, 0),
    ]
    assert training_text(records) == (
        "Students are trained on 7.5 to 125 % of their teacher's images (not on record of pd); they begin as the "
        "teacher (sfddm), as the teacher with a new head (pd), at random (scratch)."
    )
    assert training_brief(records[:2]) == (
        "students trained on 7.5 to 125 % of their teacher's images; begun as the teacher or at random"
    )
    assert str(training_text(records[2:])).startswith(
        "What share of their teacher's images students are trained on is not on record; they begin"
    )
    assert (training_text(records[3:]), training_brief(records[3:])) == (None, "")


@pytest.mark.parametrize(("share", "said"), [(0.075, "7.5"), (1, "100"), (12.345, "1,234"), (2e-5, "0.002")])
def test_shares_are_told_without_an_exponent(share: float, said: str) -> None:
    assert percent(share) == said
