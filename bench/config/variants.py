"""Variants: a method under settings of its own, written `sfddm[init=teacher,time_input=phi]`. Text only, no torch.

A variant is a method like any other in a sweep, with rows, lines and records under its whole name.
"""

import re
from collections.abc import Sequence

from bench.store.text import check_shown
from sfddm.errors import InputError

VARIANT = re.compile(r"([^\[\]=\s]+)\[(.+)\]")


def split_outside_brackets(text: str) -> list[str]:
    """Return the stripped parts of a comma-separated text; a comma within brackets separates nothing."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def parse(name: str) -> tuple[str, dict[str, str]]:
    """Return (`sfddm`, {`init`: `teacher`}) of `sfddm[init=teacher]`; values are text. Raises InputError."""
    if "[" not in name and "]" not in name:
        return name, {}
    form = f"--methods: '{name}' given, the form of a variant is method[setting=value,...], such as sfddm[init=teacher]"
    match = VARIANT.fullmatch(name.strip())
    if match is None:
        raise InputError(form)
    settings: dict[str, str] = {}
    for assignment in split_outside_brackets(match[2]):
        key, equals, value = (part.strip() for part in assignment.partition("="))
        if not (key and equals and value) or key in settings:
            raise InputError(form)
        settings[key] = value
    return match[1], settings


def base_name(name: str) -> str:
    """Return the method of a variant, and a method itself: `sfddm` of `sfddm[init=teacher]`. Raises InputError."""
    return parse(name)[0]


def canonical(name: str) -> str:
    """Return the one spelling of a variant: settings in alphabetical order, no spaces. Raises InputError."""
    base, settings = parse(check_shown("--methods", name))
    inner = ",".join(f"{key}={''.join(value.split())}" for key, value in sorted(settings.items()))
    return f"{base}[{inner}]" if settings else base


def methods_by_steps(methods: Sequence[str], steps: Sequence[int]) -> list[tuple[str, int]]:
    """Return every method at every step count, each in its one spelling."""
    return [(canonical(name), count) for count in steps for name in methods]
