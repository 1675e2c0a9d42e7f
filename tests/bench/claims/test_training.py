"""Whether a student was trained for long enough to be judged: the share, and what a doubling still moves."""

import pytest
from helpers.made_records import made

from bench.claims.training import LEAST_SHARE, SETTLED, Training, doubling, together, training
from bench.records.record import Record


def at(
    budget: int | None, distance: float, share: float | None = 0.5, seeds: tuple[int, ...] = (0, 1, 2)
) -> list[Record]:
    return [made("sfddm", 4, seed, distance * (1 + seed), budget=budget, share=share, init="random") for seed in seeds]


def test_a_doubling_is_the_mean_ratio_of_the_same_seeds_to_the_power_of_one_over_the_doublings() -> None:
    found = doubling(at(1000, 10.0), at(8000, 8.0, seeds=(2, 1, 0)))
    assert found is not None
    assert found.factor == pytest.approx(0.8 ** (1 / 3))
    assert found.text == "doubling moves the distance by -7.2 % (1k to 8k, 3 seeds)"
    assert doubling(at(1000, 10.0, seeds=(0, 1, 3)), at(8000, 8.0)) is None  # two seeds have both
    assert doubling(at(None, 10.0), at(8000, 8.0)) is None
    assert doubling([], at(8000, 8.0)) is None
    unjudged = [one.model_copy(update={"quality": None}) for one in at(8000, 8.0)]  # consistency alone was asked for
    assert doubling(at(1000, 10.0), unjudged) is None


@pytest.mark.parametrize(
    ("share", "moved", "lacks"),
    [
        (LEAST_SHARE * 0.99, 1.0, "trained on at least 20 % of its teacher's images (has: 19.8 %)"),
        (LEAST_SHARE, 1.0, ""),
        (LEAST_SHARE, 1 - SETTLED * 1.01, "trained until 5 % or less is left to a doubling"),
        (LEAST_SHARE, 1 + SETTLED * 1.01, "trained until 5 % or less is left to a doubling"),
        (3.0, 1 - SETTLED * 1.01, "trained until 5 % or less is left to a doubling"),
        (0.99, None, "at a second budget, to see what doubling the training moves, or trained on as many images"),
        (1.0, None, ""),
        (None, None, "as its teacher (has: unknown)"),
        (None, 1.0, ""),
    ],
)
def test_what_a_training_lacks(share: float | None, moved: float | None, lacks: str) -> None:
    before = [] if moved is None else [at(1000, 10.0)]
    found = training(at(2000, 10.0 * (moved or 1.0), share), before).lacks
    assert lacks in found
    assert bool(lacks) == bool(found)


def test_the_next_smaller_budget_that_has_the_seeds_is_the_one_compared_with() -> None:
    found = training(at(8000, 8.0), [at(4000, 1.0, seeds=(0,)), at(2000, 10.0), at(1000, 99.0)])
    assert found.doubling is not None
    assert (found.doubling.smaller, found.doubling.larger) == (2000, 8000)


def test_of_several_cells_the_least_training_is_told() -> None:
    moving, settled = (training(at(2000, 10.0, 0.6), [at(1000, was)]) for was in (14.0, 10.0))
    other = Training("sfddm", 0.3, "random", 2000, settled.doubling)
    (found,) = together([settled, moving, other])
    assert (found.share, found.doubling) == (0.3, moving.doubling)
    (unknown,) = together([settled, Training("sfddm", None, "random", 2000, None)])
    assert (unknown.share, unknown.doubling) == (None, None)
