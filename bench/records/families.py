"""Families: groups of records that differ in the budget of training alone, so that the budget can be an axis."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.records.groups import Group
from bench.records.record import Record


@dataclass(frozen=True)
class Family:
    """Groups that differ in their budget alone, the smallest first; a group of no budget is a family by itself."""

    stem: str
    groups: tuple[Group, ...]

    @property
    def budgets(self) -> tuple[int, ...]:
        """The budgets, increasing."""
        return tuple(group.budget for group in self.groups if group.budget is not None)

    @property
    def spans(self) -> bool:
        """Whether it has several budgets, and so something to show over them."""
        return len(self.groups) > 1

    @property
    def largest(self) -> Group:
        """The group of the largest budget, which speaks for the family."""
        return self.groups[-1]

    @property
    def records(self) -> list[Record]:
        """The records of all groups; what is not trained, and so stands in each, is taken once."""
        return list({id(record): record for group in self.groups for record in group.records}.values())


def families(groups: Iterable[Group]) -> list[Family]:
    """Return the families of groups, in the order of their first ones; what has no family's name is one by itself."""
    found: dict[tuple[str, bool], list[Group]] = {}
    for group in groups:
        found.setdefault((group.family or group.stem, group.budget is None or not group.family), []).append(group)
    return [
        Family(own[0].family or own[0].stem, tuple(sorted(own, key=lambda group: group.budget or 0)))
        for own in found.values()
    ]
