"""The verdicts of the claims on the console, as Markdown and as JSON. No torch."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bench.claims.training import FULL_SHARE, LEAST_SHARE, SETTLED
from bench.claims.verdicts import Finding, Test, Verdict
from bench.store.text import printable

STYLES = {"supported": "bold green", "not supported": "bold red", "undecided": "bold yellow"}
MARKS = {True: "holds", False: "fails", None: "cannot tell"}
CALIBRATION = "calibration.md"  # beside the page


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print each claim with its verdict, its tests in every setup, and what is missing."""
    console = Console(highlight=False)
    for verdict in verdicts:
        console.print(Text.assemble((verdict.verdict.upper(), STYLES[verdict.verdict]), f"  {verdict.claim}"))
        if verdict.of_structure:
            _indented(console, f"structure: {verdict.of_structure}", 2)
            for test in verdict.structure:
                _indented(console, f"- {line(test)}", 4)
        for finding in informed(verdict):
            _indented(console, finding.sentence, 2)
            for test in finding.tests:
                _indented(console, f"- {line(test)}", 4)
        if verdict.missing:
            console.print(Padding(Text(printable(f"missing: {verdict.missing}"), style="dim"), (0, 0, 0, 2)))
        console.print()


def _indented(console: Console, text: str, by: int) -> None:
    console.print(Padding(Text(printable(text)), (0, 0, 0, by)))


def informed(verdict: Verdict) -> list[Finding]:
    """Return the findings that measured something."""
    return [finding for finding in verdict.findings if finding.informed]


def line(test: Test) -> str:
    """Return a test as one line."""
    if test.effect is None:
        return f"missing: {'; '.join(test.missing)}"
    asked = f" (asked: {test.bound}{'; ' * bool(test.power)}{test.power})" if test.bound else ""
    noted = f"; {test.note}" if test.note else ""
    return f"{test.measured}: {test.effect.text}{asked}{noted}" + (f" -> {MARKS[test.holds]}" if test.decides else "")


def markdown(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as Markdown."""
    lines = ["# The claims of SFDDM's abstract", "", "| claim | verdict | structure | quality |", "|---|---|---|---|"]
    lines += [
        f"| {verdict.claim} | **{verdict.verdict}** | {verdict.of_structure or ''} | {_by_dataset(verdict)} |"
        for verdict in verdicts
    ]
    lines += [
        "",
        "Structure is what holds by construction; it is read off the records, exactly. Quality is decided for each "
        "data set, by students beside their control, the teacher itself on the same timesteps: what the control does "
        f"not surely meet decides nothing. It is undecided where students saw less than {LEAST_SHARE:.0%} of their "
        f"teacher's images, or where doubling the training still moves the distance by more than {SETTLED:.0%}; with "
        f"one budget, so that this is not measured, where they saw less than {FULL_SHARE:.0%}.",
        "",
        "Ratios are geometric means over seeds of the same teacher and latents. Brackets are 95 % intervals of them by "
        "Student's t, their spread pooled over the step counts of a comparison, but for those where it is far above "
        "the others'; with fewer than three seeds that both sides have, an interval is of the sampling of so many "
        "images alone, and decides nothing. Where a test is asked at several step counts, Holm's rule keeps the chance "
        "of any wrong answer at 2.5 % each way.",
        "",
        "Of several setups of a data set, those whose students were trained on most images decide, if they can; the "
        "scale `smoke` shows that the machinery works, and decides no quality.",
        "",
        f"How these rules judge students whose answer is known: [calibration]({CALIBRATION}). Where a verdict comes "
        "from, with every cell and p value: `sfddm-bench claims PATH --why 1`.",
    ]
    for verdict in verdicts:
        lines += ["", f"## {verdict.claim}", "", f"**{verdict.verdict}**"]
        if verdict.of_structure:
            lines += ["", f"Structure: {verdict.about.structure_rule} **{verdict.of_structure}**", ""]
            lines += [f"- {line(test)}" for test in verdict.structure]
        lines += ["", f"Quality: {verdict.about.rule}", "", f"Cells: {verdict.about.cells}."]
        for finding in informed(verdict):
            lines += ["", finding.sentence, ""]
            lines += [f"- {line(test)}" for test in finding.tests]
        if verdict.missing:
            lines += ["", f"Missing: {verdict.missing}"]
    return "\n".join(lines) + "\n"


def _by_dataset(verdict: Verdict) -> str:
    return "; ".join(f"{dataset}: {decision}" for dataset, decision in verdict.quality.items())


def as_json(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return the verdicts as JSON values."""
    return [
        {
            "number": verdict.about.number,
            "claim": verdict.about.text,
            "verdict": verdict.verdict,
            "structure": {
                "rule": verdict.about.structure_rule,
                "verdict": verdict.of_structure,
                "tests": [_test(test) for test in verdict.structure],
            },
            "quality": verdict.quality,
            "rule": verdict.about.rule,
            "cells": verdict.about.cells,
            "missing": verdict.missing,
            "setups": [
                {
                    "setup": finding.setup.label,
                    "dataset": finding.setup.dataset,
                    "budget": finding.setup.budget,
                    "verdict": finding.verdict,
                    "sentence": finding.sentence,
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
            "apart": bool(effect.estimate and effect.estimate.apart),
            "failed": list(effect.failed),
            "unpaired": list(effect.unpaired),
        }
    )
    trainings = [
        {
            "method": one.method,
            "share": one.share,
            "init": one.init,
            "budget": one.budget,
            "doubling": one.doubling and one.doubling.factor,
        }
        for one in test.trainings
    ]
    return {
        "measured": test.measured,
        "asked": test.bound,
        "effect": measured,
        "power": test.power,
        "trainings": trainings,
        "note": test.note,
        "holds": test.holds,
        "decides": test.decides,
        "missing": list(test.missing),
    }
