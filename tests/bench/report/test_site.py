"""The pages of a site: what stands in them and in which order, that they are relative and whole, and where they go."""

import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT, sfddm_bench
from helpers.made_records import budgeted, written
from helpers.made_run import NO_COST, SWEEP, record, write_run
from helpers.outline import Outline

from bench.records.pictures import Pictures
from bench.records.record import Record
from bench.report import family, group
from bench.report.plots import Picture
from bench.report.site import site

BUDGETED = budgeted(("sfddm", "ddim"), (1, 4), (0,), (5_000, 20_000))
FAILED = [record("pd", 4, 0, None, failure="out of memory", **NO_COST)]  # renders in no time: nothing to draw


def plot(name: str) -> Picture:
    return Picture(name, f"Plot of {name}", "", b"\x89PNG" + name.encode())


def undrawn(records: Sequence[Record], pictures: Pictures) -> dict[str, str | bytes]:
    """The files of a site whose plots are not drawn; pages as text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group, "plots", lambda group: [plot("quality"), plot("memory")])
        patch.setattr(family, "frontier_plot", lambda found: plot("frontier"))
        files = site(records, pictures)
    return {name: data.decode() if name.endswith(".html") else data for name, data in files.items()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | bytes]:
    """The site of two data sets, from folders of their own."""
    folders = [write_run(tmp_path_factory.mktemp("digits"), SWEEP)]
    folders.append(written(BUDGETED, tmp_path_factory.mktemp("cifar10"), pictures=True))
    records = [*SWEEP, *BUDGETED]
    return undrawn(records, Pictures(folders, records))


@pytest.fixture(scope="module")
def pages(files: dict[str, str | bytes]) -> dict[str, str]:
    return {name: text for name, text in files.items() if isinstance(text, str)}


def sections(page: str) -> list[str]:
    return [heading[3:] for heading in Outline(page).headings if heading.startswith("h2")]


def test_there_is_an_index_and_a_page_for_each_data_set(pages: dict[str, str]) -> None:
    assert list(pages) == ["index.html", "digits-8.html", "cifar10-32.html"]
    assert sections(pages["index.html"]) == [
        "digits 8×8",
        "cifar10 32×32",
        "Verdicts of all data sets together",
        "What the words mean",
    ]


def test_a_page_begins_with_headlines_and_frontiers_then_cells_samples_verdicts_provenance(
    pages: dict[str, str],
) -> None:
    for name in ("digits-8.html", "cifar10-32.html"):
        assert sections(pages[name])[:7] == [
            "Headlines",
            "Frontiers",
            "All cells",
            "Samples side by side",
            "Verdicts of the claims",
            "Every measure",
            "Settings and provenance",
        ]
    text = pages["cifar10-32.html"]
    alts = [str(a["alt"]) for name, a in Outline(text).elements if name == "img"]
    assert alts[:3] == [
        "Plot of frontier",
        "Plot of quality",
        "Plot of quality",
    ]  # of the largest budget, and the other
    assert alts[-2:] == ["Plot of memory"] * 2
    assert "Samples of sfddm at 4 steps, seed 0" in alts
    assert '<details class="budget" open><summary>cifar10 32×32, scale paper, under 20k evaluations' in text
    assert '<details class="budget"><summary>cifar10 32×32, scale paper, under 5k evaluations' in text


def test_the_index_tells_of_each_data_set_what_there_is_what_is_best_and_the_verdicts(pages: dict[str, str]) -> None:
    text = pages["index.html"]
    assert f"<dt>records</dt><dd>{len(SWEEP)}</dd>" in text
    assert f"<dt>records</dt><dd>{len(SWEEP) + len(BUDGETED)}</dd>" in text
    assert "<dt>budgets of training</dt><dd>5k, 20k</dd>" in text
    best = Outline(text).tables[0]
    assert best[0][:3] == ["steps", "best method", "FD (digits-cnn)"]
    assert best[1][:5] == ["1 step", "sfddm-trajectory", "9.11 ± 0.01", "ddim", "1100.50 ± 0.71"]
    assert best[1][5].endswith("times lower; 2 seeds of the 3 that decide")
    assert '<a href="digits-8.html#steps=4">4 steps</a>' in text
    lines = re.findall(r'<li><span class="pill ([\w-]+)">[^<]+</span> (\d)\. ', text)
    assert [number for _, number in lines] == ["1", "2", "3", "4", "5"] * 2


def test_links_and_pictures_are_relative_and_lead_somewhere(
    files: dict[str, str | bytes], pages: dict[str, str]
) -> None:
    shown = set()
    for page in pages.values():
        elements = Outline(page).elements
        anchors = {f"#{attributes['id']}" for _, attributes in elements if "id" in attributes}
        for name, attributes in elements:
            for where in (attributes[word] for word in ("src", "href") if word in attributes):
                target = str(where).split("#")[0]
                assert where in anchors or target in files or (name, where) == ("link", "data:,")
                shown.add(target)
    assert {name for name in files if name.startswith("pictures/")} <= shown
    assert len(shown) >= 20


def test_the_policy_allows_pictures_beside_the_page_and_nothing_from_elsewhere(pages: dict[str, str]) -> None:
    for page in pages.values():
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
        assert policy
        allowed = re.fullmatch(
            r"default-src 'none'; img-src 'self' file: data:; style-src 'sha256-\S+'; "
            r"script-src 'sha256-\S+' 'sha256-\S+'",
            policy[1],
        )
        assert allowed


def test_pages_are_outlines_with_captions_scopes_and_descriptions_and_text_is_no_markup(pages: dict[str, str]) -> None:
    for page in pages.values():
        outline = Outline(page)
        levels = [int(heading[1]) for heading in outline.headings]
        assert all(after <= before + 1 for before, after in pairwise(levels))
        names = [name for name, _ in outline.elements]
        assert names.count("table") == names.count("caption")
        assert all(a.get("scope") in ("row", "col") for name, a in outline.elements if name == "th")
        assert all(a.get("alt") for name, a in outline.elements if name == "img")
        assert "<img src=x" not in page


def test_the_table_of_cells_can_be_filtered_by_six_columns_and_no_other_table_can(pages: dict[str, str]) -> None:
    filters = re.findall(r'data-filter="([\w-]+)"', pages["cifar10-32.html"])
    assert filters == ["method", "steps", "budget", "device", "origin", "protocol-version"]
    assert "What is published stands under" in pages["cifar10-32.html"]
    assert "What is published stands under" not in pages["digits-8.html"]


def test_the_same_records_give_the_same_bytes_and_one_data_set_no_verdicts_of_all() -> None:
    once = site(FAILED, Pictures([], []))
    assert site(FAILED, Pictures([], [])) == once
    assert list(once) == ["index.html", "digits-8.html"]
    assert sections(once["index.html"].decode()) == ["digits 8×8", "What the words mean"]
    assert "out of memory" in once["digits-8.html"].decode()


def test_the_command_writes_the_site_again_and_says_what(tmp_path: Path) -> None:
    runs, out = write_run(tmp_path / "runs", FAILED), tmp_path / "public"
    for _ in range(2):
        run = sfddm_bench("site", str(runs), "--out", str(out))
        assert (run.returncode, run.stderr) == (0, "1 of 1 data set: digits 8×8, 1 record\n")
        assert run.stdout.splitlines() == [str(out / "index.html"), str(out / "digits-8.html")]
    assert (out / "digits-8.html").read_bytes() == site(FAILED, Pictures([], []))["digits-8.html"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{here}/runs", "--out", "{here}/runs"], "--out: '{here}/runs' given, but it holds other things, such as rec"),
        (["{here}/runs", "--out", "{here}/file"], "--out: '{here}/file' given, but '{here}/file' is not a folder"),
        (["{here}/empty", "--out", "{here}/public"], "no records in '{here}/empty'"),
        (["{here}/none", "--out", "{here}/public"], "PATH: '{here}/none' given, but there is no such folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2_and_nothing_is_made(words: list[str], said: str, tmp_path: Path) -> None:
    write_run(tmp_path / "runs", FAILED)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    run = sfddm_bench("site", *(word.format(here=tmp_path) for word in words))
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert run.stderr.startswith(f"sfddm-bench: {said.format(here=tmp_path)}")
    assert sorted(tmp_path.rglob("*")) == before


def test_rendering_needs_no_torch(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", FAILED)
    probe = "import sys; from pathlib import Path; from bench.report.site import write_site\n"
    probe += "write_site([Path('runs')], Path('public'), print); sys.exit('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe], env=ENVIRONMENT, cwd=tmp_path, check=False)
    assert run.returncode == 0
    assert (tmp_path / "public" / "index.html").is_file()
