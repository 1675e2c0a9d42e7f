"""Locks between processes of one host, and by heartbeat between hosts."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.another_user import of_another_user, open_folder
from helpers.command_line import ENVIRONMENT

from bench.store import lock as locks
from bench.store.files import write_text
from bench.store.layout import LOCK
from bench.store.lock import Locks, TakenOver, is_locked
from sfddm.files import remove, writing

HOLDER = """
import sys, time
from pathlib import Path
from bench.store.lock import Locks
with Locks().hold(Path(sys.argv[1])) as held:
    print(held, flush=True)
    time.sleep(60)
"""


def test_a_held_folder_is_refused_and_free_again_afterwards(tmp_path: Path) -> None:
    one, other = Locks(), Locks()
    with one.hold(tmp_path) as held:
        assert held
        with other.hold(tmp_path) as second:
            assert not second
    assert not (tmp_path / LOCK).exists()
    with other.hold(tmp_path) as held:
        assert held


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    with Locks().hold(tmp_path) as held:
        assert not held
    process.kill()
    process.wait()
    assert (tmp_path / LOCK).read_text()
    with Locks().hold(tmp_path) as held:
        assert held


def test_a_lock_of_another_host_holds_while_its_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "STALE_SECONDS", 0.4)
    path = tmp_path / LOCK
    path.write_text("another-kernel 0123")
    ours = Locks()
    for beat in range(4):  # longer than the limit in all
        os.utime(path, (beat, beat))
        time.sleep(0.15)
        with ours.hold(tmp_path) as held:
            assert not held
    time.sleep(0.6)
    with ours.hold(tmp_path) as held:
        assert held
        assert path.read_text() == ours.token


def test_the_holder_beats_and_names_neither_host_nor_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.02)
    path = tmp_path / LOCK
    with Locks().hold(tmp_path):
        os.utime(path, (1, 1))
        ends = time.monotonic() + 10
        while path.stat().st_mtime == 1:
            assert time.monotonic() < ends
            time.sleep(0.01)
        assert all(len(token) == 16 and int(token, 16) >= 0 for token in path.read_text().split())


def taken_over(path: Path) -> str:
    """Write another holder's token into a lock, as a process of another host does; return it."""
    path.write_text("another-kernel 0123")
    return path.read_text()


def test_who_was_taken_over_writes_and_removes_nothing_more_and_leaves_the_lock(tmp_path: Path) -> None:
    with Locks().hold(tmp_path):
        write_text(tmp_path / "before", "ours")
        token = taken_over(tmp_path / LOCK)
        with pytest.raises(TakenOver, match="another process took over while this one stood still"):
            write_text(tmp_path / "inner" / "after", "ours")
        with pytest.raises(TakenOver):
            remove(tmp_path / "before")
        write_text(tmp_path.parent / "elsewhere", "another folder is no concern of this lock")
    assert {path.name for path in tmp_path.iterdir()} == {"before", LOCK}
    assert (tmp_path / LOCK).read_text() == token


def test_a_file_that_was_begun_before_the_takeover_does_not_appear(tmp_path: Path) -> None:
    def write() -> None:
        with writing(tmp_path / "model") as file:
            file.write(b"ours")
            taken_over(tmp_path / LOCK)

    with Locks().hold(tmp_path), pytest.raises(TakenOver):
        write()
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_a_lock_whose_file_was_replaced_is_anothers(tmp_path: Path) -> None:
    ours = Locks()
    with ours.hold(tmp_path):
        (tmp_path / LOCK).unlink()
        (tmp_path / LOCK).write_text(ours.token)  # another file, though it says the same
        with pytest.raises(TakenOver):
            write_text(tmp_path / "after", "ours")
    assert (tmp_path / LOCK).exists()


def test_who_was_taken_over_does_not_beat_for_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.01)
    path = tmp_path / LOCK
    with Locks().hold(tmp_path):
        taken_over(path)
        time.sleep(0.1)  # the beat that was just being made
        os.utime(path, (1, 1))
        time.sleep(0.3)
        assert path.stat().st_mtime == 1


def test_waiting_for_a_lock_ends_when_it_is_free(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with Locks().wait_and_hold(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    with Locks().wait_and_hold(tmp_path):
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_user_without_the_right_to_write_sees_who_holds_a_lock() -> None:
    """In a process without rights of its own: the tests may run as root, who may do everything."""
    with open_folder() as folder:
        with Locks().hold(folder):
            (folder / LOCK).chmod(0o444)
            assert of_another_user(lambda: is_locked(folder)) is True
            (folder / LOCK).chmod(0o000)
            assert of_another_user(lambda: is_locked(folder)) is True
        assert of_another_user(lambda: is_locked(folder)) is False
        (folder / LOCK).touch(0o000)
        os.utime(folder / LOCK, (0, 0))
        assert of_another_user(lambda: is_locked(folder)) is False
