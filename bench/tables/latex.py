"""Tables as LaTeX, with booktabs: a file of table environments to \\input, which need booktabs and graphicx."""

import re
from collections.abc import Iterable, Sequence

from bench.tables.table import Entry, Table

PREAMBLE = "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}."
SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "×": r"$\times$", "−": r"$-$",
    "†": r"$^\dagger$", "‡": r"$^\ddagger$", "<": r"$<$", ">": r"$>$", "|": r"$|$",
}  # fmt: skip


def latex(tables: Sequence[Table], label: str) -> str:
    """Return tables as LaTeX environments, labelled tab:<label>-1 and so on."""
    parts = [PREAMBLE]
    for position, table in enumerate(tables, 1):
        parts.append(latex_table(table, f"tab:{plain(label)}-{position}"))
    return "\n\n".join(parts) + "\n"


def latex_table(table: Table, label: str) -> str:
    """Return one table environment, made narrower only if it is wider than the line."""
    body = [_line(escape(text) for text in table.head), r"\midrule"]
    body += [_line(_entry(entry) for entry in row) for row in table.rows]
    if table.floor is not None:
        name, value = table.floor
        span = len(table.head) - 1
        body += [r"\midrule", _line([escape(name), rf"\multicolumn{{{span}}}{{c}}{{{escape(value)}}}"])]
    columns = "l" * table.names + "r" * (len(table.head) - table.names)
    caption = escape(" ".join([f"{table.title}.", *table.notes]))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\label{{{label}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
        ]
    )


def escape(text: str) -> str:
    """Return a text as LaTeX shows it; characters beyond ASCII that LaTeX may not know become question marks."""
    return "".join(SPECIAL.get(character, character if character.isascii() else "?") for character in text)


def plain(label: str) -> str:
    """Return a label without what LaTeX would take for markup or for the end of the argument."""
    return re.sub(r"[^A-Za-z0-9:.+=_-]", "-", label)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    return (rf"\textbf{{\boldmath {text}}}" if entry.bold else text) + escape(entry.mark)
