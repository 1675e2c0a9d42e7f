"""A run folder's layout: records are found whatever the folder is called, and stages by what their folders say."""

from pathlib import Path

import pytest
from helpers.made_records import made, written

from bench.store.files import write_json
from bench.store.layout import DONE, RunFolder, StageFolder, record_paths, run_folders

KEY = "0123456789abcdef"


@pytest.fixture(params=["runs", "records", "records/records"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> RunFolder:
    """A run's folder with two records, called as the folder of its records is or not."""
    folder = tmp_path / request.param
    written([made("ddim", 1, 0), made("ddim", 4, 0)], folder)
    (folder / "records" / "cifar10-32-paper" / "notes").mkdir()
    (folder / "stages").mkdir()
    return RunFolder(folder)


def test_records_are_found_from_the_run_its_records_and_one_set(run: RunFolder) -> None:
    expected = sorted((run.root / "records" / "cifar10-32-paper").glob("*.json"))
    assert len(expected) == 2
    assert record_paths(run.root) == expected
    assert record_paths(run.records) == expected
    assert record_paths(run.records / "cifar10-32-paper") == expected


def test_no_record_is_found_in_the_stages_of_a_run_in_a_folder_called_records(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "records")
    write_json(run.stages / f"metrics-{KEY}" / "metrics.json", {})
    write_json(run.sweeps / "sweep-1.json", {})
    assert record_paths(run.root) == []
    assert [folder.root for folder in run_folders(run.root)] == [run.root]


def test_runs_below_a_folder_are_found_by_their_records(run: RunFolder, tmp_path: Path) -> None:
    assert run.root in [folder.root for folder in run_folders(tmp_path)]


def test_a_stage_is_a_folder_named_by_kind_and_key_and_nothing_else_is(run: RunFolder) -> None:
    stage = run.stages / f"full-length-{KEY}"
    stage.mkdir()
    for name in ("full-length", f"full-length-{KEY}0", f"Fold-{KEY}", "notes-of-mine"):
        (run.stages / name).mkdir()
    (run.stages / f"fold-{KEY}").symlink_to(stage)
    (found,) = run.stage_folders()
    assert (found.kind, found.key) == ("full-length", KEY)


@pytest.fixture
def stage(tmp_path: Path) -> StageFolder:
    """A done stage with one artefact."""
    folder = StageFolder(tmp_path / f"fold-{KEY}")
    folder.path.mkdir()
    (folder.path / "model.pt").write_bytes(b"weights")
    write_json(folder.path / DONE, {"seconds": 1.0, **folder.hashes()})
    return folder


def test_a_whole_stage_has_no_fault_and_its_log_and_lock_are_no_artefacts(stage: StageFolder) -> None:
    stage.log("again")
    (stage.path / "lock").touch()
    assert stage.fault(every_hash=True) is None
    assert list(stage.hashes()["sha256"]) == ["model.pt"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "model.pt").unlink(), "model.pt: missing"),
        (lambda folder: (folder / "model.pt").write_bytes(b"weight"), "has 6 bytes, 7 were written"),
        (lambda folder: (folder / "model.pt").write_bytes(b"weightz"), "not what was written"),
        (lambda folder: (folder / DONE).write_text("{"), "not a readable done marker"),
        (lambda folder: (folder / DONE).write_text("[]"), "no sha256 in it"),
    ],
)
def test_each_fault_of_a_done_stage_is_one_line_naming_the_file(damage, said: str, stage: StageFolder) -> None:
    damage(stage.path)
    assert said in stage.fault(every_hash=False)


@pytest.mark.parametrize("text", ["", "[]", '{"label": 3, "parents": 5}', '{"parents": [1, null]}'])
def test_settings_that_cannot_be_read_are_no_settings(text: str, stage: StageFolder) -> None:
    (stage.path / "settings.json").write_text(text)
    assert (stage.label, stage.parents) == (None, [])
