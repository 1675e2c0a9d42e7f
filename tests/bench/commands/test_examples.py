"""The examples in the help of commands: each can be pasted, and the command line takes it as it is."""

import shlex
from typing import Any

import pytest
from helpers.subcommands import COMMANDS
from typer.testing import CliRunner

from bench.cli import app

WIDTH = 78  # of a terminal of 80 columns, without the margin of help texts


def examples(command: Any) -> list[str]:
    """Return the examples that a command's help shows."""
    return [line.replace("\\[", "[") for line in command.epilog.split("\n\n")[1:]]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_example_is_taken_and_stands_on_a_line_of_its_own(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    shown = CliRunner().invoke(app, [*path, "-h"], terminal_width=80).stdout
    lines = [line.strip() for line in shown.splitlines()]
    assert examples(command)
    for example in examples(command):
        assert len(example) <= WIDTH
        assert example in lines
        words = shlex.split(example)
        words = words[words.index("sfddm-bench") + 1 :]
        assert tuple(words[: len(path)]) == path
        command.make_context(path[-1], words[len(path) :])  # parses, and runs nothing


def test_an_example_with_an_option_that_is_not_there_is_refused() -> None:
    with pytest.raises(Exception, match="No such option"):
        COMMANDS[("status",)].make_context("status", ["--no-such-option"])
