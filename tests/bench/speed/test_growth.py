"""How cost grows: each part does the suite's own work on a run that verifies, and what is measured is kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.records.record import read_records
from bench.run.local import run_sweep
from bench.run.walk import Walk
from bench.speed import growth, measured
from bench.speed.growth import DOING, MODEL, PARTS, Page, faster_than_linearly, main, sweep_of, worker_of
from bench.speed.measured import Cost, Measured, cost_of, powers
from bench.store.layout import StageFolder

SMALL, LARGE = 10, 20


@pytest.fixture(scope="module")
def grown(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model, and runs of 10 and of 20 cells."""
    folder = tmp_path_factory.mktemp("growth")
    (folder / MODEL).symlink_to(digits_run)
    for cells in (SMALL, LARGE):
        PARTS[DOING](folder / str(cells), cells)()
    return folder


@pytest.mark.parametrize("part", [part for part in PARTS if part != DOING])
def test_each_part_does_its_work_on_the_run_that_doing_leaves(part: str, grown: Path) -> None:
    cost = cost_of(growth.work_of(part, str(grown / str(SMALL)), str(SMALL)))
    assert cost.seconds > 0
    assert cost.wall_seconds > 0


def test_a_run_has_a_good_record_of_each_cell_and_nothing_is_done_again(grown: Path) -> None:
    records = read_records(grown / str(LARGE))
    assert len(records) == LARGE + 1  # the real images
    assert not [record.failure for record in records if record.failure]
    before = {path: path.stat().st_mtime_ns for path in (grown / str(LARGE)).rglob("done.json")}
    PARTS["re-checking"](grown / str(LARGE), LARGE)()
    assert before == {path: path.stat().st_mtime_ns for path in (grown / str(LARGE)).rglob("done.json")}


def calls(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, work: Callable[[], object]) -> int:
    """Return how often some work calls a method."""
    count, real = 0, getattr(owner, name)

    def counted(*given: object, **named: object) -> object:
        nonlocal count
        count += 1
        return real(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, counted)
        work()
    return count


def test_a_run_that_is_done_is_looked_at_once_a_stage(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cells in (SMALL, LARGE):
        sweep, worker = sweep_of(*growth.SIZES[cells]), worker_of(grown / str(cells))
        looked = calls(monkeypatch, StageFolder, "checked", lambda s=sweep, w=worker: run_sweep(s, w))
        assert looked == len(sweep.stages)


def test_each_stage_of_a_sweep_is_offered_once(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cells in (SMALL, LARGE):
        offered = calls(monkeypatch, Walk, "_offer", growth.handing_out(grown / str(cells), cells))
        assert offered == len(sweep_of(*growth.SIZES[cells]).stages)


def test_what_was_measured_is_kept_and_only_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[tuple[str, ...]]()

    def stand_in(module: str, part: str, *size: object) -> Cost:
        asked.append((part, str(size[-1])))
        return Cost(float(len(asked)), 2.0, 2**20)

    monkeypatch.setattr(growth, "in_a_process", stand_in)
    few = [str(tmp_path), "--images", "100", "--features", "8", "16", "--cells"]
    main([*few, "10"])
    assert [part for part, size in asked] == [MODEL, *PARTS, *(part for part, _ in asked[len(PARTS) + 1 :])]
    assert ("sampling", "100") in asked
    first = len(asked)
    main([*few, "10"])
    assert len(asked) == first
    page = json.loads((tmp_path / "growth.json").read_text())
    page["rows"] = [row for row in page["rows"] if row["part"] not in ("report", "kid")]
    (tmp_path / "growth.json").write_text(json.dumps(page))
    main([*few, "10"])
    assert [part for part, _ in asked[first:]] == [MODEL, DOING, "report", "kid", "kid"]
    assert "| report      |    10 |" in (tmp_path / "growth.md").read_text()


def test_what_another_machine_measured_is_not_mixed_with_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "growth.json").write_text('{"machine": {"cores": 1000}, "versions": {}, "rows": []}')
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path), "--cells", "--images"])
    assert left.value.code == 2
    assert "growth.json: measured on another machine" in capsys.readouterr().err.splitlines()[-1]


def row(part: str, size: tuple[int, ...], seconds: float) -> Measured:
    return Measured(part, size, Cost(seconds, seconds, None))


def test_the_power_is_that_of_the_one_number_that_grew() -> None:
    rows = [
        row("a", (10, 8), 1.0),
        row("a", (100, 8), 100.0),
        row("a", (100, 2), 25.0),
        row("a", (100, 8), 100.0),
        row("b", (100, 8), 5.0),
    ]
    assert powers(rows) == [None, pytest.approx(2), None, pytest.approx(1), None]
    assert powers([]) == []
    assert faster_than_linearly(rows) == "Faster than linearly, to the largest size: a."
    assert faster_than_linearly(rows[2:]) == "Faster than linearly, to the largest size: nothing."


def test_both_series_of_a_part_end_with_the_most_of_both(tmp_path: Path) -> None:
    page = Page(tmp_path)
    for size in ((100, 8), (200, 8), (200, 4)):
        page.keep("kid", size, Cost(1.0, 1.0, None))
    assert [one.size for one in page.measured(["kid"])] == [(100, 8), (200, 8), (200, 4), (200, 8)]
    assert [one.size for one in Page(tmp_path).measured(["kid"])] == [(100, 8), (200, 8), (200, 4), (200, 8)]


def test_a_process_of_its_own_says_what_its_work_cost() -> None:
    cost = measured.in_a_process("bench.speed.metrics_growth", "statistics", 200, 16)
    assert 0 < cost.seconds < 60
    assert cost.peak_bytes is None or cost.peak_bytes >= 0
