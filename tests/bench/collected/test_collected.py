"""Records of several folders in one, and in one file: equal ones once, contradictions named, nothing lost."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest
import typer
from helpers.command_line import sfddm_bench
from helpers.made_run import PROTOCOL, quality, record

from bench.collected.archive import is_unpacked, unpacked, write_archive
from bench.collected.gathering import gather
from bench.collected.merging import write_merged
from bench.commands.archive import archive
from bench.commands.checklist import checklist
from bench.commands.claims import claims
from bench.commands.merge import merge
from bench.commands.remeasure import remeasure
from bench.commands.tables import tables
from bench.commands.verify import EXIT_DIFFERS, verify
from bench.records.record import REAL, Record, read_records, write_record
from bench.store.files import write_text
from bench.store.layout import RunFolder
from bench.store.packages import installed, packages_path, read_packages, sha256_of, write_packages
from sfddm.errors import InputError

PICTURE = b"\x89PNG, so to speak"


def put(folder: Path, *records: Record) -> Path:
    """Write records, each with a picture of its own, and the list of packages that they name."""
    write_packages(RunFolder(folder))
    for one in records:
        write_record(folder, one, {f"{one.name}.png": PICTURE + one.name.encode()})
    return folder


def made(method: str, steps: int, seed: int, distance: float | None, **other: object) -> Record:
    """Return a record of a dataset that is not here, so that `verify` only notes that it is not."""
    own = {"dataset": "mine", "protocol": PROTOCOL.model_copy(update={"reference": "mine"})}
    return record(method, steps, seed, distance, packages=sha256_of(installed()), **own, **other)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folders_become_one_and_equal_cells_are_there_once(tmp_path: Path) -> None:
    real = made(REAL, None, 0, 1.0)
    one = put(tmp_path / "one", made("ddim", 1, 0, 5.0), made("sfddm", 1, 0, 7.0), real)
    two = put(tmp_path / "two", made("ddim", 1, 0, 5.0), made("pd", 1, 0, 6.0), real)
    found = gather([one, two])
    assert found.same == 2
    written = write_merged(found, tmp_path / "all")
    assert files(tmp_path / "all") == files(two) | files(one)
    assert written == len(files(tmp_path / "all"))
    assert write_merged(gather([tmp_path / "all", one, two]), tmp_path / "all") == 0
    assert [r.method for r in read_records(tmp_path / "all")] == [REAL, "ddim", "pd", "sfddm"]


def test_a_cell_with_two_values_is_named_with_both_and_nothing_is_chosen_silently(tmp_path: Path) -> None:
    one, two = (put(tmp_path / name, made("ddim", 1, 0, value)) for name, value in (("one", 5.0), ("two", 5.5)))
    with pytest.raises(InputError, match=r"quality\.distance\.value 5\.0 \| 5\.5.*--keep-first"):
        gather([one, two])
    for order in ([one, two], [two, one]):
        kept = gather(order, keep_first=True)
        assert next(iter(kept.files.values())).is_relative_to(order[0])
        assert kept.same == 1


def test_other_costs_are_no_contradiction_but_another_version_of_a_stage_may_be(tmp_path: Path) -> None:
    slow = put(
        tmp_path / "slow", made("ddim", 1, 0, 5.0, sampling_cost={"wall_seconds": 9.0, "images_per_second": 1.0})
    )
    fast = put(
        tmp_path / "fast", made("ddim", 1, 0, 5.0, sampling_cost={"wall_seconds": 1.0, "images_per_second": 9.0})
    )
    assert gather([slow, fast]).same == 1
    newer = put(tmp_path / "newer", made("ddim", 1, 0, 4.0, key="f" * 64))
    with pytest.raises(InputError, match="one cell with two values"):
        gather([slow, newer])
    assert gather([slow, put(tmp_path / "budget", made("ddim", 1, 0, 4.0, key="e" * 64, budget=9))]).same == 0


def test_a_failed_cell_gives_way_to_a_measured_one(tmp_path: Path) -> None:
    failed = put(tmp_path / "failed", made("ddim", 1, 0, None, failure="out of memory", key="d" * 64))
    good = put(tmp_path / "good", made("ddim", 1, 0, 5.0))
    for order in ([failed, good], [good, failed]):
        found = gather(order)
        assert [one.failure for one in found.records.values()] == [None]
        assert {path.is_relative_to(good) for name, path in found.files.items() if name.endswith(".json")} == {True}
    write_merged(gather([failed, good]), failed)
    assert [one.failure for one in read_records(failed)] == [None]
    assert len(read_records(good)) == 1


def test_results_of_two_machines_pass_the_gate_until_a_digit_is_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = re.sub(r"^numpy==.*$", "numpy==0.0.1", installed(), flags=re.MULTILINE)
    one, two = put(tmp_path / "one", made("ddim", 1, 0, 5.0)), tmp_path / "two"
    write_text(packages_path(RunFolder(two), sha256_of(other)), other)
    write_record(two, made("sfddm", 1, 0, 7.25).model_copy(update={"packages": sha256_of(other)}), {})
    own = tmp_path / "results" / "mine"
    merge([one, two], own)
    tables([own], None)
    record = next(own.rglob("sfddm-1-*.json"))
    whole = record.read_text()
    for text, code in ((whole, 0), (whole.replace("7.25", "7.15"), EXIT_DIFFERS), (whole, 0)):
        record.write_text(text)
        capsys.readouterr()
        with pytest.raises(typer.Exit) as left:
            verify([tmp_path / "results"])
        said = capsys.readouterr().out
        assert left.value.exit_code == code
        assert (f"{record}: was changed after it was written" in said) == (code != 0)
        assert code or re.search(r"different packages, .*: numpy .*0\.0\.1", said)


def test_an_archive_holds_all_of_it_and_reads_as_the_folder(tmp_path: Path) -> None:
    run = put(tmp_path / "run", made("ddim", 1, 0, 5.0), made("sfddm", 4, 1, 7.0))
    path = tmp_path / "kept.zip"
    assert write_archive(gather([run]), path) == path.stat().st_size
    folder = unpacked(path)
    assert is_unpacked(folder)
    assert files(folder) == files(run)
    assert read_records(folder) == read_records(run)
    again = tmp_path / "again.zip"
    write_archive(gather([folder]), again)
    assert again.read_bytes() == path.read_bytes()
    write_archive(gather([run]), again, pictures=False)
    assert {Path(name).suffix for name in zipfile.ZipFile(again).namelist()} == {".json", ".txt"}


def rewritten(path: Path, changes: dict[str, bytes | None]) -> None:
    """Write an archive again with entries changed, added, or left out."""
    with zipfile.ZipFile(path) as packed:
        entries = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in (entries | changes).items():
            if data is not None:
                packed.writestr(name, data)


def listing(path: Path, **files: object) -> bytes:
    with zipfile.ZipFile(path) as packed:
        contents = json.loads(packed.read("archive.json"))
    contents["files"] |= files
    return json.dumps(contents).encode()


def about(data: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


@pytest.mark.parametrize(
    "how", ["changed", "added", "left out", "outside", "cut", "damaged", "another zip", "no archive.json"]
)
def test_what_was_done_to_an_archive_is_told_in_a_line(tmp_path: Path, how: str) -> None:
    run, path = put(tmp_path / "run", made("ddim", 1, 0, 5.0)), tmp_path / "runs.zip"
    write_archive(gather([run]), path)
    name = next(name for name in files(run) if name.endswith(".json"))
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif how == "damaged":
        whole = path.read_bytes()
        middle = len(whole) // 2  # of the largest entry's packed bytes
        path.write_bytes(whole[:middle] + b"\xff" * 20 + whole[middle + 20 :])
    else:
        evil = "records/../../evil.json"
        rewritten(
            path,
            {
                "changed": {name: b"{" + files(run)[name][1:-1] + b" "},
                "added": {"records/x/y.json": b"{}"},
                "left out": {name: None},
                "outside": {evil: b"{}", "archive.json": listing(path, **{evil: about(b"{}")})},
                "another zip": {"archive.json": b"[]"},
                "no archive.json": {"archive.json": None},
            }[how],
        )
    done = sfddm_bench("tables", str(path), "--out", str(tmp_path / "out"))
    assert done.returncode == 2, done.stdout
    assert done.stderr.count("\n") == 1
    assert str(path) in done.stderr
    assert not (tmp_path / "evil.json").exists()


def test_the_commands_end_to_end(tmp_path: Path) -> None:
    one, two = put(tmp_path / "one", made("ddim", 1, 0, 5.0)), put(tmp_path / "two", made("pd", 1, 0, 6.0))
    packed, out = tmp_path / "one.zip", tmp_path / "all"
    done = sfddm_bench("archive", str(one), "--to", str(packed))
    assert (done.returncode, done.stdout.count(": 1 record, 1 picture, ")) == (0, 1), done.stderr
    done = sfddm_bench("merge", str(packed), str(two), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert f"{out}: 2 records; 5 files copied" in done.stdout
    assert sfddm_bench("verify", str(out)).returncode == 0
    refused = sfddm_bench("tables", str(packed))
    assert (refused.returncode, refused.stderr.count("is an archive, and nothing is written into it")) == (2, 1)


def test_nothing_is_written_into_an_archive_where_it_would_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "runs.zip"
    write_archive(gather([put(tmp_path / "run", made("ddim", 1, 0, 5.0))]), path)
    for command in (claims, checklist, remeasure):
        with pytest.raises(InputError, match=r"runs\.zip is an archive, and nothing is written into it"):
            command([path])
    claims([path], out=tmp_path / "out")
    assert (tmp_path / "out" / "claims.json").is_file()


def test_an_archive_is_named_as_its_folder_and_never_replaces_one_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = put(tmp_path / "run", made("ddim", 1, 0, 5.0))
    monkeypatch.chdir(run)
    archive([Path()])
    assert capsys.readouterr().out.startswith("run.zip: 1 record, 1 picture")
    kept = Path("run.zip").read_bytes()
    with pytest.raises(InputError, match=r"--to: 'run\.zip' by default, which is read itself"):
        archive([Path("run.zip")], no_pictures=True)
    with pytest.raises(InputError, match=r"run\.zip' given, which is read itself"):
        archive([Path("run.zip")], to=run / "run.zip")
    assert Path("run.zip").read_bytes() == kept


def test_a_changed_list_of_packages_and_lists_that_differ_are_told(tmp_path: Path) -> None:
    run = RunFolder(put(tmp_path / "run", made("ddim", 1, 0, 5.0)))
    other = installed().replace("torch==", "torch==0.0.1.of.", 1) if "\ntorch==" in installed() else "torch==0\n"
    packages_path(run, sha256_of(other)).write_text(other)
    write_record(run.root, made("pd", 1, 0, 6.0).model_copy(update={"packages": sha256_of(other)}))
    done = sfddm_bench("verify", str(run.root))
    assert done.returncode == 0
    assert "made with different packages" in done.stdout
    path = packages_path(run, sha256_of(installed()))
    assert read_packages(path)["torch"]
    path.write_text(path.read_text() + "more==1\n")
    done = sfddm_bench("verify", str(run.root))
    assert (done.returncode, done.stdout.count("was changed after it was written")) == (3, 1)


def test_the_quality_that_is_compared_is_all_of_it(tmp_path: Path) -> None:
    fewer = quality(5.0) | {"images": 200}
    one = put(tmp_path / "one", made("ddim", 1, 0, 5.0))
    two = put(tmp_path / "two", made("ddim", 1, 0, 5.0).model_copy(update={"quality": None}))
    assert gather([one, two]).same == 1  # a cell of which quality was not asked contradicts nothing
    three = put(tmp_path / "three", Record(**made("ddim", 1, 0, 5.0).model_dump() | {"quality": fewer}))
    with pytest.raises(InputError, match=r"quality\.images 256 \| 200"):
        gather([one, three])
