"""Preparations that are refused, killed, doubled or short of disk, and sources that change between two of them."""

import errno
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from helpers.command_line import ENVIRONMENT, PROGRAM, end, sfddm_bench, start
from helpers.dataset_forms import image_folder, lsun_lmdb, picture, zipped

import bench.store.files
from bench.datasets import packing
from bench.datasets.packed import load_packed, read_manifest
from bench.datasets.prepare import prepare
from sfddm.errors import InputError
from sfddm.files import writing

WHOLE = {"images.npy", "labels.npy", "manifest.json"}


def words(source: Path, root: Path, *more: str) -> list[str]:
    return [
        "datasets",
        "prepare",
        "folder",
        "--from",
        str(source),
        "--resolution",
        "8",
        "--data-root",
        str(root),
        *more,
    ]


def labelled(folder: Path, count: int, size: int = 8) -> Path:
    """Write a folder of images of two classes."""
    for name in ("a", "b"):
        image_folder(folder / name, count // 2, size)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_preparation_ends_with_what_was_taken_and_what_was_left_out(tmp_path: Path) -> None:
    labelled(tmp_path / "set" / "train", 4)
    labelled(tmp_path / "set" / "test", 2)
    (tmp_path / "set" / "README.txt").write_text("hello")
    (tmp_path / "set" / ".DS_Store").write_text("hello")
    for source in (tmp_path / "set", zipped(tmp_path / "set", tmp_path / "set.zip")):
        done = sfddm_bench(*words(source, tmp_path / "data", "--limit", "3"))
        folder = tmp_path / "data" / "folder" / "8"
        assert done.stdout.splitlines() == [
            str(folder),
            "taken: 3 images",
            "held out: 2 images",
            "left out: 1 hidden or the system's",
            "left out: 1 not images (.txt)",
            "left out: 1 beyond the share or --limit",
        ]
        assert sum(read_manifest(folder).left_out.values()) == 3


@pytest.mark.parametrize(
    "options", [("--from", ""), ("--name", ""), ("--name", "../x"), ("--name", "digits"), ("--limit", "0")]
)
def test_an_option_that_names_nothing_is_one_line_and_writes_nothing(tmp_path: Path, options: tuple[str, str]) -> None:
    image_folder(tmp_path / "set", 2, 8)
    done = sfddm_bench(*words(tmp_path / "set", tmp_path / "data", *options))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{options[0]}: '{options[1]}' given" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_counts_and_sizes_beyond_reason_are_taken_as_all_or_refused(tmp_path: Path) -> None:
    image_folder(tmp_path / "set", 2, 8)
    assert read_manifest(prepare("folder", tmp_path / "set", tmp_path / "data", 8, 10**12)).count == 2
    with pytest.raises(InputError, match="--resolution: 4097 given, folder has: any from 1 up to 4096"):
        prepare("folder", tmp_path / "set", tmp_path / "data", 4097)


@pytest.mark.parametrize("count", [20, 600])
def test_a_refusal_is_repeated_until_the_file_is_repaired_and_then_it_is_taken(tmp_path: Path, count: int) -> None:
    image_folder(tmp_path / "set", count, 8)
    broken = tmp_path / "set" / "00007.png"
    good = broken.read_bytes()
    broken.write_bytes(b"junk")
    for _ in range(3):
        with pytest.raises(InputError, match=r"1 of the first \d+ images cannot be read .*00007\.png"):
            prepare("folder", tmp_path / "set", tmp_path / "data", 8)
    broken.write_bytes(good)
    assert read_manifest(prepare("folder", tmp_path / "set", tmp_path / "data", 8)).count == count


def test_a_refused_preparation_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    image_folder(tmp_path / "set", 20, 8)
    prepare("folder", tmp_path / "set", tmp_path / "data", 8)
    (tmp_path / "set" / "00007.png").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read"):
        prepare("folder", tmp_path / "set", tmp_path / "data", 8)
    assert len(load_packed(tmp_path / "data", "folder", 8).pixels) == 20


class Stopped(Exception):
    """Ends a preparation after a chunk, as a kill does."""


def stop(*_: object) -> None:
    raise Stopped


def test_progress_made_with_other_files_of_the_same_names_and_times_is_not_used(tmp_path: Path) -> None:
    for name, first in (("one", 0), ("two", 1000)):
        (tmp_path / name).mkdir()
        for number in range(300):
            path = tmp_path / name / f"{number:03}.bmp"  # all of one size
            picture(first + number, 8, 8).save(path)
            os.utime(path, (0, 0))
    with pytest.raises(Stopped):
        prepare("folder", tmp_path / "one", tmp_path / "data", 8, report=stop)
    whole = prepare("folder", tmp_path / "two", tmp_path / "fresh", 8)
    resumed = prepare("folder", tmp_path / "two", tmp_path / "data", 8)
    assert (resumed / "images.npy").read_bytes() == (whole / "images.npy").read_bytes()


def test_a_source_that_changes_while_it_is_read_is_refused_and_then_read_again(tmp_path: Path) -> None:
    image_folder(tmp_path / "set", 4, 8)

    def change(*_: object) -> None:
        picture(99, 8, 8).save(tmp_path / "set" / "00001.png")

    with pytest.raises(InputError, match="was changed while it was read; give the same command again"):
        prepare("folder", tmp_path / "set", tmp_path / "data", 8, report=change)
    pixels = load_packed(prepare("folder", tmp_path / "set", tmp_path / "data", 8).parents[1], "folder", 8).pixels
    np.testing.assert_array_equal(pixels[1].transpose(1, 2, 0), np.asarray(picture(99, 8, 8)))


def test_a_changed_zip_and_a_changed_lmdb_start_again(tmp_path: Path) -> None:
    def fresh(name: str, source: Path, resolution: int) -> None:
        with pytest.raises(Stopped):
            prepare(name, source, tmp_path / "data", resolution, report=stop)

    image_folder(tmp_path / "set", 3, 8)
    fresh("folder", zipped(tmp_path / "set", tmp_path / "set.zip"), 8)
    picture(99, 8, 8).save(tmp_path / "set" / "00000.png")
    folder = prepare("folder", zipped(tmp_path / "set", tmp_path / "set.zip"), tmp_path / "data", 8)
    np.testing.assert_array_equal(
        np.load(folder / "images.npy", allow_pickle=False)[0].transpose(1, 2, 0), np.asarray(picture(99, 8, 8))
    )
    lsun_lmdb(tmp_path / "lmdb", 3, 64, 64)
    fresh("lsun_church", tmp_path / "lmdb", 64)
    os.utime(tmp_path / "lmdb" / "data.mdb")
    reported: list[int] = []
    prepare("lsun_church", tmp_path / "lmdb", tmp_path / "data", 64, report=lambda done, _: reported.append(done))
    assert reported == [3]


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0, 0.3])
def test_two_processes_that_prepare_one_dataset_leave_one_that_loads(tmp_path: Path, wait: float) -> None:
    image_folder(tmp_path / "set", 900, 32)
    processes = []
    for _ in range(2):
        processes.append(start([*PROGRAM, *words(tmp_path / "set", tmp_path / "data")]))
        time.sleep(wait)
    for code, said in map(end, processes):
        assert code == 0 or (code == 2 and "another process is preparing it" in said), said
    assert len(load_packed(tmp_path / "data", "folder", 8).pixels) == 900
    assert {path.name for path in (tmp_path / "data" / "folder" / "8").iterdir()} <= {*WHOLE, "verified.json"}


@pytest.mark.slow
def test_a_preparation_killed_at_ten_moments_with_a_file_changed_each_time_is_as_a_fresh_one(tmp_path: Path) -> None:
    labelled(tmp_path / "set", 1200, 48)
    folder = tmp_path / "data" / "folder" / "8"
    for moment in range(10):
        process = subprocess.Popen(
            [*PROGRAM, *words(tmp_path / "set", tmp_path / "data")],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not folder.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.05 * moment)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        picture(5000 + moment, 48, 48).save(tmp_path / "set" / "a" / f"{moment:05}.png")
    resumed = prepare("folder", tmp_path / "set", tmp_path / "data", 8)
    assert content(resumed) == content(prepare("folder", tmp_path / "set", tmp_path / "fresh", 8))


@contextmanager
def failing_at(number: int, monkeypatch: pytest.MonkeyPatch, ends: bool) -> Iterator[None]:
    """Let the number-th file of ours that is written fail for want of space, half written, or end the process there."""
    calls = itertools.count(1)

    @contextmanager
    def short(path: Path) -> Iterator[BinaryIO]:
        with writing(path) as file:
            yield file
            if next(calls) == number:
                file.flush()
                file.truncate(file.tell() // 2)
                if ends:
                    os._exit(9)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(bench.store.files, "writing", short)
        patched.setattr(packing, "writing", short)
        yield


@pytest.mark.slow
@pytest.mark.parametrize("ends", [False, True])
def test_whichever_write_fails_or_kills_the_same_command_gives_equal_data_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    source = labelled(tmp_path / "set", 6)
    monkeypatch.setattr(packing, "MOST_CHUNK", 2)
    whole = content(prepare("folder", source, tmp_path / "fresh", 8))
    assert set(whole) == WHOLE
    for number in itertools.count(1):
        root = tmp_path / f"data{number}"
        if not (fails_in_a_child if ends else fails)(number, source, root, monkeypatch):
            break
        assert content(prepare("folder", source, root, 8)) == whole
    assert number == 6  # three chunks, labels and manifest were written


def fails(number: int, source: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether a preparation failed at its number-th write, naming the file."""
    try:
        with failing_at(number, monkeypatch, ends=False):
            prepare("folder", source, root, 8)
    except OSError as error:
        return Path(error.filename).parent == root / "folder" / "8"
    return False


def fails_in_a_child(number: int, source: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether a process that prepares was killed at its number-th write."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with failing_at(number, monkeypatch, ends=True):
                prepare("folder", source, root, 8)
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.mark.parametrize("free", [1000, None])
def test_a_full_disk_is_told_in_a_line_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int | None
) -> None:
    image_folder(tmp_path / "set", 20, 8)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if free is None:
        monkeypatch.setattr(packing, "append", full)
        with pytest.raises(OSError, match="No space left") as raised:
            prepare("folder", tmp_path / "set", tmp_path / "data", 8)
        assert raised.value.filename.endswith("images.partial")
    else:
        monkeypatch.setattr(packing.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
        with pytest.raises(InputError, match=r"images\.partial: 4\.0 kB are needed and 1\.0 kB are free"):
            prepare("folder", tmp_path / "set", tmp_path / "data", 8)
