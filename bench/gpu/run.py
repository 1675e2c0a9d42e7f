"""The parts that are left, one after the other until the time is up."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.gpu.child import CutOff, Failed, found_by
from bench.gpu.piece import Setup, piece
from bench.gpu.report import VERDICTS, Report

LEAST_SHARE = 0.5  # of the limit that must be left for another part to begin
DONE, MISSED, LEFT = 0, 1, 3  # exit codes


def run(names: Sequence[str], setup: Setup, out: Path, limit: float, say: Callable[[str], None]) -> int:
    """Do what is left of some pieces, for at most `limit` seconds; return the exit code.

    0: all targets hold. 1: one does not, or a part failed. 3: parts are left for the next call. The
    first part has the whole limit; no part begins with less than half of it.
    """
    report, began = Report(out, setup), time.monotonic()
    for name, part in left(report, names):
        remaining = limit - (time.monotonic() - began)
        if remaining < LEAST_SHARE * limit:
            break
        report.begin(name, part)
        started = time.monotonic()
        try:
            found = found_by(piece(name).parts[part], setup, report.earlier(name), remaining)
        except Failed as error:
            report.fail(name, part, str(error), time.monotonic() - started)
            say(f"{name}, {part}: failed: {error}")
        except CutOff:
            say(f"{name}, {part}: cut off after {remaining:.0f} s")
        else:
            report.end(name, part, found, time.monotonic() - started)
            say(f"{name}, {part}: {VERDICTS[found.holds]}: {found.said}")
    if over := left(report, names):
        say(f"{len(over)} parts are left; the same command does them")
        return LEFT
    return MISSED if any(report.holds(name) is False for name in names) else DONE


def left(report: Report, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the parts of pieces that are not over."""
    return [(name, part) for name in names for part in piece(name).parts if not report.is_over(name, part)]
