"""What a heading says of the training that its cells had."""

import pytest
from helpers.made_records import made

from bench.records.groups import groups
from bench.tables.caption import heading


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
        record.model_copy(update={"config": record.config | {"budget": budget}})
        for record, budget in zip(records, budgets, strict=True)
    ]
    (group,) = groups(records)
    assert heading(group).endswith(f"scale paper{said}")
