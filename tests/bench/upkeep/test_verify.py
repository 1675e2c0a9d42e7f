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
from bench.records.measured import CLOSEST
from bench.records.pictures import closest_name, sheet_png, write_sheet
from bench.records.record import Record, cell_name, read_record, record_path, write_record
from bench.store.files import file_sha256, write_json
from bench.store.marker import read_marker, write_marker
from bench.upkeep.recompute import unequal
from sfddm.errors import InputError

PROBE = """
import sys
from pathlib import Path
import typer

from bench.commands.verify import verify as verify_command

try:
    verify_command([Path(sys.argv[1])])
except typer.Exit as leaving:
    sys.exit(99 if "torch" in sys.modules else leaving.exit_code)
"""


def verify(path: Path, recompute: bool = False, resample: int | None = None) -> tuple[int, list[str]]:
    """Return the exit code of `verify` and its lines; the last is the summary."""
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(StringIO()), pytest.raises(typer.Exit) as left:
        verify_command(
            [path], Recomputed.metrics if recompute else None, resample, "cpu" if recompute or resample else "auto"
        )
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


def test_a_record_that_was_signed_again_is_caught_by_its_metrics_and_tables(runs: Path) -> None:
    path = the(runs, "records/*/sfddm-4-*.json")
    better = changed(read_record(path), quality__distance__value=0.001)
    assert write_record(runs, better) == path
    code, lines = verify(runs)
    assert code == 3
    assert lines[0].startswith(f"{path}: quality.distance.value is 0.001, metrics-")
    assert any(line.startswith(f"{runs}/tables/") and "is not what its records give" in line for line in lines)


# By what is edited: the record's field, its new value, and the line that names it.
EDITS: dict[str, tuple[str, object, str]] = {
    "consistency": ("consistency__ssim", 0.99, "consistency.ssim is 0.99, consistency-"),
    "consistency of unrelated pairs": ("consistency__cosine_unrelated", 0.0, "consistency.cosine_unrelated is 0.0, "),
    "interpolation": ("interpolation__linear__ratio", 1.0, "interpolation.linear.ratio is 1.0, interpolation-"),
    "latency": ("sampling_cost__latency__median", 1e-6, "sampling_cost.latency.median is 1e-06, cost-"),
    "throughput": ("sampling_cost__throughput__images_per_second", 1e6, "sampling_cost.throughput.images_per_"),
    "its own rate": ("sampling_cost__images_per_second", 1e6, "sampling_cost.images_per_second is 1000000.0, samples-"),
    "NFE": ("nfe", 1, "nfe is 1, "),
    "timesteps": ("timesteps", [1, 2, 3, 4], "timesteps is [1, 2, 3, 4], samples-"),
    "sampling": ("sampling__eta", 0.5, "sampling.eta is 0.5, samples-"),
    "folds": ("training_cost__folds", 2, "training_cost.folds is 2, "),
    "training evaluations": ("training_cost__evaluations", 1, "training_cost.evaluations is 1, fold-"),
    "training seconds": ("training_cost__seconds", 0.0, "training_cost.seconds is 0.0, fold-"),
    "the teacher's cost": ("training_cost__teacher_evaluations", 1, "training_cost.teacher_evaluations is 1, teacher-"),
    "protocol": ("protocol__neighbours", 5, "protocol.neighbours is 5, metrics-"),
    "durations": ("durations", {}, "durations.teacher (seed 0) is None, teacher-"),
    "teacher settings": ("config__teacher__iterations", 9, "config.teacher.iterations is 9, teacher-"),
    "machine": ("machine__processor", "a faster one", "machine.processor is a faster one, cost-"),
    "seed": ("seed", 7, "seed is 7, "),
    "steps": ("steps", 2, "steps is 2, samples-"),
    "method": ("method", "ddim", "method is ddim, samples-"),
    "grid": ("grid", "leading", "grid is leading, "),
    "dataset": ("dataset_sha256", "0" * 64, "dataset_sha256 is 0000"),
    "key": ("key", "0" * 64, "its key is 000000000000, its method, steps, settings and parents give "),
}


def resealed(runs: Path, path: Path, record: Record) -> Path:
    """Put an edited record in the place of another, with its pictures, as someone would who hides the edit."""
    pictures = {suffix: path.with_name(f"{path.stem}{suffix}.png").read_bytes() for suffix in ("", "-interpolation")}
    for file in path.parent.glob(f"{path.stem}*"):
        file.unlink()
    written = write_record(runs, record)
    for suffix, data in pictures.items():
        written.with_name(f"{written.stem}{suffix}.png").write_bytes(data)
    return written


@pytest.mark.parametrize("name", EDITS)
def test_a_field_that_was_edited_and_sealed_again_is_named(name: str, runs: Path) -> None:
    field, value, said = EDITS[name]
    path = the(runs, "records/*/sfddm-4-*.json")
    written = resealed(runs, path, changed(read_record(path), **{field: value}))
    assert any(line.startswith(f"{written}: {said}") for line in verify(runs)[1])


def test_a_record_under_another_name_is_named(runs: Path) -> None:
    path = the(runs, "records/*/sfddm-4-*.json")
    record = read_record(path)
    other = path.rename(path.with_name(f"{cell_name('ddim', 4, 0, record.key)}.json"))
    said = f"{other}: its file is called {other.name}, its content gives {record_path(runs, record).name}"
    assert said in verify(runs)[1]


def test_without_stages_a_method_or_seed_that_does_not_go_with_the_key_is_named(runs: Path) -> None:
    shutil.rmtree(runs / "stages")
    for pattern, field, value in (("sfddm-4-*", "method", "pd"), ("ddim-4-*", "seed", 3), ("real-*", "seed", 3)):
        path = the(runs, f"records/*/{pattern}.json")
        record = changed(read_record(path), **{field: value})
        path.unlink()
        written = write_record(runs, record)
        assert any(line.startswith(f"{written}: it") for line in verify(runs)[1]), pattern


def test_a_measurement_of_which_no_stage_is_among_the_parents_is_named(runs: Path) -> None:
    path = the(runs, "records/*/sfddm-4-*.json")
    record = read_record(path)
    kept = {label: key for label, key in record.parents.items() if not label.startswith("consistency")}
    write_record(runs, record.model_copy(update={"parents": kept}))
    assert any("consistency.ssim is" in line and "none of its stages says so" in line for line in verify(runs)[1])


def test_pictures_that_do_not_show_their_cells_images_are_named(runs: Path) -> None:
    sheet, other = (next(iter(runs.glob(f"records/*/{name}-seed0-????????.png"))) for name in ("sfddm-4", "ddim-1"))
    sheet.write_bytes(other.read_bytes())
    assert one_difference(runs).startswith(f"{sheet}: is not what its stage's images give: ")
    sheet.write_bytes(other.read_bytes()[:200])
    assert one_difference(runs).startswith(f"{sheet}: is not a readable picture")
    sheet.unlink()
    assert one_difference(runs).startswith(f"{sheet}: is missing")


def test_the_full_length_images_that_records_share_are_compared_once_with_their_stage(runs: Path) -> None:
    sheet = the(runs, "records/*/full-length-*.png")
    before = verify(runs)
    assert before[0] == 0
    write_sheet(np.zeros((4, 1, 8, 8), np.uint8), sheet)
    assert one_difference(runs).startswith(f"{sheet}: is not what its stage's images give")
    sheet.unlink()
    assert one_difference(runs).startswith(f"{sheet}: is missing")


def test_records_of_versions_that_wrote_no_full_length_images_lack_none(runs: Path) -> None:
    the(runs, "records/*/full-length-*.png").unlink()
    for path in runs.glob("records/*/*.json"):
        record = read_record(path)
        kept = {name: sha256 for name, sha256 in record.pictures.items() if not name.startswith("full-length")}
        path.unlink()
        write_record(runs, record.model_copy(update={"pictures": kept}))
    assert verify(runs)[0] == 0


def test_the_picture_of_images_beside_the_real_ones_nearest_to_them_is_compared_with_its_stage(runs: Path) -> None:
    record = read_record(the(runs, "records/*/sfddm-4-*.json"))
    sheet = the(runs, f"records/*/{closest_name(record.name)}")
    assert record.pictures[sheet.name] == file_sha256(sheet)
    (key,) = (key for label, key in record.parents.items() if label.startswith("metrics of "))
    pairs = np.load(runs / "stages" / f"metrics-{key}" / CLOSEST, allow_pickle=False)
    assert sheet.read_bytes() == sheet_png(pairs.reshape(-1, 1, 8, 8))  # each left of its real one
    write_sheet(np.zeros((2 * len(pairs), 1, 8, 8), np.uint8), sheet)
    assert one_difference(runs).startswith(f"{sheet}: is not what its stage's images give")
    sheet.unlink()
    assert one_difference(runs).startswith(f"{sheet}: is missing")


def test_missing_parents_are_named_and_a_stage_that_nothing_needs_is_noted(runs: Path) -> None:
    extra = runs / "stages" / f"samples-{'0' * 16}"
    extra.mkdir()
    code, lines = verify(runs)
    assert code == 0
    assert lines[0].startswith(f"note: {extra}: no record and no sweep needs it")
    shutil.rmtree(extra)
    shutil.rmtree(the(runs, "stages/consistency-*"))
    assert "was made from stages that are not here: consistency of " in one_difference(runs)


def test_how_many_records_had_stages_to_be_compared_with_is_reported(runs: Path) -> None:
    rest = "with nothing here but their own seal and tables"
    assert verify(runs)[1][-1].endswith(f"5 records: 5 compared with stages, 0 {rest}")
    shutil.rmtree(runs / "stages")
    assert verify(runs)[1][-1].endswith(f"5 records: 0 compared with stages, 5 {rest}")


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
    for part in ("records", "packages", "tables", "plots"):
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


@pytest.mark.parametrize(("kind", "field"), [("consistency", "ssim"), ("interpolation", "linear")])
def test_consistency_and_interpolation_that_the_stored_images_do_not_give_are_named(
    kind: str, field: str, runs: Path
) -> None:
    path = the(runs, f"stages/{kind}-*/{kind}.json")
    values = json.loads(path.read_text())
    if kind == "consistency":
        values["ssim"] = 0.5
    else:
        values["linear"]["length"] *= 2
    write_json(path, values)
    reseal(path.parent, path.name)
    assert any(line.startswith(f"{path}: {field}") for line in verify(runs, recompute=True)[1])


def test_a_number_near_zero_is_compared_on_the_scale_of_what_it_is_computed_from() -> None:
    stored, again = {"distance.min_eigenvalue": -1.1e-17}, {"distance.min_eigenvalue": -1.2e-17}
    assert unequal(stored, again, {"distance.min_eigenvalue": 1.0}) == []
    assert len(unequal(stored, again)) == 1
    assert len(unequal({"distance.min_eigenvalue": 0.1}, again, {"distance.min_eigenvalue": 1.0})) == 1


def test_an_image_that_its_model_does_not_give_is_counted(runs: Path) -> None:
    folder = the(runs, "stages/samples-*/samples.npy").parent
    images = np.load(folder / "samples.npy", allow_pickle=False)
    images[1, 0, 3, 3] ^= 8
    images[15] = 7
    np.save(folder / "samples.npy", images)
    reseal(folder, "samples.npy")
    picture = next(
        path.with_suffix(".png")
        for path in runs.glob("records/*/*.json")
        if folder.name.rpartition("-")[2] in read_record(path).parents.values()
    )
    write_sheet(images, picture)
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
        verify_command([runs], resample=1, device="cpu", data_root=runs)
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


def test_a_sweep_that_cannot_be_read_is_named_and_stops_nothing_else(runs: Path) -> None:
    bad = runs / "sweeps" / "bad.json"
    bad.write_text("[[[")
    assert one_difference(runs).startswith(f"{bad}: not a readable sweep")
    run = sfddm_bench("status", str(runs))
    assert run.returncode == 0
    assert "5 done" in run.stdout
    assert run.stderr.startswith(f"left out: {bad}: ")
