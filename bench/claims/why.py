"""Where a verdict comes from: the cells of each test, its ratios, p values and power, and what would change it."""

from collections.abc import Iterator

from bench.claims.effects import seeds_named
from bench.claims.page import MARKS, informed, line
from bench.claims.verdicts import Finding, Test, Verdict
from bench.records.record import Record
from bench.store.text import printable
from sfddm.words import plural


def why(verdict: Verdict) -> str:
    """Return in lines where the verdict on a claim comes from."""
    return printable("\n".join(_lines(verdict)))


def _lines(verdict: Verdict) -> Iterator[str]:
    yield f"{verdict.claim}"
    yield f"verdict: {verdict.verdict}"
    if verdict.of_structure:
        yield ""
        yield f"structure: {verdict.of_structure}"
        yield f"  rule: {verdict.about.structure_rule}"
        yield from (f"  {line(test)}" for test in verdict.structure)
    yield ""
    yield "quality: " + ("; ".join(f"{where}: {what}" for where, what in verdict.quality.items()) or "no records")
    yield f"  rule: {verdict.about.rule}"
    for finding in informed(verdict):
        yield from _finding(finding)
    if verdict.missing:
        yield ""
        yield f"missing: {verdict.missing}"


def _finding(finding: Finding) -> Iterator[str]:
    yield ""
    yield f"  {finding.sentence}"
    for test in finding.tests:
        yield ""
        yield f"    {test.measured if test.effect else line(test)}"
        if test.effect:
            yield from (f"      {said}" for said in _test(test))


def _test(test: Test) -> Iterator[str]:
    assert test.effect is not None
    effect, estimate = test.effect, test.effect.estimate
    cells = {one.seed: (one, other) for one, other in test.pairs}
    for seed, value in effect.by_seed:
        beside = f": {_cell(cells[seed][0])} beside {_cell(cells[seed][1])}" if seed in cells else ""
        yield f"seed {seed}: {value:.4g}{beside}"
    yield f"mean: {effect.text}"
    if estimate is not None and estimate.decides and estimate.error is not None:
        spread = estimate.error * estimate.seeds**0.5
        own = ", its own: far above the other cells'" if estimate.apart else ""
        degrees = plural(estimate.degrees, "degree")
        yield f"spread over seeds: {spread:.3g}, {degrees} of freedom{own}"
    if effect.failed:
        yield f"left out, failed: {seeds_named(effect.failed)}"
    for one in test.trainings:
        yield f"{one.method} trained {one.text}"
    if test.bound:
        yield f"asked: {test.bound}"
    if test.p is not None:
        yield f"p by Holm, of which 0.025 decides: that it holds {test.p[0]:.2g}, that it fails {test.p[1]:.2g}"
    if test.power:
        yield f"power: {test.power}"
    if test.note:
        yield test.note
    yield f"answer: {MARKS[test.holds]}" if test.decides else "answer: reported, decides nothing"
    if test.decides and test.missing:
        yield f"what would change it: {'; '.join(test.missing)}"
    elif test.decides and test.limits is not None:
        low, high = test.limits
        yield f"what would change it: with this spread it holds below {low:.4g} and fails above {high:.4g}"


def _cell(record: Record) -> str:
    """Return a cell by its file's name, with its distance."""
    return record.name if record.distance is None else f"{record.name} ({record.distance_name} {record.distance:.4g})"
