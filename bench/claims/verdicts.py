"""How a claim comes to its verdict: tests that hold or fail in a setup, and setups that decide together. No torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.claims.effects import Effect
from bench.claims.setups import Setup

Decision = Literal["supported", "not supported", "undecided"]
DECIDING = ("quick", "paper")  # a smoke teacher has learnt nothing: to be near it, or to beat it, says nothing


@dataclass(frozen=True)
class Test:
    """One part of a rule: what is measured, the bound, the effect, and whether it holds (None: cannot tell)."""

    measured: str
    bound: str
    effect: Effect | None = None
    holds: bool | None = None
    missing: str = ""
    decides: bool = True


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


def within(measured: str, effect: Effect, bound: float) -> Test:
    """Return the test that an effect is below a bound beyond its interval."""
    return told(Test(measured, f"< {bound:g}", effect, effect.below(bound)))


def better(measured: str, effect: Effect, least: float) -> Test:
    """Return a test that a distance is below another beyond the interval; it fails if it surely saves under `least`."""
    return told(Test(measured, "< 1", effect, effect.better(least)))


def told(test: Test) -> Test:
    """Return a test with what would decide it, if it is not decided."""
    if test.holds is not None or test.effect is None:
        return test
    have_interval = test.effect.low is not None
    need = (
        "a narrower interval: more seeds or images"
        if have_interval
        else "an interval: three seeds, or records with one"
    )
    return Test(test.measured, test.bound, test.effect, None, f"{test.measured} needs {need}", test.decides)
