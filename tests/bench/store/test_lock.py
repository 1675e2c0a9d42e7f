"""Locks between processes of one host, and by heartbeat between hosts."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT

from bench.store import lock as locks
from bench.store.layout import LOCK
from bench.store.lock import Locks

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
