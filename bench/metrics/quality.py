"""The quality of generated images: every metric of their features at once, under one protocol. No torch.

The fields of `Quality` are the metrics, in the order of tables: a new one is its file and a line here. Metrics of other
packages come from the entry point group `sfddm_bench.metrics`.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import Field

from bench.config.numbers import Finite, PositiveCount
from bench.config.plugins import METRIC_GROUP, plugins
from bench.metrics.cmmd import CMMD
from bench.metrics.coverage import Coverage
from bench.metrics.distance import Distance
from bench.metrics.held_out import Fresh, HeldOut
from bench.metrics.inception_score import InceptionScore
from bench.metrics.kid import KID
from bench.metrics.memorisation import Memorisation
from bench.metrics.metric import Given, Metric, Reasons
from bench.metrics.precision_recall import PrecisionRecall
from bench.metrics.shown import Section, models_of


class Quality(Section):
    """What was measured of generated images against real ones; a metric that could not be measured is None.

    So is, without a reason, one that means nothing in the feature space. fresh: of the real data, what its held-out
    images would get in a cell's place. plugged: the numbers of other packages' metrics, by the metric's name.
    """

    images: PositiveCount
    reference_images: PositiveCount
    distance: Distance | None = None
    held_out: HeldOut | None = None
    inception_score: InceptionScore | None = None
    kid: KID | None = None
    cmmd: CMMD | None = None
    precision_recall: PrecisionRecall | None = None
    coverage: Coverage | None = None
    memorisation: Memorisation | None = None
    fresh: Fresh | None = None
    plugged: dict[str, dict[str, Finite | int | str | None]] = Field(default_factory=dict)


BUILT_IN: dict[str, type[Metric]] = {
    name: model
    for name, info in Quality.model_fields.items()
    for model in models_of(info.annotation)
    if issubclass(model, Metric)
}
# In no key as long as their version is 1: they were measured before metrics had versions.
FIRST = ("distance", "inception_score", "kid", "precision_recall")


@cache
def plugged_metrics() -> dict[str, type[Metric]]:
    """Return the metrics of other packages by name. Raises InputError if one has a name of the suite's own."""
    return {name: plugin.load() for name, plugin in plugins(METRIC_GROUP, Quality.model_fields).items()}


def metrics_identity(space: str) -> dict[str, Any]:
    """Return what besides settings decides the numbers in a feature space, for the keys of stages that measure them.

    Versions and packages.
    """
    own: dict[str, int] = {}
    plugged: dict[str, dict[str, Any]] = {}
    for name, metric in metrics_in(space).items():
        if name not in BUILT_IN:
            plugged[name] = {"version": metric.version, "distribution": plugins(METRIC_GROUP)[name].distribution}
        elif name not in FIRST or metric.version > 1:
            own[name] = metric.version
    return {name: found for name, found in (("metrics", own), ("plugged", plugged)) if found}


def measure_quality(given: Given, report: Callable[[int], None] = lambda done: None) -> tuple[Quality, Reasons]:
    """Return every metric, and why a number is missing by its dotted name; report takes how many metrics are done."""
    reasons: Reasons = {}
    built_in: dict[str, Metric | None] = {}
    plugged: dict[str, dict[str, Any]] = {}
    for done, (name, metric) in enumerate(metrics_in(given.space).items(), 1):
        measured, missing = metric.of(given)
        if name in BUILT_IN:
            built_in[name] = measured
        elif measured is not None:
            plugged[name] = measured.model_dump()
        path = name if name in BUILT_IN else f"plugged.{name}"
        reasons |= {f"{path}.{field}".removesuffix("."): why for field, why in missing.items()}
        report(done)
    n, m = len(given.features), len(given.real)
    return Quality(images=n, reference_images=m, plugged=plugged, **built_in), reasons  # type: ignore[arg-type]


def metrics_in(space: str) -> dict[str, type[Metric]]:
    """Return by name the metrics that mean something in a feature space, those that `measure_quality` measures."""
    return {name: metric for name, metric in (BUILT_IN | plugged_metrics()).items() if metric.is_of(space)}
