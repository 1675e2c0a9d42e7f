"""Numbers as text."""

import math

from bench.report.summary import Statistic


def number(value: float, digits: int | None) -> str:
    """Return a number with so many digits after the point, or with three significant ones; never with an exponent."""
    places = decimals(value) if digits is None else digits
    text = f"{value:,.{places}f}" if abs(value) >= 10_000 else f"{value:.{places}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def decimals(value: float) -> int:
    """Return how many digits after the point show three significant ones."""
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0


def statistic_text(found: Statistic, digits: int | None) -> str:
    """Return `12.3`, `12.3 ± 0.4` for several seeds, and `[5.6]` after it where there is a scale to read it on."""
    places = decimals(found.mean) if digits is None else digits
    spread = "" if found.sd is None else f" ± {number(found.sd, places)}"
    scale = "" if found.scale is None else f" [{number(found.scale, places)}]"
    return f"{number(found.mean, places)}{spread}{scale}"
