"""Warm-up, repetition and the search for the best batch, against calls whose seconds are made up."""

import itertools
from collections.abc import Callable

import pytest
import torch

from bench.config.sections import CostSettings
from bench.stages import timed
from bench.stages.timed import again, quantiles, repeat, search, throughput, warm_up

ENDLESS = CostSettings(seconds=1e6, batch=1024)


def room(batch: int) -> bool:
    return True


def test_the_warm_up_ends_when_three_medians_agree() -> None:
    # The first call, then groups of three with medians 4, 2, 1, 1, 1.
    durations = [9.0, 4, 4, 9, 2, 2, 9, 1, 1, 9, 1, 1, 1, 1, 0, 1]
    calls = iter(durations)
    found = warm_up(lambda: next(calls), limit=100.0)
    assert (found.first_seconds, found.calls, found.stable) == (9.0, len(durations), True)


def test_a_warm_up_that_never_settles_ends_and_says_so() -> None:
    growing = itertools.count(1.0)
    found = warm_up(lambda: next(growing), limit=1e9)
    assert not found.stable
    assert found.calls == 1 + timed.GROUP * timed.MOST_GROUPS
    assert warm_up(lambda: 1.0, limit=0.0).calls == 1


def test_the_first_call_takes_nothing_from_the_warm_up() -> None:
    """A compiler's 12 seconds a graph used to end the warm-up before it began."""
    calls = itertools.chain([1000.0], itertools.repeat(1.0))
    found = warm_up(lambda: next(calls), limit=10.0)
    assert (found.stable, found.calls) == (True, 10)


def test_calls_are_repeated_as_often_as_asked_or_as_the_limit_allows() -> None:
    assert len(repeat(lambda: 1.0, CostSettings(seconds=1e6, repeats=30))) == 30
    assert len(repeat(lambda: 1.0, CostSettings(seconds=7.5, repeats=30))) == 8
    assert len(repeat(lambda: 1.0, CostSettings(seconds=0.5, repeats=30))) == 3


def test_the_best_batch_is_the_smallest_that_gains_nothing_more() -> None:
    # 1 s a call plus 1 s an image beyond 8: the best is 8 images per second, at a batch of 8.
    found = search(lambda n: 1.0 + max(0, n - 8), ENDLESS, room)
    assert found.curve == {1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0, 16: 16 / 9, 32: 32 / 25}
    assert (found.batch, found.stopped, found.lower_bound) == (8, "no larger batch was faster", False)
    found = search(lambda n: 1.0 if n <= 8 else n / 8.04, ENDLESS, room)
    assert found.batch == 8  # 16 gives half a percent more: not worth twice the memory


def test_no_clock_ends_the_search() -> None:
    """With 0.5 s it used to end at a batch of 1 from 16 steps on, up to 20 times below the best rate."""
    short = CostSettings(seconds=0.01, batch=1024)
    found = throughput(lambda n: 10.0, lambda n: 640.0 + n, short, room)
    assert found.batch == 1024
    assert found.seconds == [640.0 + 1024] * timed.LEAST_FULL
    assert found.images_per_second == 1024 / (640 + 1024)


def test_full_calls_are_three_if_the_limit_allows() -> None:
    assert len(throughput(lambda n: 1.0, lambda n: 1.0, CostSettings(seconds=10.0, batch=4), room).seconds) == 3


def test_a_search_that_ends_while_it_still_gains_gives_a_lower_bound() -> None:
    found = search(lambda n: 1.0, CostSettings(seconds=1.0, batch=4), room)
    assert (found.batch, found.stopped, found.lower_bound) == (4, "the largest batch, 4", True)
    found = search(lambda n: 1.0 if n == 1 else float(n), CostSettings(seconds=1.0, batch=2), room)
    assert (found.batch, found.lower_bound) == (1, False)


def test_memory_ends_the_search_and_is_no_lower_bound() -> None:
    found = search(lambda n: 1.0, ENDLESS, lambda n: n <= 16)
    assert (found.batch, found.stopped, found.lower_bound) == (16, "memory", False)

    def full_at_4(batch: int) -> float:
        if batch >= 4:
            raise torch.OutOfMemoryError
        return 1.0

    found = search(full_at_4, ENDLESS, room)
    assert (found.curve, found.batch, found.stopped) == ({1: 1.0, 2: 2.0}, 2, "memory")
    found = throughput(lambda n: 1.0, full_at_4, CostSettings(seconds=1e6, batch=16), room)
    assert (found.batch, found.images_per_second, found.stopped, found.lower_bound) == (2, 2.0, "memory", False)


def test_one_image_that_does_not_fit_is_an_error() -> None:
    def full(batch: int) -> float:
        raise torch.OutOfMemoryError

    for short, whole in ((full, lambda n: 1.0), (lambda n: 1.0, full)):
        with pytest.raises(torch.OutOfMemoryError):
            throughput(short, whole, ENDLESS, room)


def test_quantiles_are_those_of_known_numbers() -> None:
    samples = [float(n) for n in range(101)]
    assert quantiles(samples) == {"median": 50.0, "q25": 25.0, "q75": 75.0, "p95": 95.0, "repeats": 101}
    assert quantiles(samples[:19])["p95"] is None


@pytest.mark.parametrize("order", [list, lambda samples: samples[::-1]])
def test_the_same_calls_in_two_halves_give_a_ratio_of_at_least_one(order: Callable[[list[float]], list[float]]) -> None:
    assert again(order([1.0, 1.0, 9.0, 2.0, 2.0, 2.0])) == 2.0
    assert again([3.0, 3.0]) == 1.0
