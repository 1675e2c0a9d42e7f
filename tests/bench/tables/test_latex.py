"""LaTeX: its structure always, and that it compiles where a TeX is there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.made_records import made, sweep

from bench.records.groups import groups
from bench.rendering import rendered
from bench.tables.comparison import comparison_table
from bench.tables.latex import escape, latex
from bench.tables.published import published
from bench.tables.table import Entry, Table

DOCUMENT = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}%s\end{document}"
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
