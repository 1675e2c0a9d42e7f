"""Numbers with their nouns, and what others say on one line."""


def plural(count: int, noun: str) -> str:
    """Return a count and its noun: `1 step`, `4 steps`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def on_one_line(said: object, longest: int | None = None) -> str:
    """Return a text, or what an error says, on one line, and no more of it than `longest` characters."""
    return " ".join(str(said).split())[:longest]
