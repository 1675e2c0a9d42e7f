"""Each part's cost is measured in a process of its own, and the work is that of the suite."""

import pytest
import torch

from bench.metrics.quality import BUILT_IN
from bench.speed import metrics_growth
from bench.speed.measured import Cost, Measured, cost_of, in_a_process
from bench.speed.metrics_growth import SAMPLING, parts, sizes, table_of, work_of
from bench.tables.markdown import markdown_table


@pytest.mark.parametrize("part", parts())
def test_each_part_does_its_work(part: str) -> None:
    size = ("60",) if part == SAMPLING else ("60", "8")
    assert cost_of(work_of(part, *size)).seconds > 0


def test_a_metric_measures_what_it_does_in_a_cell() -> None:
    one = metrics_growth.given(60, 8)
    for metric in BUILT_IN.values():
        assert metric.of(one)[1] == {}


@pytest.mark.slow
def test_memory_is_that_of_the_work_in_a_process_of_its_own() -> None:
    small, large = (in_a_process(metrics_growth.__name__, "statistics", images, 256) for images in (2_000, 16_000))
    in_float64 = 16_000 * 256 * 8
    assert small.peak_bytes is not None
    assert large.peak_bytes is not None
    assert small.peak_bytes < in_float64 < large.peak_bytes < 4 * in_float64
    assert small.seconds < large.seconds


def test_images_grow_at_the_most_features_and_features_at_the_most_images() -> None:
    assert [size for part, size in sizes((10, 20), (3, 4)) if part == "kid"] == [(10, 4), (20, 4), (20, 3)]
    assert [size for part, size in sizes((10, 20), (3, 4)) if part == SAMPLING] == [(10,), (20,)]


def test_a_row_says_what_it_cost_and_how_fast_that_was() -> None:
    rows = [Measured("kid", (10, 4), Cost(1.5, 2.0, 2**20)), Measured(SAMPLING, (9,), Cost(0.25, 0.5, None))]
    assert [line.replace(" ", "") for line in markdown_table(table_of(rows))[2:]] == [
        "|kid|10|4|1.50|2.00|5.00|1|-|",
        "|sampling|9|-|0.250|0.500|18.0|-|-|",
    ]


def test_drawn_features_are_correlated_and_of_full_rank() -> None:
    covariance = metrics_growth.drawn(2_000, 16, 0).double().T.cov()
    assert torch.linalg.eigvalsh(covariance)[0] > 0
    assert covariance[0, 1:].abs().max() > 0.001
