"""The table of all cells: each cell once, under what it was measured, with the values that it is filtered by."""

from collections.abc import Sequence

from helpers.made_records import budgeted, made, protocol
from helpers.made_run import HOSTILE, PROTOCOL, SWEEP, quality, record

from bench.records.groups import groups
from bench.records.record import REAL, Record
from bench.report.all_cells import FILTERS, all_cells
from bench.report.results import DASH
from bench.tables.published import published


def lines(records: Sequence[Record], dataset: str = "") -> list[dict[str, str]]:
    """The rows of the table by column, the published values of a dataset at 32 px among them."""
    series = [one for one in published() if (one.dataset, one.resolution) == (dataset, 32)]
    table = all_cells(groups(records), series)
    return [
        dict(zip(table.head, [name, *(entry.text for entry in entries)], strict=True)) for name, entries in table.rows
    ]


def test_a_cell_has_its_mean_over_seeds_and_all_that_it_is_filtered_by() -> None:
    (line,) = (line for line in lines(SWEEP) if (line["method"], line["steps"]) == ("ddim", "4"))
    assert line | {"method": "ddim", "steps": "4", "NFE": "4", "budget": DASH, "seeds": "0, 1"} == line
    assert line["FD (digits-cnn)"] == "275.50 ± 0.71"
    assert line["device"] == "CPU (A processor, 1 thread)"
    assert (line["origin"], line["protocol version"], line["protocol"]) == ("control", "1", PROTOCOL.sha256[:8])
    assert set(FILTERS) <= set(line)


def test_each_cell_of_the_sweep_and_the_real_data_have_a_row() -> None:
    there = [(line["method"], line["steps"]) for line in lines(SWEEP)]
    cells = {(one.method, DASH if one.steps is None else str(one.steps)) for one in SWEEP}
    assert len(there) == len(set(there))
    assert set(there) == cells
    assert {(REAL, DASH), (HOSTILE, "4"), ("pd", "4")} <= cells


def test_a_failed_cell_says_so_beside_its_seed_and_has_no_numbers() -> None:
    (line,) = (line for line in lines(SWEEP) if line["method"] == "pd")
    assert line["seeds"] == "0 (failed: 0)"
    assert line["FD (digits-cnn)"] == DASH


def test_what_trains_nothing_stands_once_and_a_student_under_each_of_its_budgets() -> None:
    found = lines(budgeted(("sfddm", "ddim"), (1, 4), (0, 1), (5_000, 20_000)))
    at_one = [(line["method"], line["budget"], line["seeds"]) for line in found if line["steps"] == "1"]
    assert sorted(at_one) == [("ddim", DASH, "0, 1"), ("sfddm", "20k", "0, 1"), ("sfddm", "5k", "0, 1")]
    assert {line["begins as"] for line in found if line["method"] == "sfddm"} == {"teacher"}


def test_feature_spaces_have_columns_of_their_own_and_protocols_rows_of_their_own() -> None:
    other = PROTOCOL.model_copy(update={"images": 512, "version": 2})
    records = [
        record("ddim", 1, 0, 5.0),
        record("ddim", 1, 0, 6.0, protocol=other, quality=quality(6.0, 512), key="other"),
        made("ddim", 1, 0, 7.0),
    ]
    found = lines(records)
    assert {(line["FD (digits-cnn)"], line["FID"]) for line in found} == {
        (DASH, "7.00"),
        ("5.00", DASH),
        ("6.00", DASH),
    }
    assert len(found) == 3
    assert {line["protocol version"] for line in found} == {"1", "2"}


def test_published_values_stand_beside_ours_with_their_source_and_no_device() -> None:
    found = lines([made("ddim", 10, 0, 20.0), made("sfddm", 10, 0, 30.0, init="random")], "cifar10")
    assert found[0]["origin"] == "measured here"
    assert [line["origin"] for line in found if line["method"].startswith("ddim")][:2] == ["control", "published"]
    theirs = [line for line in found if line["origin"] == "published"]
    (line,) = (one for one in theirs if (one["method"], one["steps"]) == ("ddim (grid=quad, eta=0.0, clip=none)", "10"))
    assert (line["FID"], line["device"], line["protocol version"]) == ("13.36", DASH, DASH)
    assert line["source"].startswith("Song, Meng, Ermon")
    assert "source" not in lines([made("ddim", 10, 0)])[0]


def test_variants_and_rows_told_apart_are_filtered_by_their_method() -> None:
    other = made("sfddm", 1, 0, 4.0, key="other")
    other = other.model_copy(update={"config": other.config | {"methods": {"sfddm": {"iterations": 5}}}})
    table = all_cells(groups([made("sfddm", 1, 0), made("sfddm[init=teacher]", 1, 0, 3.0), other]), ())
    assert len(table.methods) == 3
    assert set(table.methods.values()) == {"sfddm"}


def test_brackets_of_unrelated_pairs_are_told_of_only_if_there_are_any() -> None:
    assert all_cells(groups([made("sfddm", 1, 0, protocol=protocol())]), ()).scaled
    assert not all_cells(groups(SWEEP), ()).scaled
