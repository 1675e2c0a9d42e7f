"""The one error a user can cause."""


class InputError(ValueError):
    """Bad input: one line that names the option or file, what was given, and what is possible.

    The command line prints it on stderr and exits with 2; library users catch it as a ValueError.
    """


class WorkFailed(RuntimeError):
    """Some of the work that was asked for failed; the message is one line that says how much and what to do."""


class NonFiniteLoss(RuntimeError):
    """Training diverged; the message says where and what to change."""
