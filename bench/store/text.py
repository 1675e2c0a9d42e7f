"""Text from outside on a terminal, on one line: nothing in it may move the cursor or change what is shown. No torch."""

import sys
import unicodedata

from sfddm.errors import InputError

CONTROL = ("Cc", "Cf", "Cs", "Zl", "Zp")  # ESC and its like; marks that turn the direction; halves of a code
LONGEST_SHOWN = 10_000  # characters of a name that is only shown: a variant with a list of all timesteps has thousands


def printable(text: str) -> str:
    """Return a text with every control character but a tab and a line break as a question mark."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if is_control(character) else character for character in text)


def to_stderr(line: str) -> None:
    """Print a line on stderr as a terminal may have it."""
    print(printable(line), file=sys.stderr)


def is_control(character: str) -> bool:
    """Tell whether a character does something to a terminal instead of showing."""
    return character not in "\n\t" and unicodedata.category(character) in CONTROL


def check_shown(option: str, name: str) -> str:
    """Return a name that is shown, but is no part of a path. Raises InputError naming the option, file or field."""
    if name.strip() and len(name) <= LONGEST_SHOWN and not any(is_control(c) or c in "\n\t" for c in name):
        return name
    given = repr(name) if len(name) <= 80 else f"{name[:20]!r}... ({len(name)} characters)"
    raise InputError(f"{option}: {given} given, possible: 1 to {LONGEST_SHOWN} characters that a terminal shows")


def percent(share: float) -> str:
    """Return a share in per cent, with up to three significant digits and no exponent."""
    value = 100 * share
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else f"{value:.6f}"


def duration(seconds: float) -> str:
    """Return a time that is not known exactly for people: `40 s`, `25 min`, `3.5 h`, `12 days`."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"
