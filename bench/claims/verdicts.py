"""How a claim comes to its verdict: tests that hold or fail in a setup, and setups that decide together. No torch."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.claims.effects import Effect
from bench.claims.setups import Setup
from bench.statistics import LEAST_SEEDS, decided

Decision = Literal["supported", "not supported", "undecided"]
GAIN = 0.10  # whose power is told
DECIDING = ("quick", "paper")  # a smoke teacher has learnt nothing: to be near it, or to beat it, says nothing


@dataclass(frozen=True)
class Test:
    """One part of a rule: what is measured, the bound, the effect, and whether it holds (None: cannot tell).

    power: what the test would see, in words; empty if that is not known.
    """

    measured: str
    bound: str
    effect: Effect | None = None
    holds: bool | None = None
    missing: str = ""
    decides: bool = True
    power: str = ""


@dataclass(frozen=True)
class Finding:
    """A claim in one setup."""

    setup: Setup
    verdict: Decision
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Claim:
    """A claim of the abstract, the rule in words, the cells it needs, and the experiments that make them."""

    number: int
    text: str
    rule: str
    cells: str
    experiments: tuple[str, ...]
    tests: Callable[[Setup], list[Test]] = field(repr=False)


@dataclass(frozen=True)
class Verdict:
    """A decided claim."""

    about: Claim
    verdict: Decision
    findings: tuple[Finding, ...]

    @property
    def claim(self) -> str:
        """The claim's text with its number."""
        return f"{self.about.number}. {self.about.text}"

    @property
    def rule(self) -> str:
        """The rule in words."""
        return self.about.rule

    @property
    def missing(self) -> str:
        """What an undecided claim needs, with the command that makes it; empty if it is decided."""
        if self.verdict != "undecided":
            return ""
        lacking = [
            f"{finding.setup.label}: {test.missing}"
            for finding in self.findings
            for test in finding.tests
            if test.decides and test.missing
        ]
        if all(finding.setup.scale not in DECIDING for finding in self.findings):
            lacking.insert(0, f"records of scale {' or '.join(DECIDING)}")
        commands = " and ".join(f"sfddm-bench reproduce {name}" for name in self.about.experiments)
        return f"{'; '.join(dict.fromkeys(lacking or [self.about.cells]))}. Make it with: {commands}"


def judge(claim: Claim, there: Sequence[Setup]) -> Verdict:
    """Return the verdict of one claim."""
    findings = []
    for setup in there:
        tests = tuple(claim.tests(setup))
        findings.append(Finding(setup, combined([test.holds for test in tests if test.decides]), tests))
    decided = [f for f in findings if f.verdict != "undecided" and f.setup.scale in DECIDING]
    largest = max((DECIDING.index(finding.setup.scale) for finding in decided), default=None)
    holds = [f.verdict == "supported" for f in decided if DECIDING.index(f.setup.scale) == largest]
    return Verdict(claim, combined(list[bool | None](holds)), tuple(findings))


def combined(holds: Sequence[bool | None]) -> Decision:
    """Return the verdict of tests that all have to hold."""
    if False in holds:
        return "not supported"
    return "supported" if holds and None not in holds else "undecided"


def lacking(measured: str, missing: str) -> Test:
    """Return a test whose cells are not there."""
    return Test(measured, "", missing=missing)


def within(effects: Mapping[str, Effect], bound: float) -> list[Test]:
    """Return the tests that the ratios of one comparison are all below a bound, each surely, by Holm over them."""
    tests = _ratios(effects, f"< {bound:g}", bound, bound)
    return _with_power(tests, bound, "an equal one would pass in {:.0%}")


def better(effects: Mapping[str, Effect], least: float) -> list[Test]:
    """Return the tests that ratios are all surely below 1; one fails if it surely saves under `least`."""
    tests = _ratios(effects, "< 1", 1.0, 1 - least)
    return _with_power(tests, 1 - GAIN, f"a gain of {GAIN:.0%} would be seen in {{:.0%}}")


def at_least(measured: str, effect: Effect, bound: float) -> Test:
    """Return the test that a mean over seeds is surely at or above a bound."""
    below = None if effect.estimate is None else decided([effect.estimate], bound)[0]
    return told(Test(measured, f">= {bound:g}", effect, None if below is None else not below))


def told(test: Test) -> Test:
    """Return a test with what would decide it, if it is not decided."""
    if test.holds is not None or test.effect is None:
        return test
    seeds = test.effect.seeds
    enough = seeds >= LEAST_SEEDS
    need = "a narrower interval: more seeds" if enough else f"{LEAST_SEEDS} seeds that all sides have (has: {seeds})"
    return replace(test, missing=f"{test.measured} needs {need}")


def _ratios(effects: Mapping[str, Effect], asked: str, below: float, fails: float) -> list[Test]:
    estimates = [effect.estimate for effect in effects.values() if effect.estimate is not None]
    holds = decided(estimates, math.log(below), math.log(fails))
    return [told(Test(said, asked, effect, held)) for (said, effect), held in zip(effects.items(), holds, strict=True)]


def _with_power(tests: list[Test], ratio: float, words: str) -> list[Test]:
    """Return tests with the chance that each sees a ratio, in words; those that cannot decide as they are."""
    family = sum(bool(test.effect and test.effect.estimate and test.effect.estimate.decides) for test in tests)
    found = []
    for test in tests:
        estimate = test.effect and test.effect.estimate
        power = estimate.power(math.log(ratio), family) if estimate else None
        found.append(test if power is None else replace(test, power=words.format(power)))
    return found
