"""Tables on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape as of_markup
from rich.table import Table as RichTable

from bench.store.text import printable
from bench.tables.table import Entry, Table

WIDTH = 400  # if the output is no terminal: no line is cut or broken


def print_tables(title: str, tables: Sequence[Table]) -> None:
    """Print tables on stdout, each with its notes below."""
    console = Console(width=None if Console().is_terminal else WIDTH)
    console.print(escape(title), style="bold")
    for table in tables:
        console.print(f"\n[bold]{escape(table.title)}[/bold]")
        console.print(rich_table(table))
        console.print(escape(table.sentences), style="dim")


def escape(text: str) -> str:
    """Return a text as a terminal may have it: no markup of Rich, and nothing that moves the cursor."""
    return of_markup(printable(text))


def rich_table(table: Table) -> RichTable:
    """Return a table as Rich draws it."""
    drawn = RichTable()
    for column, name in enumerate(table.head):
        left = column < table.names  # names stay whole; if room is short, numbers are broken, never cut
        drawn.add_column(escape(name), justify="left" if left else "right", no_wrap=left, overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(_entry, row))
    if table.floors:
        drawn.add_section()
    for floor in table.floors:
        drawn.add_row(*map(escape, floor), *[""] * (len(table.head) - 2))
    return drawn


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    return (f"[bold]{text}[/bold]" if entry.bold else text) + entry.mark
