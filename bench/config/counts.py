"""Counts in short: `120k` and `2M`, as they are given, shown, and part of file names. No torch."""

import re
from decimal import Decimal

UNITS = {"": 1, "k": 10**3, "M": 10**6}
COUNT = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?)([kM]?)", re.ASCII)


def count_of(text: str) -> int | None:
    """Return the whole number that a text such as `120k`, `1.5M` or `2000` stands for; None if it stands for none."""
    match = COUNT.fullmatch(text.strip())
    value = Decimal(match[1]) * UNITS[match[2]] if match else None
    return int(value) if value is not None and value == int(value) else None


def short(count: int) -> str:
    """Return a count in the shortest form that `count_of` reads: 2M, 1500k, 121600."""
    for unit in ("M", "k"):
        if count and count % UNITS[unit] == 0:
            return f"{count // UNITS[unit]}{unit}"
    return str(count)
