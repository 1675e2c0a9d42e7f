"""How large the page is: a further record costs it little, whatever their number."""

from pathlib import Path

import pytest
from helpers.made_records import budgeted, written

from bench.report import family, group
from bench.report.page import write_report
from bench.report.plots import Picture

LARGEST_RECORD = 1_000  # bytes, of one more record of text


def size(folder: Path, budgets: tuple[int, ...]) -> tuple[int, int]:
    """The number of records of a sweep over budgets, and the bytes of its page without plots."""
    records = budgeted(("sfddm", "sfddm-trajectory", "pd", "ddim"), (1, 4, 16), (0, 1, 2), budgets)
    return len(records), write_report([written(records, folder)]).stat().st_size


def test_a_further_record_costs_at_most_a_kilobyte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "plots", lambda group: [])
    monkeypatch.setattr(family, "frontier_plot", lambda found: Picture("frontier", "frontier", "", b"RIFF"))
    few, small = size(tmp_path / "few", (120_000, 500_000))
    many, large = size(tmp_path / "many", (120_000, 500_000, 1_000_000, 2_000_000))
    assert many >= few + 50
    assert (large - small) / (many - few) < LARGEST_RECORD
