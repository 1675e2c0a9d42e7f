"""Groups that differ in their budget alone."""

from helpers.made_records import BUDGETS, budgeted, made, protocol, sweep

from bench.records.families import families
from bench.records.groups import Group, groups
from bench.records.record import REAL


def test_budgets_of_one_set_are_a_family_in_which_what_is_not_trained_stands_once() -> None:
    records = budgeted(steps=(4,), seeds=(0, 1))
    (family,) = families(groups(records))
    assert (family.stem, family.budgets, family.spans) == ("cifar10-32-paper", BUDGETS, True)
    assert [group.stem for group in family.groups] == [f"cifar10-32-paper-{told}" for told in ("120k", "500k", "2M")]
    assert family.largest.budget == 2_000_000
    assert sorted(record.key for record in family.records) == sorted(record.key for record in records)
    assert all({REAL, "ddim"} < {record.method for record in group.records} for group in family.groups)


def test_families_of_other_protocols_are_told_apart_by_their_stems() -> None:
    other = {"protocol": protocol(images=10_000), "quality__images": 10_000}
    mixed = budgeted(("pd",), (4,), (0,), (5_000, 20_000))
    mixed += budgeted(("sfddm",), (4,), (0,), (20_000, 80_000), **other)
    found = families(groups(mixed))
    assert sorted(family.budgets for family in found) == [(5_000, 20_000), (20_000, 80_000)]
    stems = {family.stem for family in found}
    assert len(stems) == 2
    assert all(stem.startswith("cifar10-32-paper-") for stem in stems)


def test_students_without_a_budget_are_in_no_family_of_budgets() -> None:
    own = [record.model_copy(update={"init": "teacher"}) for record in sweep(("sfddm",), (4,), (0,))]
    found = families(groups([*budgeted(("pd", "ddim"), (4,), (0,)), *own]))
    assert sorted(family.budgets for family in found) == [(), BUDGETS]
    (alone,) = families([Group("some", (made("ddim", 4, 0),))])
    assert (alone.stem, alone.spans) == ("some", False)
