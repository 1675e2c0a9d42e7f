"""`verify`: all is well with a finished run, and whatever is changed in it is named; the main cases as processes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import typer
from helpers.command_line import ENVIRONMENT, sfddm_bench
from helpers.made_records import changed

from bench.commands.verify import Recomputed
from bench.commands.verify import verify as verify_command
from bench.records.record import read_record, write_record
from bench.store.files import file_sha256, write_json
from bench.store.marker import read_marker, write_marker
from sfddm.errors import InputError

PROBE = """
import sys
from pathlib import Path
import typer

from bench.commands.verify import verify as verify_command

try:
    verify_command(Path(sys.argv[1]))
except typer.Exit as leaving:
    sys.exit(99 if "torch" in sys.modules else leaving.exit_code)
"""


def verify(path: Path, recompute: bool = False, resample: int | None = None) -> tuple[int, list[str]]:
    """Return the exit code of `verify` and its lines; the last is the summary."""
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(StringIO()), pytest.raises(typer.Exit) as left:
        verify_command(path, Recomputed.metrics if recompute else None, resample, "cpu")
    return left.value.exit_code, out.getvalue().splitlines()


def one_difference(runs: Path, resample: int | None = None) -> str:
    """Return the one line on what differs."""
    code, lines = verify(runs, resample=resample)
    assert code == 3, lines
    assert len(lines) == 2, lines
    assert lines[-1].startswith("1 differ; ")
    return lines[0]


def the(runs: Path, pattern: str) -> Path:
    """Return the first file of a pattern, one that there is."""
    return sorted(runs.glob(pattern))[0]


def test_a_finished_run_is_as_it_should_be_by_every_check(digits_run: Path) -> None:
    run = sfddm_bench("verify", str(digits_run), "--recompute", "metrics", "--resample", "5")
    lines = run.stdout.splitlines()
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(lines) == 1
    stages = len(list(digits_run.glob("stages/*/done.json")))
    for counted in (
        f"{stages} stages",
        "5 records",
        "5 records compared with their metrics",
        "tables",
        "5 metrics recomputed",
        "20 images regenerated",
    ):
        assert counted in lines[0]


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def change_a_digit(path: Path) -> None:
    text = path.read_text()
    place = text.index('"value": ') + len('"value": 0.1')
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])


CHANGES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a flipped byte": ("stages/samples-*/samples.npy", flip_a_byte, "its sha256 is "),
    "a deleted artefact": ("stages/features-*/features.npz", Path.unlink, "is missing, done.json lists it"),
    "one digit of a record": ("records/*/sfddm-4-*.json", change_a_digit, "was changed after it was written"),
    "an edited table": ("tables/*.md", flip_a_byte, "is not what its records give, from line "),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_command_names_what_was_changed_and_exits_with_3(name: str, runs: Path) -> None:
    pattern, change, said = CHANGES[name]
    path = the(runs, pattern)
    change(path)
    run = sfddm_bench("verify", str(runs))
    lines = run.stdout.splitlines()
    assert run.returncode == 3, run.stderr
    assert len(lines) == 2
    assert lines[0].startswith(f"{path}: {said}")
    assert lines[1].startswith("1 differ; ")
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "pattern",
    [
        "stages/fold-*/model.safetensors",
        "stages/features-*/features.npz",
        "stages/teacher-*/settings.json",
        "stages/metrics-*/metrics.json",
    ],
)
def test_a_flipped_byte_in_any_artefact_is_named(pattern: str, runs: Path) -> None:
    path = the(runs, pattern)
    flip_a_byte(path)
    assert any(line.startswith(f"{path}: its sha256 is ") for line in verify(runs)[1])


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sha256": ['])
def test_a_broken_done_marker_is_named(text: str, runs: Path) -> None:
    path = the(runs, "stages/fold-*/done.json")
    path.write_text(text)
    assert one_difference(runs).startswith(f"{path}: not a readable done marker")


def test_a_record_that_was_signed_anew_is_caught_by_its_metrics_and_tables(runs: Path) -> None:
    path = the(runs, "records/*/sfddm-4-*.json")
    better = changed(read_record(path), quality__distance__value=0.001)
    assert write_record(runs, better) == path
    code, lines = verify(runs)
    assert code == 3
    assert lines[0].startswith(f"{path}: quality.distance.value is 0.001, metrics-")
    assert any(line.startswith(f"{runs}/tables/") and "is not what its records give" in line for line in lines)


@pytest.mark.parametrize("change", ["truncated", "newer"])
def test_an_unreadable_record_and_one_of_a_future_schema_are_named(change: str, runs: Path) -> None:
    path = the(runs, "records/*/ddim-1-*.json")
    text = path.read_text()
    path.write_text(text[:300] if change == "truncated" else json.dumps(json.loads(text) | {"schema_version": 99}))
    said = {"truncated": "not a readable record", "newer": "its schema is 99"}[change]
    assert one_difference(runs).startswith(f"{path}: {said}")


def test_a_record_without_its_hash_is_named(runs: Path) -> None:
    path = the(runs, "records/*/ddim-1-*.json")
    values = json.loads(path.read_text())
    del values["integrity"]
    write_json(path, values)
    assert one_difference(runs).startswith(f"{path}: lacks its own hash")


def test_an_edited_table_is_named_with_its_line_and_a_missing_one_too(runs: Path) -> None:
    path = the(runs, "tables/*.md")
    lines = path.read_text().splitlines()
    number = next(number for number, line in enumerate(lines) if line.startswith("| ddim"))
    lines[number] += " "
    path.write_text("\n".join(lines) + "\n")
    assert one_difference(runs) == f"{path}: is not what its records give, from line {number + 1} on"
    path.unlink()
    assert one_difference(runs).startswith(f"{path}: is missing")


def test_committed_results_are_verified_without_stages_and_without_torch(runs: Path, tmp_path: Path) -> None:
    results = tmp_path / "results" / "digits"
    for part in ("records", "tables", "plots"):
        shutil.copytree(runs / part, results / part)
    probe = [sys.executable, "-c", PROBE, str(tmp_path / "results")]
    run = subprocess.run(probe, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "5 records" in run.stdout
    path = the(results, "records/*/ddim-4-*.json")
    path.write_text(path.read_text().replace('"steps": 4', '"steps": 5'))
    assert one_difference(tmp_path / "results").startswith(f"{path}: was changed")


def reseal(folder: Path, artefact: str) -> None:
    """Let a stage, and all that was made from it, say that an artefact is what it is now."""
    sha256 = file_sha256(folder / artefact)
    done = read_marker(folder / "done.json")
    done["sha256"][artefact] = sha256
    done["bytes"][artefact] = (folder / artefact).stat().st_size
    write_marker(folder / "done.json", done)
    for path in folder.parent.glob("*/done.json"):
        child = read_marker(path)
        if artefact in child["parents"].get(folder.name, {}):
            child["parents"][folder.name][artefact] = sha256
            write_marker(path, child)


def test_metrics_that_the_stored_features_do_not_give_are_named(runs: Path) -> None:
    """Hashes, record and table agree with one another, so that only computing again can tell."""
    folder = the(runs, "stages/features-*/features.npz").parent
    features = dict(np.load(folder / "features.npz", allow_pickle=False))
    np.savez(folder / "features.npz", **(features | {"features": features["features"] + 0.5}))
    reseal(folder, "features.npz")
    assert verify(runs)[0] == 0
    code, lines = verify(runs, recompute=True)
    assert code == 3
    named = [line for line in lines if "metrics.json: distance.value is" in line]
    assert len(named) == 1
    assert folder.name.partition("-")[2] in (Path(named[0].partition(":")[0]).parent / "settings.json").read_text()


def test_an_image_that_its_model_does_not_give_is_counted(runs: Path) -> None:
    folder = the(runs, "stages/samples-*/samples.npy").parent
    images = np.load(folder / "samples.npy", allow_pickle=False)
    images[1, 0, 3, 3] ^= 8
    images[15] = 7
    np.save(folder / "samples.npy", images)
    reseal(folder, "samples.npy")
    line = one_difference(runs, resample=4)  # the fifteenth is beyond
    assert "1 of 4 images regenerated on cpu differ, in 1 of 256 values by up to 8 of 255" in line
    assert "2 of 20 images" in one_difference(runs, resample=1000)


def test_stages_that_are_gone_cannot_be_done_again_and_that_is_said(runs: Path) -> None:
    shutil.rmtree(the(runs, "stages/teacher-*"))
    code, lines = verify(runs, resample=2)
    assert code == 3
    said = [line for line in lines if "its images cannot be checked: not here are teacher (seed 0)" in line]
    assert len(said) == 2  # of DDIM; the students are their folds'


def test_differences_are_said_also_where_the_dataset_is_not_here(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited, other = the(runs, "tables/*.md"), the(runs, "records/*/ddim-1-*.json")
    record = read_record(other)
    other.unlink()
    write_record(runs, record.model_copy(update={"dataset": "cifar10", "resolution": 32}))
    with pytest.raises(InputError, match="'cifar10' at 32x32 is not in"):
        verify_command(runs, resample=1, device="cpu", data_root=runs)
    assert str(edited) in capsys.readouterr().out


def test_a_failed_cell_has_nothing_to_do_again(runs: Path) -> None:
    path = the(runs, "records/*/ddim-4-*.json")
    record = read_record(path)
    path.unlink()  # which a failure would not replace
    write_record(runs, record.model_copy(update={"failure": "out of memory", "parents": {}}))
    assert not [line for line in verify(runs, recompute=True, resample=1)[1] if "cannot be checked" in line]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "PATH: 'nowhere' given, but there is no such folder"),
        (["sfddm"], "PATH: no records and no stages in 'sfddm'"),
        (["tests", "--resample", "0"], "--resample: 0 given, a whole number from 1 up is possible"),
        (["tests", "--recompute", "images"], "metrics"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str) -> None:
    run = sfddm_bench("verify", *words)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert said in run.stderr
