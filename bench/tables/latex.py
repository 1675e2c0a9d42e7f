"""Tables as LaTeX with booktabs: a file of table environments to \\input, readable in a column of text.

Nothing is scaled: a table is set in the largest size from 9 to 7 pt in which it fits the line, and one that fits in
none has its columns in blocks below each other. Captions are short; what is true of all tables stands once, before
them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from bench.tables.table import Entry, Table

Row = tuple[Entry, ...]

PREAMBLE = "% Needs \\usepackage{booktabs} and \\usepackage{amsmath}."
SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "×": r"$\times$", "−": r"$-$",
    "†": r"$^\dagger$", "‡": r"$^\ddagger$", "<": r"$<$", ">": r"$>$", "|": r"$|$",
}  # fmt: skip
LINE = 345.0  # pt, of an article in 10 pt
LINES = 42  # of rows, at most on a page
SEPARATION = 3.0  # pt, on each side of a column
BOLD = 1.15  # times as wide
PARAGRAPH = 100.0  # pt, the most that a text takes in one line; a longer one is broken
RAGGED = 1.2  # times the lines that a broken text would take if they were full
# Of Computer Modern, in ems: what is not half an em wide, as digits are.
NARROW = dict.fromkeys("il.,:;'|!()[]", 0.39) | {" ": 0.34, "-": 0.34, "†": 0.34, "‡": 0.34}
WIDE = (
    dict.fromkeys("MW", 1.03) | dict.fromkeys("mw%&+<>=~^±−×", 0.84) | dict.fromkeys("ABCDEFGHIJKLNOPQRSTUVXYZ@", 0.77)
)
EMS = NARROW | WIDE


@dataclass(frozen=True)
class Size:
    """A size by its command; em: of its font, in pt of a font whose digits are half an em wide."""

    command: str
    em: float


# 9, 8 and 7 pt: cmr9, cmr8 and cmr7, whose digits are the wider for their size the smaller they are.
SIZES = (Size("small", 9 * 1.028), Size("footnotesize", 8 * 1.062), Size("scriptsize", 7 * 1.139))


def latex(
    tables: Sequence[Table], label: str, about: str = "", notes: Sequence[str] = (), space: str | None = None
) -> str:
    """Return tables as LaTeX environments, labelled tab:<label>-1 and so on, after the note that they share.

    about: what they are of, for each caption. notes: sentences true of all. space: the feature space, which becomes the
    subscript of what is measured in it.
    """
    labels = [f"tab:{plain(label)}-{position}" for position in range(1, len(tables) + 1)]
    shared = [*notes, *dict.fromkeys(sign for table in tables for sign in table.signs)]
    parts = [PREAMBLE, *([note(shared, labels)] if shared and tables else [])]
    parts += [latex_table(table, name, about, space) for table, name in zip(tables, labels, strict=True)]
    return "\n\n".join(parts) + "\n"


def note(sentences: Sequence[str], labels: Sequence[str]) -> str:
    """Return the paragraph that all tables share, which names them."""
    last = rf" to~\ref{{{labels[-1]}}}" if len(labels) > 1 else ""
    named = rf"Table{'s' * (len(labels) > 1)}~\ref{{{labels[0]}}}{last}"
    return "\n".join(
        [r"\begingroup\footnotesize\noindent", f"{named}: {escape(' '.join(sentences))}\\par", r"\endgroup"]
    )


def latex_table(table: Table, label: str, about: str = "", space: str | None = None) -> str:
    """Return one table environment; what has no place on its page continues in others of the same number."""
    size, blocks = layout(table)
    words = min(table.names, len(blocks[0]))
    columns = "l" * words + "r" * (len(blocks[0]) - words)
    title = table.title[:1].upper() + table.title[1:]
    caption = f"{subscripted(title, space)}{escape(f', {about}' if about else '')}"
    first = [rf"\caption{{{' '.join([f'{caption}.', *map(escape, table.notes)])}}}", rf"\label{{{label}}}"]
    further = [r"\addtocounter{table}{-1}", rf"\caption{{{caption}, continued.}}"]
    return "\n\n".join(
        "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                *(further if position else first),
                rf"\{size.command}\setlength{{\tabcolsep}}{{{SEPARATION:g}pt}}%",
                rf"\begin{{tabular}}{{{columns}}}",
                r"\toprule",
                *lines,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
            ]
        )
        for position, lines in enumerate(pages(table, blocks))
    )


def pages(table: Table, blocks: Sequence[Sequence[int]]) -> list[list[str]]:
    """Return the lines of a table by page; its columns stand in blocks below each other, all as wide as the first."""
    width = len(blocks[0])
    found: list[list[str]] = []
    taken = LINES
    for rows in of_one_page(table):
        high = sum(map(height, rows)) + 1
        for block in blocks:
            filling = [""] * (width - len(block))
            lines = [_line([*(escape(table.head[column]) for column in block), *filling]), r"\midrule"]
            for row in rows:
                lines.append(_line([*(_entry(row[column], column >= table.names) for column in block), *filling]))
            if taken + high <= LINES:
                found[-1] += [r"\midrule[\heavyrulewidth]", *lines]
                taken += high
            else:
                found.append(lines)
                taken = high
    for number, (name, value) in enumerate(table.floors):
        floor = rf"\multicolumn{{{width - 1}}}{{c}}{{{escape(value)}}}"
        found[-1] += [*[r"\midrule"] * (number == 0), _line([escape(name), floor])]
    return found


def of_one_page(table: Table) -> list[list[Row]]:
    """Return the rows of a table in parts that fit a page."""
    parts: list[list[Row]] = [[]]
    for row in table.rows:
        if parts[-1] and sum(map(height, [*parts[-1], row])) >= LINES:
            parts.append([])
        parts[-1].append(row)
    return parts


def height(row: Row) -> int:
    """Return how many lines a row may take at most, whichever of its texts are broken."""
    return max(ceil(RAGGED * width(entry.text) * SIZES[0].em / PARAGRAPH) if breaks(entry) else 1 for entry in row)


def breaks(entry: Entry) -> bool:
    """Tell whether an entry is wider than a line of a paragraph, in any size."""
    return width(entry.text) * SIZES[-1].em > PARAGRAPH


def layout(table: Table) -> tuple[Size, list[list[int]]]:
    """Return the size in which a table fits the line, and its columns; if it fits in none, its columns in blocks.

    Each block begins with the columns of names, and all have nearly the same number of others.
    """
    natural = [column_width(table, column) for column in range(len(table.head))]
    names, others = list(range(table.names)), list(range(table.names, len(table.head)))

    def fits(size: Size, columns: Sequence[int]) -> bool:
        taken = [natural[column] * size.em for column in columns]
        broken = [
            min(pt, PARAGRAPH) if column >= table.names else pt for column, pt in zip(columns, taken, strict=True)
        ]
        return sum(pt + 2 * SEPARATION for pt in broken) <= LINE

    for size in SIZES:
        if fits(size, [*names, *others]):
            return size, [[*names, *others]]
    for size in SIZES[1:]:
        for count in range(2, len(others) + 1):
            blocks = [[*names, *part] for part in split(others, count)]
            if all(fits(size, block) for block in blocks):
                return size, blocks
    return SIZES[-1], [[*names, column] for column in others]


def split(columns: Sequence[int], count: int) -> list[list[int]]:
    """Return columns in so many parts, the earlier ones the longer by at most one."""
    least, more = divmod(len(columns), count)
    starts = [part * least + min(part, more) for part in range(count + 1)]
    return [list(columns[starts[part] : starts[part + 1]]) for part in range(count)]


def column_width(table: Table, column: int) -> float:
    """Return how wide a column is in ems of a font whose digits are half an em wide."""
    entries = [row[column] for row in table.rows]
    texts = [width(table.head[column])]
    texts += [width(entry.text) * (BOLD if entry.bold else 1) + width(entry.mark) for entry in entries]
    if column == 0:
        texts += [width(name) for name, _ in table.floors]
    return max(texts)


def width(text: str) -> float:
    """Return how wide a text is in ems of a font whose digits are half an em wide."""
    return sum(EMS.get(character, 0.53 if character.isalpha() else 0.5) for character in text)


def subscripted(title: str, space: str | None) -> str:
    """Return a title in LaTeX, the feature space in brackets as the subscript of what stands before it."""
    before, found, after = title.partition(f" ({space})")
    if space is None or not found:
        return escape(title)
    return rf"{escape(before)}$_{{\text{{{escape(space)}}}}}${escape(after)}"


def escape(text: str) -> str:
    """Return a text as LaTeX shows it; characters beyond ASCII that LaTeX may not know become question marks."""
    return "".join(SPECIAL.get(character, character if character.isascii() else "?") for character in text)


def plain(label: str) -> str:
    """Return a label without what LaTeX would take for markup or for the end of the argument."""
    return re.sub(r"[^A-Za-z0-9:.+=_-]", "-", label)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _entry(entry: Entry, may_break: bool) -> str:
    text = escape(entry.text)
    if may_break and breaks(entry):
        return rf"\parbox[t]{{{PARAGRAPH:g}pt}}{{\raggedright\strut {text}\strut}}"
    return (rf"\textbf{{\boldmath {text}}}" if entry.bold else text) + escape(entry.mark)
