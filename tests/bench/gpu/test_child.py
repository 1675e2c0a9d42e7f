"""A part in a process of its own: what it found comes back; its failure, its death and its time are told."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest
from helpers.gpu_parts import HANGS, dies, doubles, hangs, raises

from bench.gpu.child import CutOff, Failed, found_by
from bench.gpu.piece import Part, Setup

LIMIT = 120.0


def test_what_a_part_found_comes_back_from_another_process(tmp_path: Path) -> None:
    setup = Setup("cpu", True, tmp_path / "work")
    found = found_by(doubles, setup, {"one": {"value": 21}}, LIMIT)
    assert (found.holds, found.said, found.values["value"]) == (True, "on cpu", 42)
    assert found.values["process"] != os.getpid()


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (raises, "RuntimeError: CUDA error: an illegal memory access was encountered"),
        (dies, "its process ended with exit code 7"),
    ],
)
def test_a_failure_is_one_line(part: Part, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        found_by(part, Setup("cpu", True, tmp_path), {}, LIMIT)
    assert str(caught.value) == reason


def test_nothing_is_left_of_a_part_that_is_cut_off(tmp_path: Path) -> None:
    for limit in (4.0, 16.0, 64.0):  # a busy machine is slow to begin
        with pytest.raises(CutOff):
            found_by(hangs, Setup("cpu", True, tmp_path), {}, limit)
        if (tmp_path / "process").exists():
            break
    process = int((tmp_path / "process").read_text())
    time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_part_that_is_cut_off_before_it_begins_is_not_waited_for(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(CutOff):
        found_by(hangs, Setup("cpu", True, tmp_path), {}, 0.01)
    assert not multiprocessing.active_children()
    assert time.monotonic() - begin < HANGS / 2
