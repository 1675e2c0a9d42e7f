"""The rules on students whose answer is known, by the made-up records and the simulation of `claims --calibration`."""

import re

import pytest
from helpers.command_line import ROOT
from helpers.made_records import changed

from bench.claims import calibration
from bench.claims.calibration import STUDENTS, TRUTHS, Student, Truth, rates, records_of, unsettled, verdicts_of
from bench.claims.claims import decide
from bench.statistics import TAIL

COMMITTED = ROOT / "results" / "calibration.md"
FEW = 300


@pytest.mark.parametrize("student", STUDENTS, ids=lambda student: student.name)
def test_a_made_up_student_gets_the_verdicts_that_it_has_to(student: Student) -> None:
    found = {verdict.about.number: verdict for verdict in verdicts_of(student)}
    assert {number: found[number].verdict for number in student.expected} == student.expected
    assert {one.verdict for number, one in found.items() if number not in student.expected} <= {
        "undecided",
        "not supported",
    }
    assert [found[number].of_structure for number in (1, 2, 3)] == ["supported"] * 3


def test_under_two_seeds_or_at_smoke_no_student_decides_any_quality() -> None:
    for student in (STUDENTS[0], STUDENTS[3]):
        for cells in (records_of(student, seeds=2), [changed(cell, scale="smoke") for cell in records_of(student)]):
            assert {one for verdict in decide(cells) for one in verdict.quality.values()} == {"undecided"}


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.what)
def test_the_rules_err_no_more_often_than_stated(truth: Truth) -> None:
    found, most = rates(truth, FEW), TAIL + 4 * (TAIL * (1 - TAIL) / FEW) ** 0.5
    if truth.stated.startswith(("supported", "each")):
        assert found["supported"] <= most
    if truth.stated.startswith(("not supported", "each")):
        assert found["not supported"] <= most
    if "equals its control" in truth.what and not truth.stated:
        assert found["not supported"] == 0


def test_true_effects_are_seen() -> None:
    by_name = {truth.what: truth for truth in TRUTHS}
    assert rates(by_name["2 of its control"], FEW)["not supported"] > 0.98
    assert rates(by_name["equals its control; five seeds"], FEW)["supported"] > 0.75
    assert rates(by_name["the hidden term saves 30 %"], FEW)["supported"] > 0.9
    assert unsettled(0.9, 0.05) > 0.98 > 0.02 > unsettled(1.0, 0.05)


def test_the_committed_page_is_what_the_rules_say_now() -> None:
    """Its verdicts to the letter, its rates as far as few draws can tell."""
    committed = COMMITTED.read_text().split("## How often")
    now = calibration.page(FEW).split("## How often")
    assert committed[0] == now[0]
    percent = r"([\d.]+) %(?= \|)"
    one, other = (re.findall(percent, text[1]) for text in (committed, now))
    assert len(one) == len(other) > 30
    assert max(abs(float(a) - float(b)) for a, b in zip(one, other, strict=True)) < 12
    assert f"{calibration.DRAWS:,} draws" in committed[1]
