"""What `sfddm-bench speed` prints, and the keys of what it writes."""

import pytest

from bench.speed.contestants import AGAIN, OURS
from bench.speed.report import plain, print_results
from bench.speed.rounds import Ratio, Result, Row


def test_the_console_shows_every_contestant(capsys: pytest.CaptureFixture[str]) -> None:
    row = Row(OURS, 2.0, 5, None, None, None, None, [0.5])
    print_results([Result("training", "iterations/s", 1, 1.01, [row], {"diffusers": "not installed"})])
    shown = capsys.readouterr().out
    assert "2 iterations/s" in shown
    assert "skipped: diffusers: not installed" in shown


def test_the_keys_of_the_json_stay_what_they_were() -> None:
    row = Row(AGAIN, 2.0, 5, 2**20, Ratio(1.0, 0.9, 1.1), "within noise", 3.5, [0.5])
    assert plain(Result("training", "iterations/s", 1, 1.01, [row], {"diffusers": "not installed"})) == {
        "part": "training",
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
            }
        ],
        "skipped": {"diffusers": "not installed"},
    }
