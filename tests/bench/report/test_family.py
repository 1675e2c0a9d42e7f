"""Several budgets on the page: what they show together stands first, and the smaller ones are folded away."""

from itertools import pairwise

import pytest
from helpers.made_records import budgeted
from helpers.outline import Outline

from bench.records.pictures import Pictures
from bench.report import group
from bench.report.page import page


@pytest.fixture(scope="module")
def text() -> str:
    """The page of a sweep over two budgets, without the plots of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group, "plots", lambda group: ())
        return page(budgeted(("sfddm", "ddim"), (1, 4), (0,), (5_000, 20_000)), Pictures([], []))


def test_the_distance_over_budgets_stands_before_the_largest_budget_and_the_smaller_ones_are_closed(text: str) -> None:
    outline = Outline(text)
    assert outline.headings.count("h2 cifar10 32×32, scale paper") == 1
    assert [a["alt"] for name, a in outline.elements if name == "img"] == ["Distance over training compute"]
    places = [
        text.index(said)
        for said in (
            "<h3>Distance over training compute</h3>",
            "<h4>Least budget that comes near the teacher&#39;s distance</h4>",
            "<h4>FID over training compute</h4>",
            '<details class="budget" open><summary>Under 20k evaluations of training</summary>',
            '<details class="budget"><summary>Under 5k evaluations of training</summary>',
        )
    ]
    assert all(before < after for before, after in pairwise(places))


def test_tables_over_budgets_have_their_marks_and_sort_by_number(text: str) -> None:
    least, distances = Outline(text).tables[:2]
    assert least[0][:2] == ["method", "1 step, 1.1×"]
    assert [row[1] for row in least[1:]] == ["> 20k", "never"]
    assert [row[:2] for row in distances[1:]] == [["sfddm", "5k"], ["sfddm", "20k"], ["ddim", "0"]]
    assert 'data-value="20001">' in text


def test_the_largest_budget_is_the_headline_and_each_cell_is_told_once_with_its_budget(text: str) -> None:
    assert "cifar10 32×32, scale paper, under 20k evaluations of training: FID" in text
    for row in ("<b>ddim</b>", "<b>sfddm</b>, under 5k", "<b>sfddm</b>, under 20k"):
        assert text.count(f"<summary>{row}</summary>") == 1
    assert text.count("<summary>4 steps, seed 0 ") == text.count("<summary><b>") - 1 == 3  # not of the real data
    assert "<dt>budgets of training</dt><dd>5k, 20k</dd>" in text
    assert "Students are trained on 1.25 % of their teacher&#39;s images; they begin as the teacher (sfddm)." in text
