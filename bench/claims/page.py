"""The verdicts of the claims on the console, as Markdown and as JSON. No torch."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bench.claims.verdicts import Finding, Test, Verdict
from bench.store.text import printable

STYLES = {"supported": "bold green", "not supported": "bold red", "undecided": "bold yellow"}
MARKS = {True: "holds", False: "fails", None: "cannot tell"}


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print each claim with its verdict, its tests in every setup, and what is missing."""
    console = Console(highlight=False)
    for verdict in verdicts:
        console.print(Text.assemble((verdict.verdict.upper(), STYLES[verdict.verdict]), f"  {verdict.claim}"))
        for finding in informed(verdict):
            console.print(Padding(Text(printable(f"{finding.setup.label}: {finding.verdict}")), (0, 0, 0, 2)))
            for test in finding.tests:
                console.print(Padding(Text(printable(f"- {line(test)}")), (0, 0, 0, 4)))
        if verdict.missing:
            console.print(Padding(Text(f"missing: {verdict.missing}", style="dim"), (0, 0, 0, 2)))
        console.print()


def informed(verdict: Verdict) -> list[Finding]:
    """Return the findings that measured something."""
    return [finding for finding in verdict.findings if any(test.effect for test in finding.tests)]


def line(test: Test) -> str:
    """Return a test as one line."""
    if test.effect is None:
        return f"missing: {test.missing}"
    asked = f" (asked: {test.bound}{'; ' * bool(test.power)}{test.power})" if test.bound else ""
    return f"{test.measured}: {test.effect.text}{asked}" + (f" -> {MARKS[test.holds]}" if test.decides else "")


def markdown(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as Markdown."""
    lines = ["# The claims of SFDDM's abstract", "", "| claim | verdict |", "|---|---|"]
    lines += [f"| {verdict.claim} | **{verdict.verdict}** |" for verdict in verdicts]
    lines += [
        "",
        "Ratios are geometric means over seeds of the same teacher and latents. Brackets are 95 % intervals of them by "
        "Student's t, their spread pooled over the step counts of a comparison; with fewer than three seeds that both "
        "sides have, an interval is of the sampling of so many images alone, and decides nothing. Where a test is "
        "asked at several step counts, Holm's rule keeps the chance of any wrong answer at 2.5 % each way.",
        "",
        "Over setups, those of the largest scale at hand decide; the scale `smoke` shows that the machinery works, and "
        "decides nothing.",
    ]
    for verdict in verdicts:
        lines += [
            "",
            f"## {verdict.claim}",
            "",
            f"**{verdict.verdict}**",
            "",
            f"Rule: {verdict.rule}",
            "",
            f"Cells: {verdict.about.cells}.",
        ]
        for finding in informed(verdict):
            lines += ["", f"{finding.setup.label}: {finding.verdict}", ""]
            lines += [f"- {line(test)}" for test in finding.tests]
        if verdict.missing:
            lines += ["", f"Missing: {verdict.missing}"]
    return "\n".join(lines) + "\n"


def as_json(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return the verdicts as JSON values."""
    return [
        {
            "number": verdict.about.number,
            "claim": verdict.about.text,
            "verdict": verdict.verdict,
            "rule": verdict.rule,
            "cells": verdict.about.cells,
            "missing": verdict.missing,
            "setups": [
                {
                    "setup": finding.setup.label,
                    "verdict": finding.verdict,
                    "tests": [_test(test) for test in finding.tests],
                }
                for finding in verdict.findings
            ],
        }
        for verdict in verdicts
    ]


def _test(test: Test) -> dict[str, Any]:
    effect = test.effect
    measured = (
        None
        if effect is None
        else {
            "value": effect.value,
            "low": effect.low,
            "high": effect.high,
            "seeds": effect.seeds,
            "degrees": effect.estimate.degrees if effect.estimate and effect.estimate.decides else None,
            "failed": list(effect.failed),
            "unpaired": list(effect.unpaired),
        }
    )
    return {
        "measured": test.measured,
        "asked": test.bound,
        "effect": measured,
        "power": test.power,
        "holds": test.holds,
        "decides": test.decides,
        "missing": test.missing,
    }
