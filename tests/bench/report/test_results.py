"""What of a group goes where on the page."""

import pytest
from helpers.made_run import SWEEP
from helpers.outline import Outline

from bench.records.groups import groups
from bench.records.pictures import Pictures
from bench.report.page import page
from bench.report.plots import plots
from bench.tables.measures import measures


def test_what_sampling_and_training_take_is_cost_and_all_else_is_quality() -> None:
    there = measures(groups(SWEEP)[0].cells)
    assert [measure.name for measure in there if measure.kind == "quality"] == ["FD (digits-cnn)", "IS (digits-cnn)"]
    assert [measure.name for measure in there if measure.kind == "cost"] == [
        "sampling rate of the cell's own images",
        "resident memory that sampling adds",
        "training cost",
        "training time",
        "folds",
    ]


@pytest.mark.usefixtures("undrawn")
def test_every_plot_of_a_group_is_shown() -> None:
    alts = [attributes["alt"] for name, attributes in Outline(page(SWEEP, Pictures([], []))).elements if name == "img"]
    assert len(alts) == len(plots(groups(SWEEP)[0])) > 1
