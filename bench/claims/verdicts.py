"""How a claim comes to its verdict: tests that hold or fail, in its structure and in each data set's quality. No torch.

Structure is what holds by construction, such as one fold: it is read from any record, exactly. Quality is decided for
each data set, by students that were trained for long enough (bench/claims/training.py).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.claims.effects import Effect, Pair
from bench.claims.setups import Setup
from bench.claims.training import Training, together
from bench.statistics import LEAST_SEEDS, Estimate, answer, chances, seeds_needed
from sfddm.words import plural

Decision = Literal["supported", "not supported", "undecided"]
GAIN = 0.10  # whose power is told
DECIDING = ("quick", "paper")  # a smoke teacher has learnt nothing: to be near it, or to beat it, says nothing


@dataclass(frozen=True)
class Test:
    """One part of a rule: what is measured, the bound, the effect, and whether it holds (None: cannot tell).

    missing: what would decide it. power: what the test would see, in words. note: what else is to be known. limits:
    up to where the effect would hold, and from where on it would fail, if nothing else changed. p: the p values of
    both, by Holm. pairs, trainings: what it is made of.
    """

    measured: str
    bound: str
    effect: Effect | None = None
    holds: bool | None = None
    missing: tuple[str, ...] = ()
    decides: bool = True
    power: str = ""
    note: str = ""
    limits: tuple[float, float] | None = None
    p: tuple[float, float] | None = None
    pairs: tuple[Pair, ...] = ()
    trainings: tuple[Training, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A claim's quality in one setup."""

    setup: Setup
    verdict: Decision
    tests: tuple[Test, ...]

    @property
    def trainings(self) -> list[Training]:
        """How the students were trained, each method once: as little as any of its cells that decide."""
        return together(one for test in self.tests if test.decides for one in test.trainings)

    @property
    def share(self) -> float:
        """The least share of the teacher's images that a student was trained on; 0 if one is not known."""
        return min((one.share or 0.0 for one in self.trainings), default=0.0)

    @property
    def seeds(self) -> str:
        """How many seeds the tests that decide have, and how many failed, in words; empty if they need none."""
        effects = [test.effect for test in self.tests if test.decides and test.effect and test.effect.estimate]
        if not effects:
            return ""
        least, most = (function(one.seeds for one in effects) for function in (min, max))
        failed = {seed for one in effects for seed in one.failed}
        counted = plural(most, "seed") if least == most else f"{least} to {plural(most, 'seed')}"
        return counted + (f" ({len(failed)} failed)" if failed else "")

    @property
    def sentence(self) -> str:
        """The verdict with what it is of: data set, resolution, scale, budget, share of training and seeds."""
        alike: dict[str, list[str]] = {}
        for one in self.trainings:
            alike.setdefault(one.text, []).append(one.method)
        trained = [f"{', '.join(methods)} trained {text}" for text, methods in alike.items()]
        return f"{'; '.join(filter(None, [self.setup.label, *trained, self.seeds]))}: {self.verdict}"

    @property
    def informed(self) -> bool:
        """Whether anything was measured."""
        return any(test.effect for test in self.tests)

    @property
    def missing(self) -> list[str]:
        """What the tests that decide lack, each thing once."""
        return list(dict.fromkeys(one for test in self.tests if test.decides for one in test.missing))


@dataclass(frozen=True)
class Claim:
    """A claim of the abstract, the rules in words, the cells it needs, and the experiments that make them.

    rule, tests: of the quality in a setup. structure_rule, structure: of what holds by construction, from all setups.
    """

    number: int
    text: str
    rule: str
    cells: str
    experiments: tuple[str, ...]
    tests: Callable[[Setup], list[Test]] = field(repr=False)
    structure_rule: str = ""
    structure: Callable[[Sequence[Setup]], list[Test]] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Verdict:
    """A decided claim: the tests of its structure, none if it claims none, and a finding for each setup."""

    about: Claim
    structure: tuple[Test, ...]
    findings: tuple[Finding, ...]

    @property
    def claim(self) -> str:
        """The claim's text with its number."""
        return f"{self.about.number}. {self.about.text}"

    @property
    def verdict(self) -> Decision:
        """Of the structure and of the quality on every data set that decides it."""
        quality = list(self.quality.values())
        known = [HOLDS[one] for one in quality if one != "undecided"] or [None]
        return combined([*([HOLDS[self.of_structure]] if self.of_structure else []), *known])

    @property
    def of_structure(self) -> Decision | None:
        """The verdict on what holds by construction; None if the claim has no such part."""
        return combined([test.holds for test in self.structure]) if self.about.structure else None

    @property
    def quality(self) -> dict[str, Decision]:
        """The verdict on each data set: of those setups that decide it whose students were trained the longest."""
        found: dict[str, Decision] = {}
        for dataset in dict.fromkeys(finding.setup.dataset for finding in self.findings):
            able = [one for one in self.findings if one.setup.dataset == dataset and one.setup.scale in DECIDING]
            able = [one for one in able if one.verdict != "undecided"]
            most = max((one.share for one in able), default=0.0)
            found[dataset] = combined([HOLDS[one.verdict] for one in able if one.share == most])
        return found

    @property
    def missing(self) -> str:
        """What an undecided claim needs, with the command that makes it; empty if it is decided."""
        if self.verdict != "undecided":
            return ""
        lacking = [f"structure: {one}" for test in self.structure for one in test.missing]
        if all(finding.setup.scale not in DECIDING for finding in self.findings):
            lacking.append(f"records of scale {' or '.join(DECIDING)}")
        telling = [finding for finding in self.findings if finding.informed] or self.findings
        lacking += [f"{finding.setup.label}: {one}" for finding in telling for one in finding.missing]
        commands = " and ".join(f"sfddm-bench reproduce {name}" for name in self.about.experiments)
        return f"{'; '.join(dict.fromkeys(lacking or [self.about.cells]))}. Make it with: {commands}"


HOLDS: dict[Decision, bool | None] = {"supported": True, "not supported": False, "undecided": None}


def judge(claim: Claim, there: Sequence[Setup]) -> Verdict:
    """Return the verdict of one claim."""
    findings = []
    for setup in there:
        tests = tuple(claim.tests(setup))
        findings.append(Finding(setup, combined([test.holds for test in tests if test.decides]), tests))
    return Verdict(claim, tuple(claim.structure(there)) if claim.structure else (), tuple(findings))


def combined(holds: Sequence[bool | None]) -> Decision:
    """Return the verdict of tests that all have to hold."""
    if False in holds:
        return "not supported"
    return "supported" if holds and None not in holds else "undecided"


def lacking(measured: str, missing: str) -> Test:
    """Return a test whose cells are not there."""
    return Test(measured, "", missing=(missing,))


def within(effects: Mapping[str, Effect], bound: float) -> list[Test]:
    """Return the tests that the ratios of one comparison are all below a bound, each surely, by Holm over them."""
    tests = _ratios(effects, f"< {bound:g}", bound, bound)
    return _with_power(tests, bound, "an equal one would pass in {:.0%}")


def better(effects: Mapping[str, Effect], least: float) -> list[Test]:
    """Return the tests that ratios are all surely below 1; one fails if it surely saves under `least`."""
    tests = _ratios(effects, "< 1", 1.0, 1 - least)
    return _with_power(tests, 1 - GAIN, f"a gain of {GAIN:.0%} would be seen in {{:.0%}}")


def at_least(effects: Mapping[str, Effect], bound: float) -> list[Test]:
    """Return the tests that means over seeds are all at or above a bound, each surely, by Holm over them."""
    estimates = [effect.estimate for effect in effects.values() if effect.estimate is not None]
    beyond = [(over, under) for under, over in chances(estimates, bound)]
    return [
        _told(Test(said, f">= {bound:g}", effect, answer(*p), p=p), bound, len(beyond))
        for (said, effect), p in zip(effects.items(), beyond, strict=True)
    ]


def trained(tests: Iterable[Test], pairs: Mapping[str, Sequence[Pair]], setup: Setup) -> list[Test]:
    """Return tests with the pairs of records that they are of; where students learnt too little, none is decided."""
    found = []
    for test in tests:
        own = tuple(pairs.get(test.measured, ()))
        trainings = setup.trainings(record for pair in own for record in pair)
        lacks = [one.lacks for one in trainings if one.lacks]
        test = replace(test, pairs=own, trainings=trainings)
        found.append(unable(test, lacks) if lacks else test)
    return found


def unable(test: Test, lacks: Sequence[str]) -> Test:
    """Return a test that cannot tell for reasons of its own, whatever it has measured."""
    return replace(test, holds=None, missing=(*lacks, *test.missing))


def where_met(tests: Sequence[Test], controls: Sequence[Test]) -> list[Test]:
    """Return tests that decide only where the control itself surely holds: no student can earn the others."""
    found = []
    for test, control in zip(tests, controls, strict=True):
        said = f"the control itself: {control.effect.text}" if control.effect else "the control was not measured"
        decides = control.holds is True
        note = said if decides else f"{said}, which does not surely meet it: decides nothing"
        found.append(replace(test, decides=decides, note=note))
    return found


def _ratios(effects: Mapping[str, Effect], asked: str, below: float, fails: float) -> list[Test]:
    estimates = [effect.estimate for effect in effects.values() if effect.estimate is not None]
    bounds = math.log(below), math.log(fails)
    family = sum(one.decides for one in estimates)
    tests = []
    for (said, effect), p in zip(effects.items(), chances(estimates, *bounds), strict=True):
        assert effect.estimate is not None
        limits = _limits(effect.estimate, bounds, family)
        tests.append(_told(Test(said, asked, effect, answer(*p), limits=limits, p=p), bounds[0], family))
    return tests


def _limits(estimate: Estimate, bounds: tuple[float, float], family: int) -> tuple[float, float] | None:
    """Return up to which ratio a test would surely hold, and from which on it would surely fail."""
    half = estimate.half(family)
    return None if half is None else (math.exp(bounds[0] - half), math.exp(bounds[1] + half))


def _told(test: Test, bound: float, family: int) -> Test:
    """Return a test with what would decide it, if it is not decided."""
    if test.holds is not None or test.effect is None or test.effect.estimate is None:
        return test
    seeds, estimate = test.effect.seeds, test.effect.estimate
    if seeds < LEAST_SEEDS:
        need = f"{LEAST_SEEDS} seeds that all sides have (has: {seeds})"
    else:
        more = seeds_needed(estimate, bound, family)
        need = "a narrower interval: more seeds" + (f", about {more} if all else stays" if more else "")
    return replace(test, missing=(f"{test.measured} needs {need}",))


def _with_power(tests: list[Test], ratio: float, words: str) -> list[Test]:
    """Return tests with the chance that each sees a ratio, in words; those that cannot decide as they are."""
    family = sum(bool(test.effect and test.effect.estimate and test.effect.estimate.decides) for test in tests)
    found = []
    for test in tests:
        estimate = test.effect and test.effect.estimate
        power = estimate.power(math.log(ratio), family) if estimate else None
        found.append(test if power is None else replace(test, power=words.format(power)))
    return found
