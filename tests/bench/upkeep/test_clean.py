"""`clean`: what nothing needs is shown, and goes only when --yes says so; everything else stays."""

import fcntl
import os
import pty
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT, PROGRAM, sfddm_bench

from bench.records.record import read_record, read_records, write_record
from bench.store.layout import DONE, LOCK, RunFolder
from bench.store.lock import is_locked
from bench.store.requests import read_requests, write_request
from bench.upkeep import clean
from bench.upkeep.clean import WRITING_SECONDS, leftovers, needed_keys, remove
from sfddm.errors import InputError
from sfddm.files import writing

KEY = "0123456789abcdef"

ENDS = ("metrics", "floor", "consistency", "interpolation", "cost")  # the kinds of stages that nothing else needs


def files(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def narrowed(runs: Path) -> Path:
    """The run with SFDDM at 4 steps not asked for or recorded: its fold, samples, features, metrics serve nothing."""
    ((path, sweep),) = read_requests(runs).items()
    path.unlink()
    kept = [cell for cell in sweep.cells if (cell.method, cell.steps) != ("sfddm", 4)]
    write_request(runs, sweep.model_copy(update={"cells": tuple(kept)}))
    for path in runs.glob("records/*/sfddm-4-*"):
        path.unlink()
    return runs


@pytest.fixture
def unneeded(narrowed: Path) -> set[Path]:
    """The folders of the four stages that serve nothing."""
    kept = {stage for sweep in read_requests(narrowed).values() for cell in sweep.cells for stage in cell.stages}
    return {path for path in (narrowed / "stages").iterdir() if path.name not in kept}


def test_nothing_of_a_finished_run_is_removable(digits_run: Path) -> None:
    before = files(digits_run)
    run = sfddm_bench("clean", str(digits_run), "--yes")
    assert (run.returncode, run.stdout) == (0, f"nothing to remove in {digits_run}\n")
    assert files(digits_run) == before


def test_without_a_terminal_it_shows_and_removes_nothing(narrowed: Path, unneeded: set[Path]) -> None:
    before = files(narrowed)
    run = subprocess.run(
        [*PROGRAM, "clean", str(narrowed)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert run.returncode == 0
    assert len(unneeded) >= 4
    for folder in unneeded:
        assert f"stages/{folder.name}  (" in run.stdout
    assert "needed by no record and no sweep" in run.stdout
    assert "nothing removed" in run.stdout
    assert "--yes" in run.stdout
    assert files(narrowed) == before


def test_yes_removes_exactly_what_nothing_needs_and_the_rest_is_still_a_whole_run(
    narrowed: Path, unneeded: set[Path]
) -> None:
    before = files(narrowed)
    gone = {path for path in before if narrowed / path.parent in unneeded}
    assert sfddm_bench("clean", str(narrowed), "--yes").returncode == 0
    assert files(narrowed) == before - gone
    assert leftovers(narrowed) == []


@pytest.mark.parametrize(("answer", "removed"), [("n", False), ("y", True)])
def test_on_a_terminal_it_asks(answer: str, removed: bool, narrowed: Path, unneeded: set[Path]) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    run = subprocess.run(
        [*PROGRAM, "clean", str(narrowed)],
        stdin=theirs,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert run.returncode == 0, run.stderr
    assert "Remove this?" in run.stdout
    assert all(folder.exists() != removed for folder in unneeded)


def test_a_stage_that_is_being_computed_stays(narrowed: Path, unneeded: set[Path]) -> None:
    (fold,) = [folder for folder in unneeded if folder.name.startswith("fold-")]
    (fold / DONE).unlink()
    shown = leftovers(narrowed)
    assert fold in {leftover.path for leftover in shown}
    with (fold / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert fold not in {leftover.path for leftover in leftovers(narrowed)}
        removed = remove(narrowed, shown)  # locked after it was shown
        assert fold not in {leftover.path for leftover in removed}
        assert fold.is_dir()
    remove(narrowed, shown)
    assert not fold.exists()


def test_a_stage_that_a_new_sweep_asks_for_after_it_was_shown_stays(
    runs: Path, narrowed: Path, digits_run: Path
) -> None:
    shown = leftovers(narrowed)
    shutil.copytree(digits_run / "sweeps", runs / "sweeps", dirs_exist_ok=True)
    assert remove(narrowed, shown) == []


def test_an_unfinished_sweeps_stages_stay_without_any_record(runs: Path) -> None:
    shutil.rmtree(runs / "records")
    assert leftovers(runs) == []


def test_parents_of_a_record_and_all_their_ancestors_stay_without_a_sweep(runs: Path) -> None:
    needed = needed_keys(RunFolder(runs))
    for sweep in read_requests(runs).values():
        for cell in sweep.cells:
            ends = {name: name.rpartition("-")[2] for name in cell.stages if name.rpartition("-")[0] in ENDS}
            record = read_record(runs / cell.record)
            write_record(runs, record.model_copy(update={"parents": ends}))
    shutil.rmtree(runs / "sweeps")
    assert needed_keys(RunFolder(runs)) == needed
    assert leftovers(runs) == []


def test_a_record_that_does_not_say_what_it_needs_stops_it(runs: Path) -> None:
    for record in read_records(runs):
        write_record(runs, record.model_copy(update={"parents": {}}))
    shutil.rmtree(runs / "sweeps")
    before = files(runs)
    run = sfddm_bench("clean", str(runs), "--yes")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "does not say which stages it was made from" in run.stderr
    assert files(runs) == before


def test_a_broken_record_stops_it(runs: Path) -> None:
    sorted(runs.glob("records/*/*.json"))[0].write_text("{")
    with pytest.raises(InputError, match="not a readable record"):
        leftovers(runs)


def test_only_the_layouts_own_names_are_looked_at(runs: Path, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "thesis.txt").write_text("years of work")
    (treasure / ".old.tmp").write_text("mine")
    stages = runs / "stages"
    (stages / "my-notes").mkdir()
    (stages / "my-link").symlink_to(treasure)
    (runs / "elsewhere").mkdir()
    for path in (runs / "elsewhere" / ".a.tmp", runs / ".b.tmp", treasure / ".old.tmp"):
        path.touch()
        os.utime(path, (0, 0))
    assert leftovers(runs) == []
    inside = stages / f"samples-{KEY}"
    inside.mkdir()
    (inside / "link").symlink_to(treasure)
    assert [leftover.path for leftover in leftovers(runs)] == [inside]
    remove(runs, leftovers(runs))
    assert not inside.exists()
    assert {path.name for path in treasure.iterdir()} == {"thesis.txt", ".old.tmp"}


def test_old_temporary_files_go_and_fresh_ones_stay(runs: Path) -> None:
    stage = next(runs.glob("stages/teacher-*"))
    old, fresh = stage / ".resume.pt.01234567.tmp", next(runs.glob("records/*")) / ".x.json.89abcdef.tmp"
    for path in (old, fresh):
        path.write_text("half")
    long_ago = time.time() - WRITING_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    assert [(leftover.path, leftover.bytes, leftover.what) for leftover in leftovers(runs)] == [
        (old, 4, "temporary file")
    ]
    remove(runs, leftovers(runs))
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize("part", ["stages", "records", "sweeps", "tables", "plots", "records/*", "stages/teacher-*"])
def test_a_part_that_is_a_link_is_refused_and_nothing_goes(part: str, narrowed: Path, tmp_path: Path) -> None:
    """The stages of a linked part are another run's, or what they were made from cannot be told."""
    (path,) = narrowed.glob(part)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    before = files(tmp_path / "elsewhere") | files(narrowed)
    run = sfddm_bench("clean", str(narrowed), "--yes")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert f"{path}: is a link" in run.stderr
    assert files(tmp_path / "elsewhere") | files(narrowed) == before


def test_stages_without_records_and_sweeps_are_refused(runs: Path) -> None:
    """They may be those of another layout, whose records lie elsewhere."""
    shutil.rmtree(runs / "records")
    shutil.rmtree(runs / "sweeps")
    before = files(runs)
    run = sfddm_bench("clean", str(runs), "--yes")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "neither records nor sweeps" in run.stderr
    assert files(runs) == before


def test_temporary_files_that_are_not_named_as_ours_stay(runs: Path) -> None:
    names = (".notes.tmp", "x.tmp", ".x.json.4.tmp", ".x.json.0123456g.tmp", ".x.json.012345678.tmp.bak")
    stage = next(runs.glob("stages/teacher-*"))
    places = [stage, runs / "tables", next(runs.glob("records/*")), runs]
    (runs / "tables" / "mine").mkdir()
    kept = [place / name for place in places for name in names]
    kept += [runs / "tables" / "mine" / ".x.json.01234567.tmp", runs / ".x.json.01234567.tmp"]
    for path in kept:
        path.touch()
        os.utime(path, (0, 0))
    assert leftovers(runs) == []


def test_a_file_and_a_mount_with_the_name_of_a_stage_stay(
    narrowed: Path, unneeded: set[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (narrowed / "stages" / f"teacher-{KEY}").write_text("no folder")
    mount = sorted(unneeded)[0]
    ismount = os.path.ismount
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == mount or ismount(path))
    assert {leftover.path for leftover in leftovers(narrowed)} == unneeded - {mount}


def test_a_stage_is_removed_under_its_lock(
    narrowed: Path, unneeded: set[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = []
    monkeypatch.setattr(clean, "read_requests", lambda root: locked.extend(filter(is_locked, unneeded)) or {})
    (folder, *_) = sorted(unneeded)
    assert clean.remove_stage(RunFolder(narrowed), folder)
    assert locked == [folder]
    assert not folder.exists()


def test_a_temporary_file_that_is_still_being_written_stays(runs: Path) -> None:
    folder = next(runs.glob("records/*"))
    with writing(folder / "x.json"):
        (path,) = folder.glob(".x.json.*.tmp")
        os.utime(path, (0, 0))
        shown = leftovers(runs)
        assert [leftover.path for leftover in shown] == [path]
        assert remove(runs, shown) == []
    assert (folder / "x.json").is_file()
    (folder / "x.json").unlink()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    run = sfddm_bench("clean", str(tmp_path / "none"))
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "PATH: " in run.stderr
