"""Tables as Markdown."""

from collections.abc import Sequence

from bench.store.text import printable
from bench.tables.table import Entry, Table

MARKUP = str.maketrans({character: f"\\{character}" for character in "\\`*_|<>"})


def markdown(title: str, notes: Sequence[str], tables: Sequence[Table]) -> str:
    """Return a document: a title, sentences, and tables."""
    lines = [f"# {escape(title)}", ""]
    for note in notes:
        lines += [escape(note), ""]
    for table in tables:
        lines += [f"## {escape(table.title)}", "", escape(table.sentences), "", *markdown_table(table), ""]
    return "\n".join(lines)


def markdown_table(table: Table) -> list[str]:
    """Return a table's lines, columns aligned: words to the left, numbers to the right."""
    rows = [[escape(text) for text in table.head], *([_entry(entry) for entry in row] for row in table.rows)]
    for label, value in table.floors:
        rows.append([f"*{escape(label)}*", escape(value), *[""] * (len(table.head) - 2)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.head))]

    def line(cells: Sequence[str]) -> str:
        sides = [
            text.ljust(width) if column < table.names else text.rjust(width)
            for column, (text, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(sides)} |"

    rule = [
        "-" * (width + 2) if column < table.names else "-" * (width + 1) + ":" for column, width in enumerate(widths)
    ]
    return [line(rows[0]), f"|{'|'.join(rule)}|", *map(line, rows[1:])]


def escape(text: str) -> str:
    """Return a text without what Markdown would take for markup, or for the end of a column or line."""
    return printable(" ".join(text.split("\n"))).translate(MARKUP)


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    return f"**{text}**{entry.mark}" if entry.bold else text + entry.mark
