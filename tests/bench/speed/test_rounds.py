"""Interleaved rounds and their statistics against known ratios."""

import numpy as np
import pytest

from bench.speed.rounds import Ratio, interleaved, noise_floor, paired_ratio, verdict

TRUE_RATIO = 1.5


def test_every_contestant_runs_once_a_round_in_changing_order() -> None:
    seen: list[str] = []

    def of(name: str) -> float:
        seen.append(name)
        return 1.0

    samples = interleaved({name: (lambda name=name: of(name)) for name in "abc"}, limit=0.0, least=20)
    rounds = ["".join(seen[i : i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    assert len(set(rounds)) > 1
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
    assert verdict(Ratio(1.2, 1.15, 1.3), floor) == "within noise"
    assert verdict(Ratio(2.0, 1.9, 2.1), floor) == "faster"
    assert verdict(Ratio(0.7, 0.6, 0.79), floor) == "slower"
    assert noise_floor(Ratio(1.0, 1.0, 1.0)) == 1.0
