"""The verdicts of the claims as HTML. What decides them is elsewhere; this is the one place that asks for them."""

from collections.abc import Sequence
from typing import Protocol

from bench.records import Record
from bench.report.markup import Html, facts, tag


class Verdict(Protocol):
    """What a decided claim says of itself; missing is empty where it was decided."""

    claim: str
    rule: str
    verdict: str
    evidence: str
    missing: str


def verdicts(records: Sequence[Record]) -> Sequence[Verdict]:
    """Return the verdict of each claim, from the records at hand."""
    try:
        from bench.claims import decide
    except ModuleNotFoundError:
        return []
    return decide(records)


def verdicts_section(decided: Sequence[Verdict]) -> Html:
    """Return a card per claim: the claim, its verdict, the evidence, the rule, and what is missing."""
    return tag("ol", *map(card, decided), class_="claims")


def card(one: Verdict) -> Html:
    """Return the card of one claim."""
    said = [("evidence", one.evidence), ("rule", one.rule), ("missing", one.missing)]
    kind = one.verdict.split(":")[0].strip().replace(" ", "-")
    return tag("li", tag("p", one.verdict, class_=f"pill {kind}"), tag("h3", one.claim),
               facts([(name, text) for name, text in said if text]))  # fmt: skip
