"""The committed results: verified, rendered again, and what the READMEs show of them."""

import json
import re
import shutil
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import typer
from helpers import blank_figures
from matplotlib.figure import Figure
from PIL import Image

from bench.claims.claims import decide
from bench.claims.page import as_json, markdown
from bench.commands.plots import plots
from bench.commands.tables import tables
from bench.commands.verify import EXIT_DIFFERS
from bench.commands.verify import verify as verify_command
from bench.records.record import read_records
from bench.report.page import write_report

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
FOLDERS = sorted(path.parent for path in RESULTS.rglob("records") if path.is_dir())
README, RESULTS_README = ((folder / "README.md").read_text() for folder in (ROOT, RESULTS))
SAID = (README.split("## Results\n")[1].split("\n## ")[0], RESULTS_README)  # of the results

LARGEST_FILE, LARGEST_ALL = 10**6, 20 * 10**6  # bytes
NUMBER, ADDRESS = re.compile(r"(?<![\w.-])\d+\.\d+(?![\w.])"), re.compile(r"\]\([^)]*\)")
# Another matplotlib or FreeType moves edges of letters: so many pixels of a plot may differ, by more than a shade.
SHADE, MOVED = 24, 0.01


def verify(folder: Path) -> int:
    with pytest.raises(typer.Exit) as left:
        verify_command([folder])
    return left.value.exit_code


def test_they_are_what_they_say() -> None:
    assert FOLDERS
    assert verify(RESULTS) == 0


@pytest.mark.slow
@pytest.mark.parametrize("archive", sorted(RESULTS.rglob("*.zip")), ids=lambda path: path.stem)
def test_an_archive_of_records_is_what_it_says_and_its_tables_are_those_beside_it(
    archive: Path, tmp_path: Path
) -> None:
    assert verify(archive) == 0
    tables([archive], tmp_path)
    committed = archive.parent / "tables"
    assert {path.name: path.read_text() for path in (tmp_path / "tables").iterdir()} == {
        path.name: path.read_text() for path in committed.iterdir()
    }


def test_a_changed_digit_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(FOLDERS[0], tmp_path / "results")
    record = sorted(tmp_path.rglob("records/*/sfddm-*.json"))[0]
    text = record.read_text()
    value = re.search(r'"value": (\d)', text)
    assert value is not None
    record.write_text(text[: value.start(1)] + str((int(value[1]) + 1) % 10) + text[value.end(1) :])
    assert verify(tmp_path / "results") == EXIT_DIFFERS
    difference, summary = capsys.readouterr().out.splitlines()
    assert record.name in difference
    assert summary.startswith("1 differ")


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda path: path.name)
def again(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of results, and one with its plots rendered again (its tables: `verify`), without the PDFs' content."""
    out, save = tmp_path_factory.mktemp("again"), Figure.savefig

    def saved(figure: Figure, file: IO[bytes], format: str, **given: Any) -> None:
        (blank_figures.blank if format == "pdf" else save)(figure, file, format=format, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", saved)
        plots([request.param], out)
    return request.param, out


@pytest.mark.slow
def test_plots_rendered_again_are_those_committed(again: tuple[Path, Path]) -> None:
    committed, out = again
    names = sorted(path.name for path in (committed / "plots").iterdir())
    assert names == sorted(path.name for path in (out / "plots").iterdir())
    for name in [name for name in names if name.endswith(".png")]:
        one, other = (np.asarray(Image.open(folder / "plots" / name).convert("RGB"), int) for folder in again)
        assert one.shape == other.shape
        assert (np.abs(one - other) > SHADE).any(2).mean() < MOVED, name


@pytest.mark.slow
def test_the_report_of_all_rendered_again_is_the_one_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank_figures.use(monkeypatch.setattr)  # plots are compared above
    paths = (RESULTS / "report.html", write_report(FOLDERS, tmp_path / "report.html"))
    one, other = (re.sub(r"base64,[^\"]*", "", path.read_text()) for path in paths)
    assert one == other
    assert [path for path in RESULTS.rglob("report.html") if path.parent != RESULTS] == []  # with verdicts of their own


def test_report_claims_and_readme_have_the_same_verdicts() -> None:
    verdicts = decide(read_records(RESULTS))
    assert (RESULTS / "claims.md").read_text() == markdown(verdicts)
    assert json.loads((RESULTS / "claims.json").read_text()) == json.loads(json.dumps(as_json(verdicts)))
    shown = re.findall(r'<p class="pill [^"]+">([^<]+)</p><h3>(\d+)\. ', (RESULTS / "report.html").read_text())
    assert shown == [(verdict.verdict, str(verdict.about.number)) for verdict in verdicts]
    assert [verdict.of_structure for verdict in verdicts] == ["supported"] * 3 + [None] * 2
    assert [verdict.quality for verdict in verdicts] == [
        {"digits 8x8": "undecided"}
    ] * 5  # or the READMEs say otherwise
    assert "quality that it claims is\n  undecided in all five claims" in README
    assert "The quality is undecided in all five. At 120,000 evaluations the students saw 11.7 %" in RESULTS_README
    assert all("has: 11.7 %" in verdict.missing for verdict in verdicts)


def test_they_are_small_and_hold_no_weights() -> None:
    files = [path for path in RESULTS.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".png", ".md", ".csv", ".tex", ".pdf", ".html", ".txt", ".zip"}
    assert max(path.stat().st_size for path in files) < LARGEST_FILE
    assert sum(path.stat().st_size for path in files) < LARGEST_ALL


def test_every_table_row_of_the_readmes_results_is_in_the_committed_tables() -> None:
    shown = [line for text in SAID for line in text.splitlines() if line.startswith("|")]
    committed = {line for path in RESULTS.rglob("tables/*.md") for line in path.read_text().splitlines()}
    assert len(shown) > 10
    assert [line for line in shown if line not in committed] == []


def test_every_number_of_the_prose_is_in_the_committed_pages() -> None:
    prose = [line for text in SAID for line in text.splitlines() if not line.startswith("|")]
    shown = {number for line in prose for number in NUMBER.findall(ADDRESS.sub("", line))}
    pages = [*RESULTS.rglob("tables/*.md"), RESULTS / "claims.md", RESULTS / "calibration.md"]
    measured = {number for path in pages for number in NUMBER.findall(path.read_text())}
    assert len(shown) > 10
    assert sorted(shown - measured) == []


def test_no_machines_path_is_in_a_record() -> None:
    commands = {word for folder in FOLDERS for record in read_records(folder) for word in record.command}
    assert [word for word in commands if word.startswith("/")] == []
