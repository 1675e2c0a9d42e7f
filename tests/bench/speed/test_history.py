"""Releases beside older ones: what is compared, and by simulation how often a slower one is seen or wrongly said."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.command_line import sfddm_bench
from helpers.known_contestants import TINY

from bench.commands.verify import EXIT_DIFFERS
from bench.speed.history import (
    LEAST,
    NOT_SLOWER,
    SLOWER,
    UNDECIDED,
    Measurement,
    compared,
    lines_below,
    read_history,
    release_of,
)
from bench.speed.names import AGAIN, COMPILED, DEFAULTS, DIFFUSERS, LUCIDRAINS, OURS
from bench.speed.report import measured_on
from bench.statistics import TAIL
from sfddm.errors import InputError

ROOT = Path(__file__).parents[3]
HISTORY = ROOT / "results" / "speed"
DRAWS, WITHIN = 1000, 4  # of a simulated rate; standard errors that it may be off
ROUNDS = 16
SPREAD = 0.03  # of a contestant's logarithm between rounds: what results/speed/0.1.0 has, ours over the others
SESSION = 0.01  # of a whole measurement's, beside that of its rounds


def measurement(
    version: str = "0.2.0",
    slower: float = 1.0,
    draw: np.random.Generator | None = None,
    rounds: int = ROUNDS,
    day: str = "2026-12-01",
    pace: float = 1.0,
    session: float = 0.0,
    ours: tuple[str, ...] = (OURS,),
    contests: int = 1,
    **changes: Any,
) -> Measurement:
    """Return a made measurement: ours takes so many times as long, all contestants `pace` times."""

    def seconds(own: float) -> list[float]:
        noise = SPREAD * draw.normal(size=rounds) if draw else np.zeros(rounds)
        return list(own * pace * np.exp(noise))

    def contest(k: int) -> dict[str, Any]:
        shift = math.exp(session * draw.normal()) if draw else 1.0
        rows = {name: seconds(0.5 * slower * shift) for name in (*ours, AGAIN)}
        rows |= {LUCIDRAINS: seconds(0.6), DIFFUSERS: seconds(0.4)}
        named = [{"name": name, "seconds": found} for name, found in rows.items()]
        return {"part": f"contest {k}", "threads": 1, "noise_floor": 1.0, "rows": named}

    given: dict[str, Any] = {
        "version": version,
        "date": day,
        "setup": {"batch": 8, "seconds": 60.0, "defaults": {"ema": 0.9}},
        "machine": {"system": "Linux", "processor": "A", "cores": 2, "device": "cpu", "gpu": None, "threads": 1},
        "versions": {"python": "3.11.7", "torch": "2.14.1", LUCIDRAINS: "1", DIFFUSERS: "1"},
        "results": [contest(k) for k in range(contests)],
    }
    for name, value in changes.items():
        given[name] = {**given[name], **value} if isinstance(value, dict) else value
    return Measurement.model_validate(given)


def outcomes(new: Measurement, *older: Measurement) -> list[str]:
    return [row.outcome for row in compared(new, older).rows]


OLD = measurement("0.1.0", day="2026-11-01")


def test_a_release_that_takes_longer_than_the_margin_is_slower_whatever_the_machines_speed() -> None:
    assert outcomes(measurement(slower=1.06), OLD) == [SLOWER]
    assert outcomes(measurement(slower=1.04), OLD) == [NOT_SLOWER]
    assert outcomes(measurement(slower=0.5), OLD) == [NOT_SLOWER]
    assert outcomes(measurement(pace=3.0), OLD) == [NOT_SLOWER]  # all take longer: it is the machine
    (row,) = compared(measurement(slower=1.06, pace=0.5), [OLD]).rows
    assert row.estimate is not None
    assert math.exp(row.estimate.mean) == pytest.approx(1.06)


def test_what_is_within_the_noise_floor_of_either_is_undecided() -> None:
    noisy = measurement(slower=1.06)
    noisy.results[0].noise_floor = 1.1
    assert outcomes(noisy, OLD) == [UNDECIDED]
    floor = OLD.model_copy(deep=True)
    floor.results[0].noise_floor = 1.1
    assert outcomes(measurement(slower=1.06), floor) == [UNDECIDED]
    assert outcomes(measurement(slower=1.12), floor) == [SLOWER]
    assert outcomes(measurement(), floor) == [NOT_SLOWER]


def test_it_is_the_newest_of_the_older_releases_that_is_compared_with() -> None:
    older = [
        measurement("0.10.0", slower=1.2, day="2026-12-01"),
        measurement("0.9.0", slower=1.4),
        measurement("0.10.0", slower=1.3, day="2026-12-02"),
        measurement("0.11.0", slower=9.0),
    ]
    found = compared(measurement("0.11.0.dev1", slower=1.3), older)
    assert found.older is not None
    assert (found.older.version, str(found.older.date)) == ("0.10.0", "2026-12-02")
    assert [row.outcome for row in found.rows] == [NOT_SLOWER]
    assert release_of("0.10.0") > release_of("0.9.0") == release_of("0.9rc1")
    assert "no release older than 0.9.0" in compared(measurement("0.9.0"), older).reason


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"machine": {"processor": "B"}}, "other processor (A, now B)"),
        ({"machine": {"cores": 4}}, "other cores (2, now 4)"),
        ({"machine": {"device": "cuda", "gpu": "H100"}}, "other device (cpu, now cuda); gpu (None, now H100)"),
        ({"setup": {"batch": 16}}, "other batch (8, now 16)"),
    ],
)
def test_another_machine_or_other_settings_get_no_verdict(changes: dict[str, Any], said: str) -> None:
    found = compared(measurement(slower=2.0, **changes), [OLD])
    assert (found.rows, found.slower) == ((), [])
    assert lines_below(found) == [f"not comparable with 0.1.0: {said}"]
    again = compared(measurement(slower=2.0, **changes), [measurement("0.0.1", **changes), OLD])
    assert [row.outcome for row in again.rows] == [SLOWER]  # an older release, but of the same kind


def test_more_seconds_threads_in_the_process_and_a_newer_torch_are_no_other_machine_but_torch_is_told() -> None:
    changes = {"setup": {"seconds": 5.0}, "machine": {"threads": 2}, "versions": {"torch": "2.15.0"}}
    found = compared(measurement(**changes), [OLD])
    assert lines_below(found) == ["note: torch 2.14.1 then, 2.15.0 now", "nothing is slower"]


def test_the_others_are_those_of_the_same_version_and_without_them_nothing_is_compared() -> None:
    (row,) = compared(measurement(slower=1.2, versions={DIFFUSERS: "2"}), [OLD]).rows
    assert row.outcome == SLOWER
    (row,) = compared(measurement(slower=1.2, versions={DIFFUSERS: "2", LUCIDRAINS: "2"}), [OLD]).rows
    assert (row.estimate, row.outcome) == (None, "not comparable: no other package has the same version in both")
    assert lines_below(compared(measurement(versions={DIFFUSERS: "2", LUCIDRAINS: "2"}), [OLD])) == [
        "nothing could be compared"
    ]


def test_each_of_ours_is_compared_but_the_defaults_only_with_the_same_defaults() -> None:
    ours = (OURS, COMPILED, DEFAULTS)
    old = measurement("0.1.0", ours=ours)
    assert [row.ours for row in compared(measurement(ours=ours), [old]).rows] == [*ours]
    other = measurement(ours=ours, setup={"defaults": {"ema": 0.99}})
    assert [row.ours for row in compared(other, [old]).rows] == [OURS, COMPILED]


def rate(happens: Callable[[np.random.Generator], bool]) -> float:
    draw = np.random.default_rng(0)
    return sum(happens(draw) for _ in range(DRAWS)) / DRAWS


def seen(slower: float, contests: int, rounds: int = ROUNDS, session: float = 0.0) -> Callable[[Any], bool]:
    """Return whether any contest is called slower if a release takes `slower` times as long in all of them."""

    def happens(draw: np.random.Generator) -> bool:
        new = measurement(slower=slower, draw=draw, rounds=rounds, contests=contests, session=session)
        old = measurement("0.1.0", draw=draw, rounds=rounds, contests=contests, session=session)
        return SLOWER in outcomes(new, old)

    return happens


@pytest.mark.parametrize("rounds", [3, ROUNDS])
def test_a_release_at_the_margin_is_wrongly_said_slower_in_2_5_percent_and_one_as_fast_in_none(rounds: int) -> None:
    tolerance = WITHIN * math.sqrt(TAIL * (1 - TAIL) / DRAWS)
    assert rate(seen(LEAST, 3, rounds)) == pytest.approx(TAIL, abs=tolerance)
    assert rate(seen(1.0, 3, rounds, session=SESSION)) < TAIL / 4


def test_a_release_10_percent_slower_is_seen_in_most_measurements_of_16_rounds() -> None:
    assert rate(seen(1.1, 1)) > 0.9
    assert rate(seen(1.1, 3, session=SESSION)) > 0.9


def test_what_is_committed_can_be_compared_and_no_release_in_it_is_slower_than_the_one_before() -> None:
    history = read_history(HISTORY)
    assert history
    assert [one.version for one in history if compared(one, history).slower] == []


def test_what_speed_writes_is_what_the_history_reads() -> None:
    written = measured_on(TINY, 1.0) | {"results": []}
    assert Measurement.model_validate(json.loads(json.dumps(written))).release >= (0, 1)


def test_the_command_says_what_is_slower_and_exits_with_3(tmp_path: Path) -> None:
    for name, made in {"0.1.0": OLD, "slow": measurement(slower=1.2), "as fast": measurement()}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "speed.json").write_text(made.model_dump_json())
    words = ["--history", str(tmp_path)]
    slow = sfddm_bench("speed", "--measured", str(tmp_path / "slow" / "speed.json"), *words)
    assert slow.returncode == EXIT_DIFFERS
    assert "1.200 [1.200, 1.200]" in slow.stdout
    assert f"slower: {OURS} in contest 0, 1 thread." in slow.stdout
    fast = sfddm_bench("speed", "--measured", str(tmp_path / "as fast" / "speed.json"), *words)
    assert (fast.returncode, fast.stdout.splitlines()[-1]) == (0, "nothing is slower")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--history", "none"], "--history: 'none' given, but there is no such folder"),
        (["--measured", "speed.json"], "--measured: 'speed.json' given without --history"),
        (["--measured", "speed.json", "--history", ".", "--batch", "3"], "given with --batch, which only count"),
        (["--measured", "none.json", "--history", "."], "none.json: not a readable measurement of speed"),
        (["--history", "."], "speed.json: not a readable measurement of speed (version: Field required)"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "speed.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    run = sfddm_bench("speed", *words)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert said in run.stderr


def test_contestants_of_one_contest_have_the_same_rounds(tmp_path: Path) -> None:
    made = json.loads(OLD.model_dump_json())
    made["results"][0]["rows"][0]["seconds"].pop()
    (tmp_path / "speed.json").write_text(json.dumps(made))
    with pytest.raises(InputError, match=r"speed\.json: .*results\.0: .* different numbers of rounds"):
        read_history(tmp_path)
