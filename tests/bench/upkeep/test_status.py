"""`status`: cells done, running, failed and missing, from records, locks and what the sweep asked for."""

import fcntl
import json
import shutil
from pathlib import Path

import pytest
from helpers.another_user import of_another_user, open_folder
from helpers.command_line import sfddm_bench

from bench.records.record import read_record, write_record
from bench.store.layout import DONE, LOCK
from bench.store.requests import read_requests
from bench.upkeep.status import sweep_status


def states(runs: Path) -> dict[tuple[str, int | None], str]:
    (sweep,) = read_requests(runs).values()
    return {(one.cell.method, one.cell.steps): one.state for one in sweep_status(runs, sweep)}


def test_a_finished_sweep_is_all_done_and_one_line(digits_run: Path) -> None:
    run = sfddm_bench("status", str(digits_run))
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("\n") == 1
    assert "digits 8x8, scale smoke: 5 done, 0 running, 0 failed, 0 missing" in run.stdout


def test_a_cell_is_missing_without_its_record_and_failed_with_its_reason(runs: Path) -> None:
    (missing,) = runs.glob("records/*/sfddm-1-*.json")
    (failed,) = runs.glob("records/*/ddim-4-*.json")
    missing.unlink()
    record = read_record(failed)
    failed.unlink()  # which a failure would not replace
    write_record(runs, record.model_copy(update={"failure": "out of memory: 3 GB wanted"}))
    run = sfddm_bench("status", str(runs))
    assert run.returncode == 0
    assert "3 done, 0 running, 1 failed, 1 missing" in run.stdout
    assert "failed: ddim, steps 4, seed 0: out of memory: 3 GB wanted" in run.stdout
    said = json.loads(sfddm_bench("status", str(runs), "--json").stdout)
    assert {(cell["method"], cell["steps"]): cell["state"] for cell in said[0]["cells"]} == {
        ("real data", None): "done",
        ("sfddm", 1): "missing",
        ("ddim", 1): "done",
        ("sfddm", 4): "done",
        ("ddim", 4): "failed",
    }


def test_a_broken_record_is_a_failed_cell_named_by_its_file(runs: Path) -> None:
    (path,) = runs.glob("records/*/ddim-1-*.json")
    path.write_text("{")
    run = sfddm_bench("status", str(runs))
    assert "4 done, 0 running, 1 failed, 0 missing" in run.stdout
    assert str(path) in run.stdout


def test_cells_run_while_a_process_holds_the_lock_of_a_stage_they_need(runs: Path) -> None:
    for path in runs.glob("records/*/sfddm-*.json"):
        path.unlink()
    (folder,) = {
        runs / "stages" / stage
        for sweep in read_requests(runs).values()
        for cell in sweep.cells
        for stage in cell.stages
        if (cell.method, cell.steps) == ("sfddm", 4) and stage.startswith("fold-")
    }
    (folder / DONE).unlink()
    with (folder / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = sfddm_bench("status", str(runs))
        assert "3 done, 1 running, 0 failed, 1 missing" in run.stdout
        assert "running: sfddm" in run.stdout
        assert states(runs)["sfddm", 4] == "running"
        assert states(runs)["sfddm", 1] == "missing"
    assert states(runs)["sfddm", 4] == "missing"  # the file is still there: a lock that nobody holds is none


def test_a_folder_without_sweeps_is_one_line(tmp_path: Path) -> None:
    run = sfddm_bench("status", str(tmp_path))
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert f"no sweeps in '{tmp_path}'; start one with: sfddm-bench run --out {tmp_path}" in run.stderr


def test_several_folders_are_shown_each_with_its_name_and_one_without_sweeps_is_named(
    runs: Path, digits_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    run = sfddm_bench("status", str(runs), str(digits_run), str(tmp_path / "none"))
    assert (run.returncode, run.stderr.count("\n")) == (0, 1)
    assert f"no sweeps in '{tmp_path / 'none'}'" in run.stderr
    one, other = run.stdout.splitlines()
    assert f"({runs}/sweeps/" in one
    assert f"({digits_run}/sweeps/" in other
    said = json.loads(sfddm_bench("status", str(runs), str(digits_run), "--json").stdout)
    assert [sweep["run"] for sweep in said] == [str(runs), str(digits_run)]


def test_a_broken_sweep_file_is_one_line_that_names_it(runs: Path) -> None:
    (path,) = runs.glob("sweeps/*.json")
    path.write_text(path.read_text()[:100])
    run = sfddm_bench("status", str(runs))
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert str(path) in run.stderr


ODD_SWEEPS = {
    "deep": "[" * 100_000,
    "a list": "[]",
    "no number": '{"resolution": NaN}',
    "a stage elsewhere": '"stages": ["../../a"]',
    "a record elsewhere": '"record": "../../a.json"',
}


@pytest.mark.parametrize("odd", ODD_SWEEPS.values(), ids=ODD_SWEEPS.keys())
def test_an_odd_sweep_file_is_named_and_the_other_sweeps_are_shown(odd: str, runs: Path) -> None:
    (path,) = runs.glob("sweeps/*.json")
    values = json.loads(path.read_text())
    if odd.startswith('"'):
        values["cells"][0] |= json.loads("{" + odd + "}")
        odd = json.dumps(values)
    path.with_name("a-odd.json").write_text(odd)
    run = sfddm_bench("status", str(runs))
    assert (run.returncode, run.stderr.count("\n")) == (0, 1)
    assert "a-odd.json: not a" in run.stderr
    assert "5 done, 0 running, 0 failed, 0 missing" in run.stdout


def test_another_user_sees_what_runs_in_a_folder_that_only_its_owner_may_write(digits_run: Path) -> None:
    with open_folder() as open_to_all:
        runs = Path(shutil.copytree(digits_run, open_to_all / "runs"))
        (path,) = runs.glob("records/*/sfddm-4-*.json")
        path.unlink()
        (folder,) = runs.glob("stages/classifier-*")
        (folder / LOCK).touch()
        for path in [runs, *runs.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert of_another_user(lambda: states(runs)["sfddm", 4] == "running")
        assert of_another_user(lambda: states(runs)["sfddm", 4] == "missing")
        assert {path: path.stat().st_mtime_ns for path in runs.rglob("*")} == before
        for path in [runs, *runs.rglob("*")]:
            path.chmod(0o755)
