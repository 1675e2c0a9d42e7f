"""The rules of statistics, each by simulation under the null and under a true effect, and against SciPy.

Seeds differ in their teacher and their latents; a method's logarithm of distance is its own, its seed's and luck's.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from bench.statistics import (
    FAR_OFF,
    LEAST_SEEDS,
    TAIL,
    Estimate,
    apart,
    decided,
    far_off,
    half_of_mean,
    holm,
    paired,
    pooled,
    seeds_needed,
)

DRAWS = 3000
WITHIN = 4  # standard errors of a simulated rate; a right rule is outside in one of 16,000 tests
SPREAD = 0.122  # of a log ratio between seeds, as on digits, pooled over step counts


def rate(happens: Callable[[np.random.Generator], bool], seed: int = 0) -> float:
    draw = np.random.default_rng(seed)
    return sum(happens(draw) for _ in range(DRAWS)) / DRAWS


def tolerance(expected: float) -> float:
    return WITHIN * math.sqrt(expected * (1 - expected) / DRAWS)


def cells(
    draw: np.random.Generator,
    effects: tuple[float, ...],
    seeds: int = 3,
    spreads: tuple[float, ...] = (SPREAD,),
    shared: float = 0.0,
) -> dict[int, dict[int, float]]:
    """Return paired log ratios by cell and seed; `shared`: what part of their variance a seed's cells share."""
    common = draw.normal(size=seeds)
    found = {}
    for k, effect in enumerate(effects):
        noise = math.sqrt(shared) * common + math.sqrt(1 - shared) * draw.normal(size=seeds)
        found[k] = dict(enumerate(effect + spreads[k % len(spreads)] * noise))
    return found


def test_pairing_takes_the_seeds_that_both_have_and_takes_out_what_they_share() -> None:
    one, other = {0: 2.0, 1: 6.0, 3: 1.0}, {0: 1.0, 1: 3.0, 2: 5.0}
    assert paired(one, other) == pytest.approx({0: math.log(2), 1: math.log(2)})


def test_one_cell_is_the_paired_t_test_of_scipy() -> None:
    draw = np.random.default_rng(1)
    one, other = draw.normal(0, 1, 6), draw.normal(0.8, 1, 6)
    found = pooled({"cell": dict(enumerate(one - other))})["cell"]
    expected = stats.ttest_rel(one, other, alternative="less")
    assert found.p_below(0) == pytest.approx(expected.pvalue, rel=1e-12)
    assert found.p_above(0) == pytest.approx(1 - expected.pvalue, rel=1e-12)
    low, high = stats.ttest_rel(one, other).confidence_interval(0.95)
    assert found.interval == pytest.approx((low, high), rel=1e-12)
    assert half_of_mean(list(one - other)) == pytest.approx((high - low) / 2, rel=1e-12)


def test_the_pooled_spread_is_that_of_an_analysis_of_variance() -> None:
    """Of two cells it is the equal-variance t test, whose t follows from the pooled errors."""
    a, b = [0.1, 0.4, 0.2], [0.9, 0.7, 1.3, 1.0]
    found = pooled({"a": dict(enumerate(a)), "b": dict(enumerate(b))})
    assert found["a"].degrees == found["b"].degrees == 5
    assert (found["a"].seeds, found["b"].seeds) == (3, 4)
    assert found["a"].error is not None
    assert found["b"].error is not None
    difference = (found["a"].mean - found["b"].mean) / math.hypot(found["a"].error, found["b"].error)
    assert difference == pytest.approx(stats.ttest_ind(a, b).statistic, rel=1e-12)


def test_samples_that_share_nothing_are_compared_by_the_t_test_of_welch() -> None:
    one, other = [0.1, 0.4, 0.2, 0.15], [0.9, 0.2, 1.3]
    found, expected = apart(one, other), stats.ttest_ind(one, other, equal_var=False)
    assert found.error is not None
    assert found.mean / found.error == pytest.approx(expected.statistic, rel=1e-12)
    assert (found.degrees, found.seeds) == (math.floor(expected.df), 3)
    assert apart([0.2], other).error is None
    assert not apart(one[:2], [9.0, 9.1, 9.2]).decides
    still = apart([0.3] * 3, [0.2] * 4)
    assert (still.error, still.degrees, still.differs()) == (0.0, 5, True)


@pytest.mark.parametrize(("sizes", "spreads"), [((3, 3), (1.0, 1.0)), ((3, 16), (1.0, 3.0)), ((3, 16), (3.0, 1.0))])
def test_samples_apart_are_wrongly_told_apart_in_no_more_than_5_percent(
    sizes: tuple[int, int], spreads: tuple[float, float]
) -> None:
    def differ(draw: np.random.Generator) -> bool:
        one, other = (draw.normal(0, spread, size) for size, spread in zip(sizes, spreads, strict=True))
        return apart(list(one), list(other)).differs()

    assert 0.01 < rate(differ) < 0.05 + tolerance(0.05)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("count", [1, 4])
def test_the_interval_covers_the_truth_in_95_percent(seeds: int, count: int) -> None:
    def covers(draw: np.random.Generator) -> bool:
        interval = pooled(cells(draw, (0.3,) * count, seeds))[0].interval
        assert interval is not None
        return interval[0] <= 0.3 <= interval[1]

    assert rate(covers) == pytest.approx(0.95, abs=tolerance(0.95))


@pytest.mark.parametrize(
    ("spreads", "shared", "expected", "within"),
    [
        ((SPREAD,), 0.5, 0.95, 0.02),  # a seed's teacher is in all cells
        ((SPREAD / 2, SPREAD, SPREAD, SPREAD * 1.2), 0.0, 0.99, 0.02),  # a cell quieter than the others
        ((SPREAD * 2, SPREAD, SPREAD, SPREAD), 0.0, 0.83, 0.03),  # a cell twice as noisy
    ],
    ids=["shared luck", "quieter", "noisier"],
)
def test_how_far_the_interval_is_off_where_spreads_are_not_one(
    spreads: tuple[float, ...], shared: float, expected: float, within: float
) -> None:
    def covers(draw: np.random.Generator) -> bool:
        interval = pooled(cells(draw, (0.0,) * 4, 3, spreads, shared))[0].interval
        assert interval is not None
        return interval[0] <= 0 <= interval[1]

    assert rate(covers) == pytest.approx(expected, abs=within)


@pytest.mark.parametrize("count", [2, 4, 10])
def test_cells_of_one_spread_are_set_apart_in_1_percent_of_comparisons(count: int) -> None:
    alarms = rate(lambda draw: any(one.apart for one in pooled(cells(draw, (0.0,) * count)).values()))
    assert alarms == pytest.approx(FAR_OFF, abs=tolerance(FAR_OFF))


def test_one_student_that_ended_far_off_misleads_neither_the_others_nor_its_own_cell() -> None:
    """One of thirty ends at e times its distance. Pooled with the others, it would be taken for surely below 1.25."""

    def strays(draw: np.random.Generator) -> tuple[bool, bool, bool]:
        found = cells(draw, (0.0,) * 10)
        found[0][0] += 1.0
        estimates = pooled(found)
        first, second = (estimates[cell].interval for cell in (0, 1))
        assert first is not None
        assert second is not None
        return estimates[0].apart, first[0] <= 0 <= first[1], second[0] <= 0 <= second[1]

    draw = np.random.default_rng(0)
    apart, own, other = np.array([strays(draw) for _ in range(DRAWS)]).mean(0)
    assert apart > 0.93
    assert own > 0.93
    assert other == pytest.approx(0.95, abs=tolerance(0.95))


def test_the_cell_that_is_far_off_is_the_one_that_an_f_test_finds_and_has_its_own_spread() -> None:
    draw = np.random.default_rng(3)
    values = {k: list(draw.normal(0, 0.1, 4)) for k in range(4)}
    values[2][1] += 1.5
    rest = [np.var(values[k], ddof=1) for k in (0, 1, 3)]
    assert stats.f.sf(np.var(values[2], ddof=1) / np.mean(rest), 3, 9) < FAR_OFF / 4
    assert far_off(values) == [2]
    found = pooled({k: dict(enumerate(own)) for k, own in values.items()})
    assert (found[2].degrees, found[0].degrees) == (3, 9)
    assert found[2].error == pytest.approx(stats.sem(values[2]))
    assert found[0].error == pytest.approx(math.sqrt(np.mean(rest) / 4))
    assert far_off({"alone": [0.0, 9.0]}) == []
    assert far_off({"same": [0.0, 0.0, 0.0], "rounding": [0.0, 1e-12, 0.0]}) == []
    assert far_off({"same": [0.0, 0.0, 0.0], "apart": [0.0, 0.1, 0.0]}) == ["apart"]


def test_the_seeds_that_are_needed_are_the_first_with_a_half_interval_as_narrow_as_the_difference() -> None:
    found = Estimate(0.05, SPREAD / math.sqrt(3), 8, 3)
    needed = seeds_needed(found, 0.15, family=4)
    assert needed is not None
    for seeds, enough in ((needed - 1, False), (needed, True)):
        half = Estimate(0.05, SPREAD / math.sqrt(seeds), 4 * (seeds - 1), seeds).half(family=4)
        assert half is not None
        assert (half <= 0.1) is enough
    assert seeds_needed(found, 0.0501) is None
    assert seeds_needed(Estimate(0.05, 0.1, 1, 2), 0.15) is None


def test_a_difference_that_is_not_there_is_found_in_5_percent_and_one_that_is_as_often_as_the_power_says() -> None:
    def found(effect: float) -> float:
        return rate(lambda draw: pooled(cells(draw, (effect, 0.0, 0.0)))[0].differs())

    assert found(0.0) == pytest.approx(0.05, abs=tolerance(0.05))
    gain = math.log(1 - 0.2)
    power = Estimate(0.0, SPREAD / math.sqrt(3), 6, 3).power(gain)
    assert power is not None
    assert 0.5 < power < 0.9  # so that the test can tell
    assert found(gain) == pytest.approx(power, abs=tolerance(power))


def test_power_is_that_of_the_noncentral_t_and_less_in_a_family() -> None:
    found = Estimate(0.0, 0.1, 4, 3)
    for family in (1, 5):
        expected = stats.nct.sf(stats.t.isf(TAIL / family, 4), 4, 2.5)
        assert found.power(-0.25, family) == pytest.approx(expected, rel=1e-9)
    assert found.power(100.0) == 1.0
    assert found.power(2.9) == pytest.approx(1.0)  # no value of the noncentral t is missing below the largest


def test_pairing_by_seed_sees_what_two_separate_intervals_do_not() -> None:
    """The lead is of 4 sds of what is left after pairing; seeds themselves differ as much again."""

    def both(draw: np.random.Generator) -> tuple[bool, bool]:
        shared = draw.normal(0, 0.2, 3)
        one, other = shared + draw.normal(-0.2, 0.05, 3), shared + draw.normal(0, 0.05, 3)
        apart = one.mean() + half_of_mean(list(one)) < other.mean() - half_of_mean(list(other))
        return apart, pooled({0: dict(enumerate(one - other))})[0].differs()

    draw = np.random.default_rng(0)
    outcomes = np.array([both(draw) for _ in range(DRAWS)])
    separate, together = outcomes.mean(0)
    assert separate < 0.05
    assert together > 0.6


def test_below_three_seeds_nothing_decides_whatever_the_lead() -> None:
    for seeds in range(1, LEAST_SEEDS):
        found = pooled({k: {seed: -5.0 + 0.01 * seed for seed in range(seeds)} for k in range(9)})
        assert not any(one.differs() for one in found.values())
        assert decided(list(found.values()), 0.0) == [None] * 9
        assert {one.power(-5.0) for one in found.values()} == {None}
    mixed = pooled({"two": {0: -5.0, 1: -5.01}, "three": {0: -5.0, 1: -5.01, 2: -5.02}})
    assert (mixed["two"].differs(), mixed["three"].differs()) == (False, True)
    assert pooled({"none": {}}) == {}


def test_equal_values_under_every_seed_are_a_difference_unless_it_is_none() -> None:
    same = pooled({"lower": dict.fromkeys(range(3), -0.1), "none": dict.fromkeys(range(3), 0.0)})
    assert (same["lower"].differs(), same["none"].differs()) == (True, False)
    assert same["lower"].power(0.01) == 1.0


def test_holm_is_the_step_down_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("shared", [0.0, 0.5])
@pytest.mark.parametrize("count", [2, 6])
def test_a_family_at_its_bound_is_wrongly_decided_in_2_5_percent_each_way(count: int, shared: float) -> None:
    bound = math.log(1.25)

    def family(holds: bool) -> float:
        def happens(draw: np.random.Generator) -> bool:
            found = pooled(cells(draw, (bound,) * count, 3, (SPREAD,), shared))
            return holds in decided(list(found.values()), bound)

        return rate(happens)

    # Shared luck leaves fewer degrees of freedom than are counted: up to half as many errors again.
    worst = TAIL + tolerance(TAIL) + (0.0125 if shared else 0.0)
    for holds in (True, False):
        assert 0.3 * TAIL < family(holds) < worst


def test_a_family_with_one_true_failure_has_that_one_found_and_no_other_more_than_in_2_5_percent() -> None:
    bound = math.log(1.25)
    effects = (bound + 0.5, bound, bound, bound)
    draw = np.random.default_rng(0)
    outcomes = [decided(list(pooled(cells(draw, effects)).values()), bound) for _ in range(DRAWS)]
    assert sum(one[0] is False for one in outcomes) / DRAWS > 0.9
    others = sum(False in one[1:] for one in outcomes) / DRAWS
    assert others < TAIL + tolerance(TAIL)


def test_a_perfect_student_is_within_its_bound_and_a_useless_term_is_no_gain() -> None:
    """What claims ask: a student equal to its control passes 1.25; a term that does nothing is no help."""
    equal = (0.0,) * 4

    def passes(draw: np.random.Generator) -> bool:
        return all(decided(list(pooled(cells(draw, equal, spreads=(0.05,))).values()), math.log(1.25)))

    def helps(draw: np.random.Generator) -> bool:
        return all(one is True for one in decided(list(pooled(cells(draw, equal)).values()), 0.0, math.log(0.98)))

    assert rate(passes) > 0.95
    assert rate(helps) <= TAIL
