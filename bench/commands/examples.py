"""Examples in the help of commands: each on a line of its own, so that it can be pasted."""


def shown(examples: str) -> str:
    """Return examples, one a line, as the epilogue of a command's help."""
    lines = examples.strip().splitlines()
    title = "Examples:" if len(lines) > 1 else "Example:"
    return "\n\n".join([title, *(line.replace("[", "\\[") for line in lines)])
