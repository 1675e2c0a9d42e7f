"""Files that appear whole or not at all, however many write them at once."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.records.pictures import read_sheet, write_sheet
from bench.store.files import check_writable, flat, write_json
from sfddm.errors import InputError

WRITERS, TIMES = 8, 20


def at_once(work: Callable[[int], None]) -> list[BaseException]:
    """Do work in threads that start together; return what went wrong."""
    gate, faults = threading.Barrier(WRITERS), []

    def run(number: int) -> None:
        gate.wait()
        try:
            for _ in range(TIMES):
                work(number)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def test_a_picture_that_many_write_at_once_is_that_of_one_of_them(tmp_path: Path) -> None:
    path = tmp_path / "real-data.png"

    def write(number: int) -> None:
        write_sheet(np.full((4, 1, 8, 8), number, np.uint8), path)
        assert len(np.unique(read_sheet(path, 8, 1, 4)[:, :8])) == 1

    assert at_once(write) == []
    assert [file.name for file in tmp_path.iterdir()] == ["real-data.png"]


def test_a_file_that_many_write_at_once_is_whole(tmp_path: Path) -> None:
    assert at_once(lambda number: write_json(tmp_path / "a.json", {"number": number})) == []
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_many_may_find_out_at_once_whether_a_folder_can_be_written(tmp_path: Path) -> None:
    assert at_once(lambda number: check_writable(tmp_path / "out") and None) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused_by_the_options_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--data-root: .*file.* given, but it cannot be written"):
        check_writable(tmp_path / "file" / "below", "--data-root")


def test_nested_values_become_dotted_names() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": None, "f": {}}) == {"a.b.c": 1, "a.d": [2], "e": None}
