"""Lists of what there is, as tables on stdout."""

from collections.abc import Iterable, Sequence

WIDTH = 140  # if stdout is no terminal


def print_list(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of plain text under a title; the last column takes what room is left."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    Console(width=None if Console().is_terminal else WIDTH, highlight=False).print(table)
