"""Training states on disk: whole or not there, the previous one kept, damage named."""

import os
import resource
import subprocess
import threading
import time
from pathlib import Path

import pytest
import torch

from sfddm import resume
from sfddm.resume import load_state, save_state, saved_states, writer


def state(value: float) -> dict:
    return {"training": {"weights": torch.full((300,), value), "iteration": int(value)}, "losses": [(1, 0.5)]}


def loaded(folder: Path) -> tuple[float | None, list[str]]:
    lines: list[str] = []
    found = load_state(folder, lines.append)
    return (None if found is None else found["training"]["weights"][0].item()), lines


def test_the_newest_state_comes_back_and_two_are_kept(tmp_path: Path) -> None:
    assert loaded(tmp_path) == (None, [])
    for iteration in (50, 100, 1000):
        save_state(tmp_path, iteration, state(iteration))
    assert loaded(tmp_path) == (1000, [])
    assert [path.name.split("-")[1] for path in saved_states(tmp_path)] == ["000000100", "000001000"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_state_is_named_and_the_one_before_is_taken_and_then_none(damage: str, tmp_path: Path) -> None:
    save_state(tmp_path, 50, state(50))
    save_state(tmp_path, 100, state(100))
    for remaining, path in [(50, saved_states(tmp_path)[1]), (None, saved_states(tmp_path)[0])]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes({"truncated": content[:-100], "flipped": content, "empty": b""}[damage])
        value, lines = loaded(tmp_path)
        assert value == remaining
        assert len(lines) == 1
        assert f"{path}: not what was written" in lines[0]
        assert not path.exists()


def test_a_full_disk_names_the_file_and_keeps_the_state_before(tmp_path: Path) -> None:
    save_state(tmp_path, 50, state(50))
    process = os.fork()
    if process == 0:  # a limit of this process alone
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            save_state(tmp_path, 100, state(100))
        except OSError as error:
            code = 0 if error.filename == str(tmp_path / "resume.new") and error.strerror else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert loaded(tmp_path) == (50, [])
    assert len(list(tmp_path.iterdir())) == 1


class Trap:
    def __reduce__(self) -> tuple:
        return os.putenv, ("SFDDM_TRAP", "sprung")


def test_nothing_is_unpickled_but_tensors_and_plain_values(tmp_path: Path) -> None:
    save_state(tmp_path, 1, {"training": Trap()})
    said: list[str] = []
    assert load_state(tmp_path, said.append) is None
    assert len(said) == 1
    assert "not a training state (Weights only load failed" in said[0]
    assert "SFDDM_TRAP" not in os.environ
    assert subprocess.run(["printenv", "SFDDM_TRAP"], capture_output=True, check=False).stdout == b""


def test_a_state_is_written_as_it_was_although_training_goes_on(tmp_path: Path) -> None:
    given = state(7)
    with writer(tmp_path) as own:
        own.begin(7, given)
        given["training"]["weights"].zero_()
        given["losses"].append((2, 0.1))
    assert own.seconds == own.last > 0
    assert not own.is_busy
    assert load_state(tmp_path, print)["losses"] == [(1, 0.5)]  # type: ignore[index]
    assert loaded(tmp_path) == (7, [])


def test_a_fault_of_the_thread_is_raised_when_it_is_collected_and_at_the_latest_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the folder's place")
    with pytest.raises(OSError, match="file"), writer(tmp_path / "file") as own:  # noqa: PT012
        own.begin(1, state(1))
        while own.is_busy:
            time.sleep(0.001)
        with pytest.raises(OSError, match="file"):
            own.collect()


def test_who_does_not_wait_for_a_state_leaves_none_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state(tmp_path, 50, state(50))
    began, goes_on = threading.Event(), threading.Event()

    def slow(given: object, file: resume.Hashed) -> None:
        file.write(b"the first bytes")
        began.set()
        goes_on.wait(10)
        file.write(b"the last bytes")

    monkeypatch.setattr(torch, "save", slow)
    with pytest.raises(KeyboardInterrupt), writer(tmp_path) as own:  # noqa: PT012
        own.begin(100, state(100))
        assert began.wait(10)
        monkeypatch.setattr(own.pool, "shutdown", lambda end=own.pool.shutdown: (goes_on.set(), end()))
        raise KeyboardInterrupt
    assert loaded(tmp_path) == (50, [])
    assert len(list(tmp_path.iterdir())) == 1
