"""The frame: what is done is kept, the next call goes on, failures and cuts are recorded, and the exit code tells."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.gpu import __main__ as command
from bench.gpu import report as reports
from bench.gpu import run as runs
from bench.gpu.child import CutOff, Failed
from bench.gpu.piece import PIECES, Found, Piece, Setup, piece
from bench.gpu.report import JSON, PAGE
from bench.gpu.run import DONE, LEFT, MISSED, run
from bench.store.files import read_json
from sfddm.errors import InputError

Outcomes = dict[str, Any]


def part(name: str) -> Callable[..., Found]:
    def work(*_: Any) -> Found:
        raise AssertionError

    work.__name__ = name
    return work


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    """A piece, `parity`, of three parts; what each comes to can be set, and each that is begun is noted."""
    given: Outcomes = {
        "one": Found(True, "fine", {"value": 1}),
        "two": Found(None, "a number"),
        "three": Found(True, ""),
    }
    made = Piece("All is well.", {name: part(name) for name in given})
    given["begun"] = []

    def stand_in(work: Any, setup: Setup, earlier: Any, limit: float) -> Found:
        given["begun"].append((work.__name__, dict(earlier)))
        found = given[work.__name__]
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Found)
        return found

    monkeypatch.setattr(runs, "found_by", stand_in)
    monkeypatch.setattr(runs, "piece", lambda _: made)
    monkeypatch.setattr(reports, "piece", lambda _: made)
    return given


def call(folder: Path, limit: float = 60.0) -> int:
    return run(["parity"], Setup("cpu", True, folder / "work"), folder, limit, lambda _: None)


def entries(folder: Path) -> dict[str, Any]:
    return read_json(folder / JSON)["pieces"]["parity"]["parts"]


def test_each_part_is_done_once_and_told_what_was_found_before(outcomes: Outcomes, tmp_path: Path) -> None:
    assert call(tmp_path) == DONE
    assert outcomes["begun"] == [
        ("one", {}),
        ("two", {"one": {"value": 1}}),
        ("three", {"one": {"value": 1}, "two": {}}),
    ]
    assert call(tmp_path) == DONE
    assert len(outcomes["begun"]) == 3
    assert read_json(tmp_path / JSON)["pieces"]["parity"]["holds"] is True
    assert "All is well." in (tmp_path / PAGE).read_text()


@pytest.mark.parametrize("bad", [Found(False, "off by 1"), Failed("no memory")])
def test_a_miss_and_a_failure_are_recorded_and_the_others_go_on(bad: Any, outcomes: Outcomes, tmp_path: Path) -> None:
    outcomes["one"] = bad
    assert call(tmp_path) == MISSED
    assert entries(tmp_path)["one"]["said"] in ("off by 1", "no memory")
    assert entries(tmp_path)["three"]["state"] == "done"
    assert read_json(tmp_path / JSON)["pieces"]["parity"]["holds"] is False


def test_a_part_that_is_cut_off_is_tried_once_more(outcomes: Outcomes, tmp_path: Path) -> None:
    outcomes["two"] = CutOff()
    assert call(tmp_path) == LEFT
    assert entries(tmp_path)["two"]["state"] == "begun"
    assert call(tmp_path) == MISSED
    assert entries(tmp_path)["two"]["said"] == "cut off 2 times before it was done"
    assert [name for name, _ in outcomes["begun"]] == ["one", "two", "three", "two"]


def test_no_part_begins_late(outcomes: Outcomes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 0.0, 31.0, 31.0])
    monkeypatch.setattr(runs.time, "monotonic", lambda: next(times))
    assert call(tmp_path, limit=60.0) == LEFT
    assert list(entries(tmp_path)) == ["one"]
    monkeypatch.undo()


def test_a_report_of_another_machine_is_left_alone(outcomes: Outcomes, tmp_path: Path) -> None:
    call(tmp_path)
    with pytest.raises(InputError, match=r"--out: .* was made with small True, here it is False"):
        run(["parity"], Setup("cpu", False, tmp_path), tmp_path, 60.0, lambda _: None)


@pytest.mark.parametrize("name", PIECES)
def test_every_piece_has_a_target_and_parts(name: str) -> None:
    assert piece(name).target.endswith(".")
    assert piece(name).parts


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--piece", "parify"], "did you mean 'parity'?"), (["--limit", "0"], "--limit: 0 given")],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (2, 1)
    assert said in error
