"""Seals: a JSON file that carries the hash of all the rest of itself, so that a change of it is seen."""

import json
from typing import Any

from bench.store.files import digest

INTEGRITY = "integrity"  # the name, in the file, of the hash of all the rest


def fingerprint(text: str) -> str:
    """Return the sha256 of a JSON object apart from its own seal, whatever the order and spacing.

    Numbers count as they are written: two spellings of one float are two objects.
    """
    values = json.loads(text, parse_float=str)
    return digest({name: value for name, value in values.items() if name != INTEGRITY})


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """Return JSON values with their seal."""
    return values | {INTEGRITY: fingerprint(json.dumps(values))}
