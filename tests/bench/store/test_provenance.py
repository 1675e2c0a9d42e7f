"""What is kept of a command line and an error names neither user nor host."""

import platform
from pathlib import Path

import pytest

from bench.store.provenance import anonymous, command_line


def test_home_user_and_host_are_taken_out_of_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "alice")
    host = platform.node()
    for text, kept in [
        (f"{Path.home()}/runs", "~/runs"),
        ("--set teacher.weights=/home/bob/a.safetensors", "--set teacher.weights=~/a.safetensors"),
        ("/Users/carol/data", "~/data"),
        ("/scratch/alice/runs", "/scratch/_/runs"),
        (f"/net/{host}/x", "/net/_/x"),
        ("runs/malice/x", "runs/malice/x"),
        ("--steps", "--steps"),
    ]:
        assert anonymous(text) == kept


def test_the_command_line_is_the_words_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bench/cli.py", "run", "--out", "/home/bob/runs"])
    assert command_line() == ["sfddm-bench", "run", "--out", "~/runs"]
