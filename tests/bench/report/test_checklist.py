"""The checklist says what records say, counts what was done in vain, and admits what is not on record."""

from pathlib import Path

from helpers.command_line import sfddm_bench
from helpers.made_run import HOSTILE, record

from bench.records.record import Record, write_record
from bench.report.checklist import checklist, latex, markdown
from bench.store.events import add
from bench.store.layout import RunFolder

COST = {"evaluations": 121_600, "seconds": 300.0, "folds": 1}
MACHINE = {"processor": "a processor", "threads": 1, "cores": 2, "system": "Linux x86_64"}


def made(method: str, seed: int, **other: object) -> Record:
    """Return the record of a cell made of a teacher, which all of a seed share, and of its own samples."""
    parents = {
        f"teacher (seed {seed})": f"{seed:016x}",
        f"samples of {method}": f"{hash((method, seed)) % 16**16:016x}",
    }
    given = {"parents": parents, "durations": dict(zip(parents, (1000.0, 10.0), strict=True)), "machine": MACHINE}
    return record(method, 4, seed, 5.0, **(given | {"training_cost": COST} | other))


def test_what_every_stage_took_is_counted_once_and_what_was_in_vain_as_well(tmp_path: Path) -> None:
    records = [made(method, seed) for seed in (0, 1, 2) for method in ("sfddm", "pd")]
    run = RunFolder(tmp_path)
    for one in records:
        write_record(tmp_path, one)
    add(run, "interrupted", stage="fold-1", label="sfddm", seconds=100.0)
    add(run, "failed", stage="fold-1", label="sfddm", why="out of memory")
    add(run, "ended", stage="fold-1", label="sfddm", seconds=9.0)
    answers = checklist(records, [tmp_path])
    whole = answers["Compute in all, failed runs included"]
    assert whole[0] == "9 stages behind these records, 51 min of one machine"  # 3 x 1000 s and 6 x 10 s
    assert whole[1] == "0 cells of 6 failed"
    assert whole[2] == "2 times a stage was interrupted or failed, after 2 min in all"
    assert answers["Seeds"] == ["0, 1, 2; each is that of the teacher, the students and the latents"]
    assert "121,600 network evaluations" in answers["Compute of each method"][0]
    assert answers["Hardware"] == ["CPU (a processor, 1 thread), 2 cores, Linux x86_64"]
    assert "over 3 seeds" in answers["Error bars, and how they are made"][0]


def test_one_seed_claims_nothing_and_a_failed_cell_is_named() -> None:
    failed = made("pd", 0, failure="the loss is nan", quality=None, training_cost=None)
    answers = checklist([made("sfddm", 0), failed], [])
    assert answers["Error bars, and how they are made"][0].startswith("1 seed: intervals are of sampling alone")
    assert "1 cell of 2 failed; pd, 4 steps, seed 0: the loss is nan" in answers["Compute in all, failed runs included"]


def test_settings_that_were_given_are_those_of_the_commands() -> None:
    words = ["sfddm-bench", "run", "--set", "student.iterations=7", "--out", "/x"]
    short = ["sfddm-bench", "run", "--set=pd.compute=each"]
    answers = checklist([made("sfddm", 0, command=words), made("pd", 0, command=short), made("ddim", 0)], [])
    assert "given by hand: pd.compute=each, student.iterations=7" in answers["How settings were chosen"]


def test_no_text_of_a_record_becomes_markup(tmp_path: Path) -> None:
    records = [made("sfddm", 0, command=["sfddm-bench", HOSTILE, r"\\input{x}", "50%"])]
    answers = checklist(records, [])
    assert "<img" not in markdown(answers).replace("\\<img", "")
    assert r"\input{x}" not in latex(answers)
    assert r"50\%" in latex(answers)


def test_the_command_writes_both_forms(tmp_path: Path) -> None:
    write_record(tmp_path, made("sfddm", 0))
    done = sfddm_bench("checklist", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "checklist.md").read_text().startswith("# Reproducibility checklist")
    assert (tmp_path / "checklist.tex").read_text().count(r"\item[") == done.stdout.count(":\n")
