"""The numbers of each group that `run --metrics` takes, as they are declared. No torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from bench.metrics.consistency import Consistency
from bench.metrics.interpolation import Interpolation
from bench.metrics.quality import Quality, plugged_metrics
from bench.metrics.sampling_cost import SamplingCost
from bench.metrics.shown import shown_fields

GROUPS: dict[str, tuple[str, type[BaseModel]]] = {  # the record's section and its model
    "quality": ("quality", Quality),
    "consistency": ("consistency", Consistency),
    "interpolation": ("interpolation", Interpolation),
    "cost": ("sampling_cost", SamplingCost),
}


@dataclass(frozen=True)
class Number:
    """One number: its place in a record, its title in tables, its unit, and which end is good."""

    path: str
    title: str
    unit: str
    better: str


def numbers_of(group: str) -> Iterator[Number]:
    """Yield the numbers of a group that tables show; of quality those of plug-ins too."""
    section, model = GROUPS[group]
    declared = list(shown_fields(model, (section,)))
    if group == "quality":
        for name, metric in plugged_metrics().items():
            declared += shown_fields(metric, (section, "plugged", name))
    for path, shown in declared:
        title = shown.title.format(space="", distance="FID or FD", field=path[-2])
        yield Number(".".join(path), title, shown.unit, shown.better or "")
