"""Rounds against contestants of known speed and memory, and their statistics against known ratios."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from helpers.known_contestants import TINY, Clock, allocating, broken

from bench.speed import rounds
from bench.speed.contestants import Contest, Work
from bench.speed.names import AGAIN, OURS
from bench.speed.report import markdown
from bench.speed.rounds import Ratio, compare, interleaved, noise_floor, outcome, paired_ratio, peak_memory

TRUE_RATIO = 1.5
MEBIBYTE = 2**20


def quiet(_: str) -> None: ...


def test_a_contestant_of_twice_the_time_is_half_as_fast_and_a_broken_one_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(rounds, "synchronised_seconds", clock.seconds_of)
    ours, slow = partial(clock.working, seconds=0.125), partial(clock.working, seconds=0.25)
    builders = {OURS: ours, AGAIN: ours, "slow": slow, "new": broken}
    contest = Contest("work", "images/s", 8, builders, skipped={"absent": "not installed"})
    result = compare(contest, TINY, 0.0, quiet)
    assert result.units_per_call == rounds.UNIT_SECONDS / 0.125
    rows = {row.name: row for row in result.rows}
    assert (rows[OURS].rate, rows["slow"].rate) == (64.0, 32.0)
    assert rows[OURS].speed_up is None
    assert rows[AGAIN].speed_up == Ratio(1.0, 1.0, 1.0)
    assert rows["slow"].speed_up == Ratio(2.0, 2.0, 2.0)
    assert rows["slow"].outcome == "faster"
    assert result.noise_floor == 1.0
    assert result.skipped.keys() == {"absent", "new"}
    text = markdown([result], "here")
    assert "skipped: absent: not installed" in text
    assert "skipped: new: failed: TypeError: sqrtm() got an unexpected keyword argument 'disp'" in text


def test_a_contest_is_held_with_its_threads_and_says_so() -> None:
    before, seen = torch.get_num_threads(), []
    contest = Contest(
        "work",
        "naps/s",
        1,
        {name: lambda _: Work(lambda _: seen.append(torch.get_num_threads())) for name in (OURS, AGAIN)},
    )
    try:
        results = [compare(contest, replace(TINY, threads=threads), 0.0, quiet) for threads in (2, 1)]
    finally:
        torch.set_num_threads(before)
    assert [result.threads for result in results] == [2, 1]
    assert set(seen[: len(seen) // 2]) == {2}
    assert set(seen[-3:]) == {1}


def test_a_fault_of_our_own_is_not_skipped() -> None:
    with pytest.raises(TypeError, match="sqrtm"):
        compare(Contest("sleep", "naps/s", 1, {OURS: broken}), TINY, 0.0, quiet)


@pytest.mark.slow
def test_the_memory_of_a_contestant_is_measured_in_a_process_of_its_own() -> None:
    small = peak_memory(partial(allocating, size=4), TINY)
    large = peak_memory(partial(allocating, size=128 * MEBIBYTE), TINY)
    assert small is not None
    assert large is not None
    assert abs(large - small - 128 * MEBIBYTE) < 8 * MEBIBYTE


def test_every_contestant_runs_once_a_round_in_changing_order() -> None:
    seen: list[str] = []

    def of(name: str) -> float:
        seen.append(name)
        return 1.0

    samples = interleaved({name: (lambda name=name: of(name)) for name in "abc"}, limit=0.0, least=20)
    orders = ["".join(seen[i : i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert len(set(orders)) > 1
    assert {name: len(values) for name, values in samples.items()} == {"a": 20, "b": 20, "c": 20}


def test_the_interval_holds_a_known_ratio_under_a_load_that_swings() -> None:
    generator = np.random.default_rng(0)
    load = np.exp(generator.normal(0, 1.0, 40))  # what else the machine does: the same for both within a round
    ours = load * np.exp(generator.normal(0, 0.05, 40))
    theirs = TRUE_RATIO * load * np.exp(generator.normal(0, 0.05, 40))
    ratio = paired_ratio(theirs, ours)
    assert ratio.low < TRUE_RATIO < ratio.high
    assert ratio.high / ratio.low < 1.1
    assert ratio == paired_ratio(theirs, ours)
    assert np.median(theirs) / np.median(ours) != pytest.approx(TRUE_RATIO, rel=0.01)


def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for trial in range(100):
        drawn = TRUE_RATIO * np.exp(generator.normal(0, 0.1, 25))
        ratio = paired_ratio(drawn, np.ones(25), seed=trial)
        hits += ratio.low <= TRUE_RATIO <= ratio.high
    assert 88 <= hits <= 100  # 95 %, give or take three standard deviations of a hundred trials


def test_a_speed_up_inside_the_noise_floor_is_not_claimed() -> None:
    floor = noise_floor(Ratio(1.0, 0.8, 1.1))
    assert floor == 1.25
    assert outcome(Ratio(1.2, 1.15, 1.3), floor) == "within noise"
    assert outcome(Ratio(2.0, 1.9, 2.1), floor) == "faster"
    assert outcome(Ratio(0.7, 0.6, 0.79), floor) == "slower"
    assert noise_floor(Ratio(1.0, 1.0, 1.0)) == 1.0
