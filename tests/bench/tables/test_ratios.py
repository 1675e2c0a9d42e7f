"""Ratios to a reference row, against values worked out by hand and by SciPy."""

import numpy as np
import pytest
from helpers.made_records import made
from scipy import stats

from bench.records.record import Record
from bench.tables.measures import measures
from bench.tables.ratios import ratio_tables
from bench.tables.summary import summary
from bench.tables.table import Table

LOGS = {1: (-0.9, -1.0, -1.1), 4: (0.02, -0.02, 0.0)}  # of pd over ddim, by step count and seed


def tables(records: list[Record]) -> list[Table]:
    return ratio_tables(summary(records, measures(records)[0]))


def of_logs(seeds: int) -> list[Record]:
    controls = {(steps, seed): 5.0 + seed + steps for steps in LOGS for seed in range(seeds)}
    records = [made("ddim", *place, value) for place, value in controls.items()]
    return records + [made("pd", *place, value * np.exp(LOGS[place[0]][place[1]])) for place, value in controls.items()]


def test_ratios_are_geometric_means_over_equal_seeds_with_the_spread_of_the_row() -> None:
    (found, _) = tables(of_logs(3))
    assert found.title == "FID as a multiple of that of ddim"
    assert found.head == ("method", "1 step", "4 steps")
    ((name, one, four),) = found.rows
    spread = np.sqrt(np.mean([np.var(logs, ddof=1) for logs in LOGS.values()]))
    low, high = np.exp(stats.t.interval(0.95, 4, -1.0, spread / np.sqrt(3)))
    assert (name.text, one.text) == ("pd", f"{np.exp(-1):.2f} [{low:.2f}, {high:.2f}]")
    assert (one.bold, four.bold) == (True, False)
    assert one.value == pytest.approx(np.exp(-1))
    assert four.text.startswith("1.00 [0.")


def test_each_reference_that_is_there_has_a_table_of_the_others() -> None:
    of_ddim, of_pd = tables(of_logs(3))
    assert [row[0].text for row in of_ddim.rows] == ["pd"]
    assert [row[0].text for row in of_pd.rows] == ["ddim"]
    assert of_pd.rows[0][1].text.startswith("2.72 [")
    assert tables([record for record in of_logs(3) if record.method == "pd"]) == []


def test_with_two_seeds_there_is_no_interval_and_a_step_count_of_one_side_has_no_ratio() -> None:
    (found, _) = tables([*of_logs(2), made("pd", 8, 0, 3.0)])
    assert found.head == ("method", "1 step", "4 steps")
    assert [entry.text for entry in found.rows[0]] == ["pd", f"{np.exp(-0.95):.2f}", "1.00"]
    assert "fewer than 3 seeds" in found.sentences
