"""Means, spreads, intervals and places against values worked out by hand and by SciPy."""

import numpy as np
import pytest
from helpers.made_records import changed, made
from scipy import stats

from bench.records.groups import groups
from bench.records.record import REAL
from bench.tables.caption import floor_text
from bench.tables.cells import cells_table, summary_frame
from bench.tables.measures import measures
from bench.tables.summary import Summary, by_cell, difference, summary
from bench.tables.table import number, statistic_text, summary_table


def of(*values: tuple[str, int, float], low: float | None = None, high: float | None = None) -> Summary:
    """Return the summary of the distance of (method, seed, value), all at 4 steps."""
    records = [made(m, 4, seed, v, quality__distance__low=low, quality__distance__high=high) for m, seed, v in values]
    return summary(records, measures(records)[0])


def test_several_seeds_have_a_mean_an_sd_a_minimum_and_students_interval() -> None:
    values = [3.0, 4.0, 6.5]
    found = of(*(("ddim", seed, value) for seed, value in enumerate(values))).rows["ddim"][4]
    assert (found.mean, found.sd, found.minimum) == (np.mean(values), pytest.approx(np.std(values, ddof=1)), 3.0)
    expected = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert statistic_text(found, 2) == "4.50 ± 1.80"


def test_one_seed_shows_no_sd_and_has_the_interval_of_its_record() -> None:
    shown = of(("ddim", 0, 4.5), ("sfddm", 0, 9.0), low=4.0, high=5.0)
    found = shown.rows["ddim"][4]
    assert (found.sd, found.low, found.high) == (None, 4.0, 5.0)
    assert all("±" not in cell.text for row in summary_table(shown, [0]).rows for cell in row)


@pytest.mark.parametrize(
    ("ours", "theirs", "bold"),
    [
        ((3.0, 3.1, 3.2), (5.0, 5.1, 5.2), True),
        ((3.0, 6.0, 9.0), (4.0, 8.1, 11.9), True),
        ((3.0, 6.0, 9.0), (4.0, 5.5, 10.0), False),
        ((3.0, 3.1), (50.0, 51.0), False),
    ],
    ids=["apart", "apart in pairs", "not in each pair", "two seeds"],
)
def test_the_best_is_bold_only_where_the_paired_test_tells_it_from_the_second(
    ours: tuple[float, ...], theirs: tuple[float, ...], bold: bool
) -> None:
    shown = of(*(("sfddm", k, v) for k, v in enumerate(ours)), *(("ddim", k, v) for k, v in enumerate(theirs)))
    assert shown.rows["sfddm"][4].place == "best"
    assert shown.rows["ddim"][4].place == "second"
    assert shown.rows["sfddm"][4].separated is bold
    (_, best), (_, second) = summary_table(shown, [0]).rows
    assert (best.mark, best.bold, second.mark, second.bold) == ("†", bold, "‡", False)


def test_only_seeds_that_both_rows_have_are_compared() -> None:
    shown = of(*(("sfddm", k, 3.0 + k / 10) for k in (0, 1, 2)), *(("ddim", k, 9.0 + k / 10) for k in (1, 2, 3)))
    assert shown.rows["sfddm"][4].separated is False
    found = difference(shown.rows["sfddm"], shown.rows["ddim"], 4)
    assert found is not None
    assert found.seeds == 2


def test_the_spread_is_pooled_over_step_counts_of_both_rows_and_of_differences_it_is_not() -> None:
    logs = {1: (0.1, 0.2, 0.3), 4: (0.5, 0.45, 0.4), 8: (1.0, 1.4, 1.2)}
    records = [made("ddim", steps, seed, 10.0) for steps in logs for seed in range(3)]
    records += [made("pd", steps, k, 10.0 * np.exp(v)) for steps, values in logs.items() for k, v in enumerate(values)]
    shown = summary(records, measures(records)[0])
    found = difference(shown.rows["pd"], shown.rows["ddim"], 4)
    assert found is not None
    assert (found.mean, found.degrees) == (pytest.approx(0.45), 6)
    assert found.error == pytest.approx(np.sqrt(np.mean([np.var(v, ddof=1) for v in logs.values()]) / 3))
    below = [changed(r, quality__kid__mean=(-1e-3 if r.seed else 1e-3) + (r.method == "pd")) for r in records]
    kid = next(measure for measure in measures(below) if measure.name == "KID")
    of_kid = summary(below, kid)
    plain = difference(of_kid.rows["pd"], of_kid.rows["ddim"], 4)
    assert plain is not None
    assert (plain.mean, plain.degrees) == (pytest.approx(kid.shown.factor), 2)


def test_what_was_measured_once_for_all_seeds_is_one_seed() -> None:
    records = [made(m, 4, seed) for m in ("sfddm", "pd", "ddim") for seed in range(3)]
    times = {"sfddm": 1.0, "pd": 2.0, "ddim": 3.0}
    records = [
        changed(r, sampling={"sampler": r.method}, sampling_cost__latency__median=times[r.method]) for r in records
    ]
    cost = next(m for m in measures(records) if m.path == ("sampling_cost", "latency", "median"))
    shown = summary(records, cost)
    assert shown.rows["sfddm"][4].place == "best"
    assert not shown.rows["sfddm"][4].separated
    apart = [changed(r, sampling_cost__latency__median=times[r.method] + r.seed / 100) for r in records]
    assert summary(apart, cost).rows["sfddm"][4].separated


def test_a_seed_that_failed_is_said_and_not_in_the_mean() -> None:
    records = [made("ddim", 4, seed, 5.0) for seed in (0, 1)]
    records += [made("pd", 4, 0, 7.0), made("pd", 4, 1, failure="loss is not finite")]
    shown = summary(records, measures(records)[0])
    assert (shown.rows["pd"][4].mean, shown.rows["pd"][4].failed) == (7.0, (1,))
    assert "Failed, and not in the mean: pd at 4 steps (seed 1)." in summary_table(shown, [0, 1]).notes


def test_a_method_alone_is_neither_best_nor_second() -> None:
    assert of(("ddim", 0, 4.5)).rows["ddim"][4].place == ""


def test_higher_is_best_where_higher_is_better() -> None:
    records = [made(m, 4, 0, quality__inception_score__mean=score) for m, score in (("ddim", 8.0), ("pd", 9.0))]
    score = next(measure for measure in measures(records) if measure.name == "IS")
    assert summary(records, score).rows["pd"][4].place == "best"


def test_a_failed_cell_is_said_and_what_was_never_run_is_a_dash() -> None:
    failed = made("pd", 4, 0, failure="loss is not finite")
    records = [made("ddim", 4, 0), made("ddim", 1, 0), failed]
    shown = summary(records, measures(records)[0])
    table = summary_table(shown, [0])
    assert [row[0].text for row in table.rows] == ["pd", "ddim"]
    assert [cell.text for cell in table.rows[0]] == ["pd", "-", "failed"]


def test_held_out_images_give_the_real_data_rows_of_its_own_under_names_that_say_which() -> None:
    fresh = {"distance": 0.6, "images": 50_000, "measured": 0.9, "held_out": 10_000}
    apart = {"reference_images": 10_000, "value": 0.7, "low": 0.6, "high": 0.8}
    records = [made(REAL, None, seed, 1.0 + seed, quality__fresh=fresh, quality__held_out=apart) for seed in (0, 1)]
    records += [made("ddim", 4, 0, 5.0, quality__held_out=apart | {"value": 6.0})]
    shown = {measure.name: summary_table(summary(records, measure), [0]) for measure in measures(records)}
    assert shown["FID"].floors == (
        ("real data, half against half", "1.50 ± 0.71"),
        ("real data, held-out images", "0.60"),
    )
    assert shown["FID to held-out images"].floors == (("real data, training images", "0.70"),)
    assert shown["FID infinity"].floors[0][0] == "real data (floor)"
    assert [entry.text for (row,) in [shown["FID to held-out images"].rows] for entry in row] == ["ddim", "6.00"]
    (group,) = groups(records)
    assert "Held-out images in a cell's place, 50,000, from 10,000 by the jackknife" in str(floor_text(group))
    about = cells_table(by_cell(records)).sentences
    assert "interval of the distance of 50,000 images (real data: 25,000), of their sampling alone" in about
    frame = summary_frame([summary(records, measures(records)[0])], records[0])
    assert list(frame[frame.method == "real data, held-out images"]["mean"]) == [0.6]


def test_the_floor_is_a_row_of_its_own_and_never_the_best() -> None:
    records = [made(REAL, None, 0, 1.0), made("ddim", 4, 0, 5.0), made("pd", 4, 0, 6.0)]
    shown = summary(records, measures(records)[0])
    assert summary_table(shown, [0]).floors == (("real data (floor)", "1.00"),)
    assert shown.rows["ddim"][4].place == "best"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.00412, None, "0.00412"),
        (41.26, None, "41.3"),
        (1234.0, None, "1234"),
        (2_500_000.0, None, "2,500,000"),
        (0.0, None, "0"),
        (-0.001, 2, "0.00"),
        (-1.5, 1, "−1.5"),
        (12.346, 2, "12.35"),
    ],
)
def test_numbers_have_the_digits_they_should(value: float, digits: int | None, text: str) -> None:
    assert number(value, digits) == text


def test_one_training_for_all_step_counts_is_told_once() -> None:
    (cost,) = [measure for measure in measures([made("cd", 4, 0)]) if measure.path == ("training_cost", "evaluations")]
    shared, own = {"teacher (seed 0)": "a", "cd (seed 0)": "b"}, {"teacher (seed 0)": "a"}
    records = [made("cd", steps, 0, parents={**shared, f"samples of cd at {steps}": "c"}) for steps in (1, 4)]
    records += [
        made("sfddm", steps, 0, parents={**own, f"sfddm to {steps} steps (seed 0)": f"{steps}"}) for steps in (1, 4)
    ]
    records += [made("ddim", steps, 0, parents=own) for steps in (1, 4)]
    found = summary(records, cost)
    assert found.trained_once == ("cd",)
    assert "One training serves all step counts of cd, and is paid once." in summary_table(found, [0]).notes
    assert summary([*records[:1], *records[2:]], cost).trained_once == ()  # at one step count there is nothing to say
