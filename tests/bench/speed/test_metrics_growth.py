"""Each part's cost is measured in a process of its own, and the work is that of the suite."""

import pytest
import torch

from bench.metrics.quality import BUILT_IN
from bench.speed import metrics_growth
from bench.speed.metrics_growth import Measured, growth, measure, measure_here, parts, table_of
from bench.tables.markdown import markdown_table


@pytest.mark.parametrize("part", parts())
def test_each_part_does_its_work(part: str) -> None:
    found = measure_here(part, 60, 8)
    assert (found.part, found.images, found.features) == (part, 60, None if part == "sampling" else 8)
    assert found.seconds > 0


def test_a_metric_measures_what_it_does_in_a_cell() -> None:
    one = metrics_growth.given(60, 8)
    for metric in BUILT_IN.values():
        assert metric.of(one)[1] == {}


@pytest.mark.slow
def test_memory_is_that_of_the_work_in_a_process_of_its_own() -> None:
    small, large = (measure("statistics", images, 256) for images in (2_000, 16_000))
    in_float64 = 16_000 * 256 * 8
    assert small.peak_bytes is not None
    assert large.peak_bytes is not None
    assert small.peak_bytes < in_float64 < large.peak_bytes < 4 * in_float64
    assert small.seconds < large.seconds


def test_images_grow_at_the_most_features_and_features_at_the_most_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_growth, "measure", lambda *given: Measured(*given, 1.5, 2**20))
    rows = [row for row in growth((10, 20), (3, 4)) if row.part == "kid"]
    assert [(row.images, row.features) for row in rows] == [(10, 4), (20, 4), (20, 3)]
    assert rows[0].parameter == "kid, 10 images of 4 features"
    assert markdown_table(table_of([*rows[:1], Measured("sampling", 9, None, 0.25, None)]))[2:] == [
        "| kid      |     10 |        4 |                1.50 |                               1 |",
        "| sampling |      9 |        - |               0.250 |                               - |",
    ]


def test_drawn_features_are_correlated_and_of_full_rank() -> None:
    covariance = metrics_growth.drawn(2_000, 16, 0).double().T.cov()
    assert torch.linalg.eigvalsh(covariance)[0] > 0
    assert covariance[0, 1:].abs().max() > 0.001
