"""The verdicts of the claims as HTML."""

from collections.abc import Sequence

from bench.claims.verdicts import Finding, Verdict
from bench.report.markup import Html, details, facts, tag

MARKS = {True: "holds", False: "fails", None: "cannot tell"}


def verdicts_section(decided: Sequence[Verdict]) -> Html:
    """Return a card per claim: its verdict, what was measured in each setup, the rule, and what is missing."""
    return tag("ol", *map(card, decided), class_="claims")


def card(one: Verdict) -> Html:
    """Return the card of one claim."""
    said = [("rule", one.rule), ("missing", one.missing)]
    return tag(
        "li",
        tag("p", one.verdict, class_=f"pill {one.verdict.replace(' ', '-')}"),
        tag("h3", one.claim),
        *(evidence(finding) for finding in one.findings if any(test.effect for test in finding.tests)),
        facts([(name, text) for name, text in said if text], "words"),
    )


def evidence(finding: Finding) -> Html:
    """Return what was measured in one setup, test by test."""
    lines = [
        tag("li", f"{test.measured}: {test.effect.text}", f", asked {test.bound}" if test.bound else "",
            f": {MARKS[test.holds]}" if test.decides else "")
        for test in finding.tests
        if test.effect is not None
    ]  # fmt: skip
    return details(f"{finding.setup.label}: {finding.verdict}", tag("ul", *lines))
