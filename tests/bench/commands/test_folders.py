"""Run folders on the command line: taken the same way by every command, and records of several decided together."""

import json
import re
from itertools import permutations
from pathlib import Path

import pytest
from helpers.command_line import sfddm_bench
from helpers.made_run import SWEEP, write_run
from helpers.outline import Outline
from helpers.subcommands import COMMANDS

from bench.commands.options import RUNS, folders_of
from bench.records.record import read_records
from sfddm.errors import InputError

WRITERS = {
    "run",
    "reproduce",
    "tables",
    "plots",
    "claims",
    "checklist",
    "merge",
    "site",
    "speed",
}  # what they write into the folder has its own names
OF_FOLDERS = {"tables", "plots", "report", "claims", "status", "verify", "clean", "doctor", "remeasure"}
OF_FOLDERS |= {"archive", "checklist", "merge", "site"}
OF_A_RUN = {"export", "teacher export"}


def parameters(name: str, kind: str) -> list[str]:
    """The names of a command's options or arguments."""
    return [param.name for param in COMMANDS[tuple(name.split())].params if param.param_type_name == kind]


def test_out_is_only_where_a_folder_is_written() -> None:
    assert {" ".join(path) for path in COMMANDS if "out" in parameters(" ".join(path), "option")} == WRITERS


def test_run_folders_are_arguments_of_every_command_that_reads_them() -> None:
    named = {" ".join(path): parameters(" ".join(path), "argument") for path in COMMANDS}
    assert {name for name, arguments in named.items() if arguments == ["folders"]} == OF_FOLDERS
    assert {name for name, arguments in named.items() if arguments == ["run"]} == OF_A_RUN
    for name in OF_FOLDERS:
        (argument,) = (param for param in COMMANDS[(name,)].params if param.name == "folders")
        assert (argument.nargs, argument.metavar.strip("[].")) == (-1, "PATH"), name


@pytest.mark.parametrize("name", sorted((OF_FOLDERS | OF_A_RUN) - WRITERS))
def test_a_command_without_out_says_what_to_give_in_its_place(name: str) -> None:
    run = sfddm_bench(*name.split(), "--out", "runs")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert re.search(r"name the run folder itself: .*runs$|what is written is named by --to$", run.stderr.strip())


def test_folders_are_there_each_once_and_runs_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert folders_of(None) == folders_of([RUNS, RUNS]) == [RUNS]
    with pytest.raises(InputError, match=r"PATH: 'none' given, but there is no such folder; .* --out none"):
        folders_of([RUNS, Path("none")])
    with pytest.raises(InputError, match=r"PATH: 'file' given, but it is a file and no archive; .* --out runs"):
        folders_of([Path("file")])


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """The synthetic sweep in three run folders: students, their controls, and the rest."""
    apart = {
        "students": [one for one in SWEEP if one.method == "sfddm"],
        "controls": [one for one in SWEEP if one.method == "ddim"],
        "rest": [one for one in SWEEP if one.method not in ("sfddm", "ddim")],
    }
    return [write_run(tmp_path / "all" / name, records) for name, records in apart.items()]


def test_records_of_several_folders_are_those_of_the_folder_above_whatever_their_order(parts: list[Path]) -> None:
    whole = read_records(parts[0].parent)
    assert len(whole) == len(SWEEP)
    for order in permutations(parts):
        assert read_records(*order) == whole
    assert read_records(parts[0].parent, *parts) == whole
    with pytest.raises(InputError, match="no records in"):
        read_records(*parts, parts[0] / "stages")


def test_one_report_and_one_verdict_of_several_folders(parts: list[Path], tmp_path: Path) -> None:
    above = parts[0].parent
    names = [str(path) for path in parts]
    assert sfddm_bench("report", *names, "--to", str(tmp_path / "one.html")).returncode == 0
    assert sfddm_bench("report", str(above)).stdout.strip() == str(above / "report.html")
    page = (tmp_path / "one.html").read_text()
    assert page == (above / "report.html").read_text()
    assert page.count("Samples of sfddm at 4 steps") == page.count("Samples of ddim at 4 steps") == 1

    assert sfddm_bench("claims", *names, "--out", str(tmp_path / "paper")).returncode == 0
    decided = json.loads((tmp_path / "paper" / "claims.json").read_text())
    shown = re.findall(r'<p class="pill [^"]+">([^<]+)</p><h3>(\d+)\. ', page)
    assert shown == [(one["verdict"], str(one["number"])) for one in decided]
    controls = [one for one in decided if any(test["measured"] for setup in one["setups"] for test in setup["tests"])]
    assert controls
    assert "h3 Quality by steps" in Outline(page).headings


def test_a_report_of_several_folders_lies_in_the_first(parts: list[Path]) -> None:
    run = sfddm_bench("report", *map(str, reversed(parts)))
    assert (run.returncode, run.stdout.strip()) == (0, str(parts[-1] / "report.html"))
