"""The report's page as text: what it says against values worked out here, and that it is whole and safe."""

import base64
import hashlib
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from helpers import blank_figures
from helpers.command_line import ENVIRONMENT, ROOT, sfddm_bench
from helpers.made_run import HOSTILE, NO_COST, PROTOCOL, SWEEP, quality, record
from helpers.outline import Outline

from bench.claims import verdicts
from bench.claims.effects import Effect
from bench.claims.setups import Setup
from bench.claims.verdicts import Claim, Finding, Verdict
from bench.records.pictures import Pictures
from bench.records.record import Record
from bench.report import page as report


def in_memory(records: Sequence[Record]) -> str:
    """The page of records, whose plots are blank."""
    with pytest.MonkeyPatch.context() as patch:
        blank_figures.use(patch.setattr)
        return report.page(records, Pictures([], []))


def test_quality_table_holds_mean_and_sd_over_seeds_with_marks_floor_and_dashes(sweep_page: str) -> None:
    head, *rows = Outline(sweep_page).tables[0]
    assert head == ["method", "1 step", "4 steps", "16 steps"]
    assert rows == [
        ["sfddm", "40.50 ± 0.71 second", "10.50 ± 0.71 second", "–"],
        ["sfddm-trajectory", "9.11 ± 0.01 best", "9.41 ± 0.01 best", "–"],
        ["pd", "–", "failed", "–"],
        ["ddim", "1100.50 ± 0.71", "275.50 ± 0.71", "69.25 ± 0.71"],
        [HOSTILE, "–", "20.00", "–"],
        ["floor: real data, half against half", *["1.05 ± 0.07"] * 3],
    ]


def test_headline_holds_the_best_method_against_the_teacher_itself(sweep_page: str) -> None:
    assert "the teacher itself (ddim): " in sweep_page
    assert f"{1100.5 / 9.105:.2f} times lower; 2 seeds of the 3 that decide" in sweep_page
    assert "The teacher itself; no other method was measured at this step count." in sweep_page


def test_a_student_worse_than_the_teacher_is_said_to_be_so() -> None:
    text = in_memory([record("sfddm", 4, 0, 30.0), record("ddim", 4, 0, 20.0)])
    assert "1.50 times higher: no better than the teacher itself; 1 seed of the 3 that decide" in text


def of_seeds(sfddm: tuple[float, ...], ddim: tuple[float, ...]) -> str:
    both = {"sfddm": sfddm, "ddim": ddim}
    return in_memory([record(name, 1, seed, v) for name, values in both.items() for seed, v in enumerate(values)])


def test_best_is_bold_and_told_apart_only_by_three_seeds_in_pairs() -> None:
    far = of_seeds((10.0, 20.0, 30.0), (12.0, 24.5, 35.5))  # intervals overlap by far, each pair by no chance
    assert "<strong>20.00 ± 10.00</strong>" in far
    assert "1.20 times lower; told apart by the paired test over 3 seeds" in far
    near = of_seeds((10.0, 20.0, 30.0), (12.0, 19.0, 32.0))
    assert "<strong>" not in near
    assert "; not told apart by the paired test over 3 seeds" in near
    assert "<strong>" not in of_seeds((10.0, 10.1), (90.0, 90.1))


def test_one_seed_shows_no_sd() -> None:
    text = in_memory([r for r in SWEEP if r.seed == 0 and r.failure is None])
    assert not re.search(r"\d ± \d", text)


def test_page_asks_for_nothing_outside_itself(sweep_page: str) -> None:
    elements = Outline(sweep_page).elements
    sources = [attributes[name] for _, attributes in elements for name in ("src", "href") if name in attributes]
    assert len(sources) > 10
    assert all(str(source).startswith(("data:", "#")) for source in sources)


def test_policy_forbids_the_network_and_names_the_script_and_style_by_their_hashes(sweep_page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', sweep_page)
    script, style = (
        re.search(r"<script>(.*?)</script>", sweep_page, re.S),
        re.search(r"<style>(.*?)</style>", sweep_page, re.S),
    )
    assert policy
    assert script
    assert style
    hashes = [base64.b64encode(hashlib.sha256(m[1].encode()).digest()).decode() for m in (style, script)]
    assert (
        policy[1]
        == f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    )


def test_text_of_records_never_becomes_markup(sweep_page: str) -> None:
    assert "<img src=x" not in sweep_page
    assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt; &amp; co" in sweep_page


def test_headings_go_down_one_level_at_a_time_and_anchors_lead_somewhere(sweep_page: str) -> None:
    outline = Outline(sweep_page)
    levels = [int(heading[1]) for heading in outline.headings]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    there = {attributes["id"] for _, attributes in outline.elements if "id" in attributes}
    links = [str(a["href"])[1:] for name, a in outline.elements if name == "a"]
    assert links
    assert set(links) <= there


def test_every_table_has_a_caption_and_scopes_and_every_image_a_description(sweep_page: str) -> None:
    elements = Outline(sweep_page).elements
    tables = sum(name == "table" for name, _ in elements)
    assert sum(name == "caption" for name, _ in elements) == tables >= 5
    assert all(a.get("scope") in ("row", "col") for name, a in elements if name == "th")
    assert all(a.get("alt") for name, a in elements if name == "img")


def test_failed_cells_stand_with_their_reasons(sweep_page: str) -> None:
    assert ["pd", "4", "0", "the student diverged: loss is nan after 12 iterations"] in Outline(sweep_page).tables[-1]


def test_protocols_are_never_in_one_table(tmp_path: Path) -> None:
    other = PROTOCOL.model_copy(update={"images": 512})
    both = [
        record("ddim", 1, 0, 5.0),
        record("ddim", 1, 0, 6.0, protocol=other, quality=quality(6.0, 512), key="other"),
    ]
    text = in_memory(both)
    assert PROTOCOL.sha256[:12] in text
    assert other.sha256[:12] in text
    assert sum(heading == "h3 Quality by steps" for heading in Outline(text).headings) == 2


def test_cells_without_a_distance_still_show_their_cost() -> None:
    outline = Outline(in_memory([record("ddim", 1, 0, None, reasons={"quality": "was not asked for"})]))
    assert "h3 Quality by steps" not in outline.headings
    assert "h3 Cost of sampling and of training" in outline.headings


def test_a_run_in_which_all_failed_shows_why() -> None:
    text = in_memory([record("pd", 4, 0, None, failure="out of memory", **NO_COST)])
    assert "no cell was measured" in text
    assert "out of memory" in text


def test_verdicts_stand_with_evidence_and_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    folds = verdicts.Test("folds", "< 2", Effect(3, 3, 3, 2), False)
    claim = Claim(
        1, "One fold is enough", "near it", "sfddm", ("loss",), lambda setup: [], "folds < 2", lambda there: []
    )
    setup = Setup("digits 8x8, quick", "digits 8x8", "quick", 1024, ())
    finding = Finding(setup, "not supported", (folds,))
    monkeypatch.setattr(report, "decide", lambda records: [Verdict(claim, (folds,), (finding,))])
    text = in_memory(SWEEP)
    assert "Verdicts of the claims" in text
    assert '<p class="pill not-supported">not supported</p><h3>1. One fold is enough</h3>' in text
    tests = "<ul><li>folds: 3, asked &lt; 2: fails</li></ul>"
    assert f"<summary>structure, exact: not supported</summary>{tests}" in text
    assert f"<summary>digits 8x8, quick: not supported</summary>{tests}" in text
    assert "<dt>structure</dt><dd>folds &lt; 2</dd>" in text
    assert "<dt>missing</dt>" not in text[: text.index("</ol></section>")]


def test_the_same_records_give_the_same_bytes(folder: Path) -> None:
    once = report.write_report([folder], folder / "a.html").read_bytes()
    assert report.write_report([folder], folder / "b.html").read_bytes() == once


def test_rendering_needs_no_torch(folder: Path) -> None:
    probe = "import sys; from pathlib import Path; from bench.report.page import write_report\n"
    probe += "write_report([Path(sys.argv[1])]); sys.exit('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe, str(folder)], env=ENVIRONMENT, cwd=ROOT, check=False)
    assert run.returncode == 0


def test_command_writes_into_the_run_and_says_where(folder: Path) -> None:
    run = sfddm_bench("report", str(folder))
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, str(folder / "report.html"), "")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["{empty}"], "no records in"),
        (["{folder}", "--to", "{empty}"], "--to"),
        (["{folder}", "--to", "{folder}/report.html/x.html"], "--to"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: list[str], named: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (folder / "report.html").write_text("here before")
    run = sfddm_bench("report", *(word.format(empty=tmp_path / "empty", folder=folder) for word in words))
    assert run.returncode == 2
    assert named in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert (folder / "report.html").read_text() == "here before"
