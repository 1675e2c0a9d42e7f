"""Cells that fail, records that are damaged, stages that are forced: through the command line, in real processes."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.command_line import records
from helpers.forked_runs import Server

from bench.records.migrations import SCHEMA

WORDS = (
    "--scale smoke --steps 1 --methods ddim,sfddm --images 10 --set teacher.timesteps=8 --set teacher.iterations=5 "
    "--set teacher.batch=4 --set student.batch=4 --set student.iterations=5 --set classifier.epochs=1 "
    "--set classifier.batch=1400"
).split()


@pytest.fixture(scope="module")
def finished(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; the tests leave it finished."""
    out = tmp_path_factory.mktemp("finished")
    code, said = server.run("run", "--out", str(out), *WORDS)
    assert code == 0, said
    return out


def distances(out: Path) -> dict[str, float | None]:
    return {record["method"]: record["distance"] for record in records(out).values()}


FAILURES = {
    "diverged": ("", ["--set", "sfddm.learning_rate=1e30", "--set", "sfddm.iterations=10"], "the loss is "),
    "out of memory": (
        "import torch, sfddm.single_fold as m\n"
        "def full(*a): raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')\n"
        "m.single_fold_loss = full",
        [],
        "out of memory (CUDA out of memory. Tried to allocate 2 GiB)",
    ),
    "missing data": (
        "import sfddm.single_fold as m\n"
        "def gone(*a): raise FileNotFoundError(2, 'No such file or directory', '/data/gone.npy')\n"
        "m.single_fold_loss = gone",
        [],
        "/data/gone.npy: No such file or directory",
    ),
    "a fault of the code": (
        "import sfddm.single_fold as m\ndef wrong(*a): raise KeyError('what')\nm.single_fold_loss = wrong",
        [],
        "KeyError: 'what'",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_cell_is_recorded_with_its_reason_and_the_sweep_goes_on_and_the_next_run_retries(
    name: str, server: Server, tmp_path: Path
) -> None:
    setup, settings, why = FAILURES[name]
    words = ["run", "--out", str(tmp_path), *WORDS, "--methods", "sfddm,ddim", *settings]
    code, said = server.run(*words, setup=setup)
    assert code == 1
    assert said.splitlines()[-1] == "sfddm-bench: 1 of 3 cells failed; the same command tries them again"
    assert "Traceback" not in said
    assert "| ddim" in (tmp_path / "tables" / "digits-8-smoke.md").read_text()
    found = {record["method"]: record for record in records(tmp_path).values()}
    assert found["ddim"]["failure"] is None
    assert found["sfddm"]["failure"].startswith("sfddm to 1 step (seed 0): ")
    assert why in found["sfddm"]["failure"]
    assert found["sfddm"]["distance"] is None
    (log,) = tmp_path.glob("stages/fold-*/log.txt")
    assert "Traceback" in log.read_text()
    code, said = server.run(*words)
    assert "compute sfddm to 1 step" in said or "resume sfddm to 1 step" in said
    if settings:  # as wrong as before
        assert code == 1
    else:
        assert code == 0
        assert None not in distances(tmp_path).values()


def test_a_full_disk_is_one_line_that_names_the_file_and_the_next_run_goes_on(
    server: Server, finished: Path, tmp_path: Path
) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    code, said = server.run("run", "--out", str(tmp_path), *WORDS, setup=full)
    assert code == 1
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("sfddm-bench: 3 of 3 cells failed")
    (folder,) = tmp_path.glob("stages/classifier-*")
    assert f"failed: digits-cnn: {folder}/weights.pt: File too large" in said
    assert not list(tmp_path.glob("stages/*/done.json"))
    assert all(": File too large" in record["failure"] for record in records(tmp_path).values())
    assert server.run("run", "--out", str(tmp_path), *WORDS)[0] == 0
    assert distances(tmp_path) == distances(finished)


def test_runs_that_differ_in_one_methods_settings_share_all_other_records(
    server: Server, finished: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "runs"))
    code, said = server.run("run", "--out", str(out), *WORDS, "--set", "ddim.clip=none")
    assert code == 0, said
    found = list(records(out).values())
    assert sorted(record["method"] for record in found) == ["ddim", "ddim", "real data", "sfddm"]
    table = (out / "tables" / "digits-8-smoke.md").read_text()
    assert "| ddim (clip=none)" in table
    assert "| ddim (clip=x0)" in table


def test_an_unreadable_record_is_named_and_made_again_and_one_of_a_future_schema_refused(
    server: Server, finished: Path
) -> None:
    words = ["run", "--out", str(finished), *WORDS]
    expected = distances(finished)
    path = next(finished.glob("records/*/ddim-*.json"))
    whole = path.read_text()
    path.write_text(whole[:100])
    code, said = server.run(*words)
    assert code == 0
    assert len([line for line in said.splitlines() if f"{path}: not a readable record" in line]) == 1
    assert "compute" not in said
    assert distances(finished) == expected
    future = json.dumps(json.loads(whole) | {"schema_version": 99})
    path.write_text(future)
    code, said = server.run(*words)
    assert code == 2
    assert (
        said == f"sfddm-bench: {path}: its schema is 99, this version reads up to {SCHEMA}; use a newer sfddm-bench\n"
    )
    assert path.read_text() == future
    path.write_text(whole)


def test_a_done_marker_without_its_artefact_is_named_and_the_stage_computed_again(
    server: Server, finished: Path
) -> None:
    expected = distances(finished)
    for pattern in ("teacher-*/model.safetensors", "samples-*/samples.npy", "metrics-*/metrics.json"):
        path = next(finished.glob(f"stages/{pattern}"))
        path.unlink()
        code, said = server.run("run", "--out", str(finished), *WORDS)
        assert code == 0
        assert len([line for line in said.splitlines() if line.startswith(f"{path}: missing; ")]) == 1
        assert said.count("compute ") == 1
        assert path.exists()
        assert distances(finished) == expected


def test_forcing_a_stage_computes_it_and_what_needs_it_and_changes_no_number(server: Server, finished: Path) -> None:
    words = ["run", "--out", str(finished), *WORDS, "--force", "fold"]
    before = distances(finished)
    code, said = server.run(*words, "--dry-run")
    assert code == 0
    states = {line.split()[1]: line.split()[0] for line in said.splitlines() if "[" in line}
    assert states["teacher"] == "reuse"
    assert {line.split(" [")[0].strip() for line in said.splitlines() if line.startswith("compute")} == {
        "compute  sfddm to 1 step (seed 0): forced",
        "compute  samples of sfddm at 1 step (seed 0): forced",
        "compute  features of samples of sfddm at 1 step (seed 0): forced",
        "compute  metrics of samples of sfddm at 1 step (seed 0): forced",
        "compute  consistency of sfddm at 1 step (seed 0): forced",
        "compute  interpolation of sfddm at 1 step (seed 0): forced",
    }
    assert len(list(finished.glob("stages/*/done.json"))) == len(list(finished.glob("stages/*")))  # nothing is touched
    code, said = server.run(*words)
    assert code == 0
    assert said.count("compute ") == 6
    assert distances(finished) == before
    code, said = server.run(*words[:-1], "folds")
    assert code == 2
    assert said.startswith("sfddm-bench: --force: 'folds' given, possible: classifier, ")
    assert said.count("\n") == 1


def test_a_record_says_how_it_came_to_be_without_names(finished: Path) -> None:
    for record in records(finished).values():
        assert record["command"][:2] == ["sfddm-bench", "run"]
        assert record["parents"].keys() == record["durations"].keys()
        assert len(record["parents"]) == {"real data": 5, "ddim": 13, "sfddm": 14}[record["method"]]
        for label, key in record["parents"].items():
            (folder,) = finished.glob(f"stages/*-{key}")
            assert json.loads((folder / "settings.json").read_text())["label"] == label
            assert json.loads((folder / "done.json").read_text())["seconds"] == record["durations"][label]
        assert record["git"]["revision"]
        assert record["versions"]["torch"]
