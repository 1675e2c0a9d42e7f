"""LaTeX: its structure always, and that it compiles where a TeX is there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.made_records import made, sweep
from matplotlib import get_data_path
from matplotlib.ft2font import FT2Font

from bench.records.groups import groups
from bench.rendering import rendered
from bench.tables.comparison import comparison_table
from bench.tables.latex import (
    LINE,
    LINES,
    PARAGRAPH,
    SEPARATION,
    SIZES,
    Size,
    column_width,
    escape,
    latex,
    layout,
    pages,
)
from bench.tables.published import published
from bench.tables.table import Entry, Table

DOCUMENT = r"\documentclass{article}\usepackage{booktabs,amsmath}\begin{document}%s\end{document}"
NASTY = Table(
    r"50 % of a_b & c#d {e} $f$ \g ~h^i",
    ("<x> | y ± z × w − v † ‡",),
    ("a_b", "c%"),
    ((Entry("&"), Entry("_", "†", True)),),
)


def faults(text: str) -> list[str]:
    """Return what is wrong with the structure of LaTeX tables: braces, environments, columns of each row."""
    found = []
    bare = re.sub(r"\\[\\{}%$&#_]", "", re.sub(r"(?<!\\)%.*", "", text))
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            found.append("a brace is closed that was not opened")
            break
    if depth > 0:
        found.append("a brace stays open")
    if bare.count("$") % 2:
        found.append("a formula stays open")
    stack: list[str] = []
    for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if word == "begin":
            stack.append(name)
        elif not stack or stack.pop() != name:
            found.append(f"{name} ends out of turn")
    found += [f"{name} does not end" for name in stack]
    for columns, body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", text, re.S):
        for row in re.findall(r"^(?!\\(?:top|mid|bottom)rule)(.*) \\\\$", body, re.M):
            spans = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", row))
            cells = len(re.findall(r"(?<!\\)&", row)) + 1 + spans
            if cells != len(columns):
                found.append(f"{cells} cells in {len(columns)} columns: {row}")
    return found


def compiles(text: str, folder: Path) -> str:
    """Return what pdflatex has to complain of; nothing where it made a PDF, or is not there."""
    program = shutil.which("pdflatex")
    if program is None:
        return ""
    (folder / "document.tex").write_text(DOCUMENT % text)
    run = subprocess.run(
        [program, "-interaction=nonstopmode", "-halt-on-error", "document.tex"],
        cwd=folder, capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    return "" if run.returncode == 0 and (folder / "document.pdf").stat().st_size > 1000 else run.stdout[-2000:]


@pytest.mark.parametrize(
    "broken",
    [r"\begin{table}{", r"\begin{table}", r"\begin{a}\begin{b}\end{a}\end{b}", "$x",
     "\\begin{tabular}{lr}\n\\toprule\na & b & c \\\\\n\\end{tabular}"],
)  # fmt: skip
def test_the_check_finds_broken_latex(broken: str) -> None:
    assert faults(broken)


def test_a_whole_sweep_is_sound_latex_that_compiles(tmp_path: Path) -> None:
    failed = made("pd", 512, 0, failure="100 % of the loss is not finite_")
    (group,) = groups([*sweep(steps=(1, 4, 64)), failed])
    table = comparison_table(group, published(), ["Beside the published."])
    assert table is not None
    text = rendered(group).texts[".tex"] + latex([table], "published")
    assert text.count(r"\begin{table}") >= 15
    assert faults(text) == []
    assert text.isascii()
    assert compiles(text, tmp_path) == ""


def test_characters_that_latex_reads_as_commands_are_escaped(tmp_path: Path) -> None:
    text = latex([NASTY], "nasty")
    assert faults(text) == []
    assert compiles(text, tmp_path) == ""


def test_only_the_separated_best_is_bold_in_latex() -> None:
    text = latex(
        [Table("t", (), ("m", "s"), ((Entry("a"), Entry("1.0", "†", True)), (Entry("b"), Entry("2.0", "‡"))))], "t"
    )
    assert text.count(r"\textbf") == 1
    assert r"\textbf{\boldmath 1.0}$^\dagger$" in text
    assert escape("±") == r"$\pm$"


def test_captions_are_short_and_what_all_tables_share_stands_once() -> None:
    (group,) = groups(sweep(("sfddm", "ddim"), (1, 4, 16), feature_space="digits-cnn"))
    text = rendered(group).texts[".tex"]
    captions = re.findall(r"\\caption\{(.*)\}", text)
    assert captions[0] == r"FD$_{\text{digits-cnn}}$, cifar10 32x32. Lower is better."
    assert len(captions) == text.count(r"\begin{table}")
    assert max(map(len, captions)) < 180
    assert text.count("Mean $\\pm$ standard deviation over seeds") == 1
    assert text.count("generated images against") == 1
    assert "(digits-cnn)" not in text
    assert rf"Tables~\ref{{tab:{group.stem}-1}} to~\ref{{tab:{group.stem}-{len(captions)}}}" in text


def ems_of_type(text: str, font: FT2Font) -> float:
    """Return how wide Computer Modern at 10 pt sets a text, in ems; signs are of its symbol font."""
    signs = {"±": 0.778, "−": 0.778, "×": 0.778, "~": 0.5, "†": 0.33, "‡": 0.33, "<": 0.778, ">": 0.778}
    return sum(signs.get(c) or font.load_char(ord(c)).linearHoriAdvance / 65536 / 10 for c in text)


WORDS = (
    "sfddm-reference", "sfddm[init=teacher,time_input=phi]", "dpm-solver", "59.62 ± 4.57†", "1,024 steps", "MMMWWW",
    "real data (floor)", "KID (x 1000)", "~0.0012 [0.0400]", ">= 1,200", "The quick brown fox jumps over the lazy dog",
)  # fmt: skip


def test_no_text_is_taken_to_be_narrower_than_computer_modern_sets_it() -> None:
    font = FT2Font(f"{get_data_path()}/fonts/ttf/cmr10.ttf")
    font.set_size(10, 72)
    for word in WORDS:
        set_width, taken = ems_of_type(word, font), column_width(Table("", (), (word,), ()), 0)
        assert set_width <= taken <= 1.25 * set_width, word


@pytest.mark.parametrize("steps", [(4,), (1, 4, 16), tuple(range(1, 31))])
def test_a_table_fits_the_line_in_7_to_9_pt_without_being_scaled(steps: tuple[int, ...]) -> None:
    (group,) = groups(sweep(steps=steps))
    (beside,) = [comparison_table(group, published(), [])]
    assert beside is not None
    shown = rendered(group)
    assert "resizebox" not in shown.texts[".tex"]
    assert {size.command for size in SIZES} == {"small", "footnotesize", "scriptsize"}
    for table in [*shown.summaries, beside]:
        size, blocks = layout(table)
        for block in blocks:
            assert sum(width_in(table, column, size) + 2 * SEPARATION for column in block) <= LINE
            assert block[: table.names] == list(range(table.names))
        others = [column for block in blocks for column in block[table.names :]]
        assert others == list(range(table.names, len(table.head)))


def width_in(table: Table, column: int, size: Size) -> float:
    """Return the width of a column in pt; of one whose texts are broken, that of a paragraph."""
    taken = column_width(table, column) * size.em
    broken = rf"\parbox[t]{{{PARAGRAPH:g}pt}}" in latex([table], "t") and column >= table.names
    return min(taken, PARAGRAPH) if broken else taken


def test_a_short_table_is_large_and_whole_and_a_wide_one_has_every_column_in_a_block() -> None:
    few, many = (
        Table(
            "t",
            (),
            ("m", *heads),
            ((Entry("a"), *(Entry(f"{k}.00 ± 0.50") for k, _ in enumerate(heads))),),
            (("f", "1"),),
        )
        for heads in (["1 step"], [f"{k} steps" for k in range(30)])
    )
    assert layout(few)[0].command == "small"
    text = latex([many], "t")
    assert faults(text) == []
    assert all(f"{k} steps" in text and f"{k}.00 $\\pm$ 0.50" in text for k in range(30))
    assert text.count(r"\begin{tabular}") == 1


def test_a_long_table_continues_under_the_same_number_and_loses_no_row() -> None:
    rows = tuple((Entry(f"row {k}"), Entry("1")) for k in range(3 * LINES - 3))
    table = Table("t", (), ("m", "s"), rows, (("floor", "2"),))
    text = latex([table], "t")
    assert faults(text) == []
    assert all(f"row {k} &" in text for k in range(3 * LINES - 3))
    assert text.count(r"\begin{table}") == text.count("continued.") + 1 == len(pages(table, layout(table)[1])) == 3
    assert text.count(r"\addtocounter{table}{-1}") == 2
    assert text.count(r"\label{") == 1
