"""What can go wrong because of what a user gave, and what the user should know about."""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

NEAR = 0.6  # difflib's ratio from which a name is taken for a misspelling of another


class InputError(ValueError):
    """Bad input: one line that names the parameter or file, what was given, and what is possible."""

    @classmethod
    def unknown(cls, name: str, given: str, possible: Iterable[str], hint: bool = True) -> "InputError":
        """Return the error of a name that does not exist, with the possible ones and, if wanted, the nearest."""
        return InputError(f"{name}: {_unknown(given, list(possible), hint)}")


class ParameterError(InputError):
    """Bad input in one parameter of a function or setting of a method.

    `parameter` is its name as a library user knows it; a dotted one is a method's setting, such as `ddim.grid`.
    """

    def __init__(self, parameter: str, said: str):
        super().__init__(parameter, said)  # both, because an exception is unpickled from what it was made with
        self.parameter, self.said = parameter, said

    def __str__(self) -> str:
        return f"{self.parameter}: {self.said}"

    @classmethod
    def unknown(cls, name: str, given: str, possible: Iterable[str], hint: bool = True) -> "ParameterError":
        """Return the error of a value that does not exist, as `InputError.unknown` does."""
        return ParameterError(name, _unknown(given, list(possible), hint))


class WorkFailed(RuntimeError):
    """Some of the requested work failed; the message is one line that says how much and what to do."""


class NonFiniteLoss(RuntimeError):
    """Training diverged; the message says where and what to change."""


def first_fault(error: "ValidationError") -> tuple[str, str]:
    """Return where the first fault of a validation is, as a dotted name, and what it is."""
    fault = error.errors()[0]
    return ".".join(map(str, fault["loc"])), fault["msg"]


def _unknown(given: str, possible: list[str], hint: bool) -> str:
    near = difflib.get_close_matches(given, possible, n=1, cutoff=NEAR) if hint else []
    guess = f" (did you mean '{near[0]}'?)" if near else ""
    return f"'{given}' given{guess}, possible: {', '.join(possible)}"
