"""Settings, provenance and commands on the page."""

from helpers.made_run import SWEEP, record

from bench.records.groups import groups
from bench.report.provenance import provenance


def test_what_all_measured_cells_share_stands_once_and_seeds_that_differ_one_after_the_other(sweep_page: str) -> None:
    assert sweep_page.count("<dt>config.teacher.iterations</dt><dd>60</dd>") == 1
    assert sweep_page.count("<dt>config.evaluation.part</dt><dd>seed 0: 0; seed 1: 1</dd>") == 1
    assert sweep_page.count("<dt>sampling_cost.gpu_peak_bytes</dt><dd>sampled on the CPU</dd>") == 1
    measured = [cell for cell in SWEEP if cell.steps and cell.failure is None]
    assert f"Shared by all {len(measured)} measured cells" in sweep_page


def test_a_fact_stands_at_the_widest_level_that_shares_it_and_none_is_lost() -> None:
    lost = {"time": "the clock was broken"}
    cells = [
        *(record("sfddm", steps, 0, 1.0, sampling={"sampler": "ddim", "eta": 1.0}) for steps in (1, 4)),
        record("ddim", 1, 0, 1.0, reasons=lost),
        record("ddim", 4, 0, 1.0),
        record("pd", 4, 0, None, failure="out of memory", reasons={}, config={}),
    ]
    found = provenance(groups(cells))
    rows = {row.name: row for row in found.rows}
    assert found.measured == 4
    assert found.shared["The cell"] == {"grid": "trailing", "sampling.sampler": "ddim"}
    assert rows["sfddm"].shared["The cell"] == {"sampling.eta": "1.0"}
    assert rows["ddim"].shared["The cell"] == {"sampling.eta": "0.0"}
    assert [cell.own.get("Not measured, and why") for cell in rows["ddim"].cells] == [
        lost,
        {"sampling_cost.gpu_peak_bytes": "sampled on the CPU"},
    ]
    assert rows["pd"].shared == {}
    (failed,) = rows["pd"].cells
    assert failed.own["The cell"]["failure"] == "out of memory"


def test_what_seeds_share_stands_once_and_the_rest_a_seed_after_the_other(sweep_page: str) -> None:
    (one, other) = [cell for cell in SWEEP if (cell.method, cell.steps) == ("sfddm", 1)]
    heading = f'1 step, seeds 0, 1 <span class="result">FD (digits-cnn) {one.distance:.2f}, {other.distance:.2f}</span>'
    assert sweep_page.count(heading) == 1
    assert f"<dt>key</dt><dd>{one.key[:8]}; {other.key[:8]}</dd>" in sweep_page
    assert sweep_page.split(heading)[1].split("</details>")[0].count(f"<dd>{one.nfe}</dd>") == 1


def test_commands_are_quoted_for_a_shell_and_missing_ones_counted(sweep_page: str) -> None:
    assert "sfddm-bench run --methods &#39;a b&#39; --seeds 0,1" in sweep_page
    assert "Of 2 cells the command is not on record." in sweep_page
