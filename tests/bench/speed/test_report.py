"""What `sfddm-bench speed` prints, and the keys of what it writes."""

from dataclasses import replace

import pytest

from bench.speed.names import AGAIN, COMPILED, OURS
from bench.speed.report import lines_below, plain, print_results, texts
from bench.speed.rounds import Ratio, Result, Row


def test_the_console_shows_every_contestant(capsys: pytest.CaptureFixture[str]) -> None:
    row = Row(OURS, 2.0, 5, None, None, None, None, [0.5])
    print_results([Result("training", 2, "iterations/s", 1, 1.01, [row], {"diffusers": "not installed"})])
    shown = capsys.readouterr().out
    assert "2 iterations/s" in shown
    assert "training, 2 threads" in shown
    assert "skipped: diffusers: not installed" in shown


def test_ours_compiled_is_compared_with_the_others_and_not_with_itself() -> None:
    ratios = {"speed_up": Ratio(0.8, 0.7, 0.9), "compiled_speed_up": Ratio(1.5, 1.4, 1.6)}
    rows = [Row(name, 2.0, 5, None, outcome=None, value=None, seconds=[0.5], **ratios) for name in ("theirs", COMPILED)]
    rows[1] = replace(rows[1], compile_seconds=104.2)
    result = Result("sampling, 1 step", 1, "images/s", 1, 1.01, rows)
    theirs, ours = (texts(row, "images/s") for row in rows)
    assert "1.500 [1.400, 1.600]" in theirs
    assert "1.500 [1.400, 1.600]" not in ours
    assert lines_below(result) == [f"{COMPILED}: compiled in 104 s"]


def test_the_keys_of_the_json_stay_what_they_were() -> None:
    row = Row(AGAIN, 2.0, 5, 2**20, Ratio(1.0, 0.9, 1.1), "within noise", 3.5, [0.5])
    assert plain(Result("training", 2, "iterations/s", 1, 1.01, [row], {"diffusers": "not installed"})) == {
        "part": "training",
        "threads": 2,
        "unit": "iterations/s",
        "units_per_call": 1,
        "noise_floor": 1.01,
        "rows": [
            {
                "name": AGAIN,
                "rate": 2.0,
                "parameters": 5,
                "peak_bytes": 2**20,
                "speed_up": {"value": 1.0, "low": 0.9, "high": 1.1},
                "verdict": "within noise",
                "value": 3.5,
                "seconds": [0.5],
                "compiled_speed_up": None,
                "compile_seconds": 0.0,
            }
        ],
        "skipped": {"diffusers": "not installed"},
    }
