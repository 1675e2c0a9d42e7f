"""Settings, provenance and commands on the page."""

from helpers.made_run import SWEEP


def test_shared_settings_stand_once_and_a_cell_shows_those_of_its_own(sweep_page: str) -> None:
    assert sweep_page.count("<dt>config.teacher.iterations</dt><dd>60</dd>") == 1
    cells = {(cell.method, cell.steps) for cell in SWEEP}
    assert len(cells) < len(SWEEP)
    assert sweep_page.count("<dt>config.evaluation.part</dt>") == len(cells)
    assert sweep_page.count("<dt>sampling_cost.gpu_peak_bytes</dt><dd>sampled on the CPU</dd>") == len(cells)


def test_what_seeds_share_stands_once_and_the_rest_a_seed_after_the_other(sweep_page: str) -> None:
    (one, other) = [cell for cell in SWEEP if (cell.method, cell.steps) == ("sfddm", 1)]
    heading = (
        '<b>sfddm, 1 step</b>, seeds 0, 1 <span class="result">'
        f"FD (digits-cnn) {one.distance:.2f}, {other.distance:.2f}</span>"
    )
    assert sweep_page.count(heading) == 1
    assert f"<dt>key</dt><dd>seed 0: {one.key[:8]}; seed 1: {other.key[:8]}</dd>" in sweep_page
    assert sweep_page.split(heading)[1].split("</details>")[0].count(f"<dd>{one.nfe}</dd>") == 1


def test_commands_are_quoted_for_a_shell_and_missing_ones_counted(sweep_page: str) -> None:
    assert "sfddm-bench run --methods &#39;a b&#39; --seeds 0,1" in sweep_page
    assert "Of 2 cells the command is not on record." in sweep_page
