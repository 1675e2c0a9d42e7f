"""Numbers with their nouns."""


def plural(count: int, noun: str) -> str:
    """Return a count and its noun: `1 step`, `4 steps`."""
    return f"{count} {noun}{'s' * (count != 1)}"
