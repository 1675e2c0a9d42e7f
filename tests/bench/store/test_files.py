"""Files that appear whole or not at all, however many write them at once."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from helpers.command_line import ENVIRONMENT
from hypothesis import given
from hypothesis import strategies as st

from bench.records.pictures import read_sheet, write_sheet
from bench.store import files
from bench.store.files import check_writable, flat, read_json, read_object, write_json
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


CHECKS = 5000
CHECKER = f"""
import sys
from pathlib import Path
from bench.store.files import check_writable
for _ in range({CHECKS}):
    check_writable(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_two_processes_may_find_out_at_once_5000_times(tmp_path: Path) -> None:
    words = [sys.executable, "-c", CHECKER, str(tmp_path / "out")]
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) for _ in range(2)]
    assert [process.communicate()[1] for process in both] == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    assert list((tmp_path / "out").iterdir()) == []


ODD_JSON = {
    "deep": b"[" * 100_000,
    "deep and whole": b"[" * 900 + b"]" * 900,
    "deep objects": b'{"a":' * 60 + b"1" + b"}" * 60,
    "not a number": b'{"a": NaN}',
    "infinite": b'{"a": -Infinity}',
    "beyond all bounds": b'{"a": 1e999}',
    "a huge whole number": b'{"a": ' + b"9" * 5000 + b"}",
    "half a character": b'{"a": "\\ud800"}',
    "no text": b"\xff\xfe\x00",
    "cut off": b'{"a": 1',
    "empty": b"",
    "a list": b"[1, 2]",
}


@pytest.mark.parametrize("data", ODD_JSON.values(), ids=ODD_JSON.keys())
def test_odd_json_is_one_line_that_names_the_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"odd\.json: not a readable sweep \(") as caught:
        read_object(path, "sweep")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 200


def test_what_is_no_file_or_too_large_is_one_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.json")  # reading it would wait for ever
    (tmp_path / "folder.json").mkdir()
    for name in ("pipe.json", "folder.json", "none.json"):
        with pytest.raises(InputError, match=f"{name}: not a readable file"):
            read_json(tmp_path / name)
    monkeypatch.setattr(files, "LARGEST_JSON", 10)
    write_json(tmp_path / "large.json", {"number": 123456})
    with pytest.raises(InputError, match=r"large\.json: not a readable file \(it has more than 10 bytes\)"):
        read_json(tmp_path / "large.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_written_reads_back_equal(value: object) -> None:
    with TemporaryDirectory() as folder:
        write_json(Path(folder) / "a.json", value)
        assert read_json(Path(folder) / "a.json") == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_is_in_a_file_it_is_read_or_refused_in_a_line(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_bytes(data)
        line = f"{path}: "
        try:
            read_json(path)
        except InputError as error:
            line = str(error)
        assert line.startswith(f"{path}: ")
        assert "\n" not in line


def test_a_folder_that_cannot_be_made_is_refused_by_the_options_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--data-root: .*file.* given, but it cannot be written"):
        check_writable(tmp_path / "file" / "below", "--data-root")


def test_nested_values_become_dotted_names() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": None, "f": {}}) == {"a.b.c": 1, "a.d": [2], "e": None}
