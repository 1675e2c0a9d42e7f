"""TOML texts from outside: parsed, or refused in one line. No torch."""

import tomllib
from typing import Any

from sfddm.words import on_one_line

DEPTH = 20  # tables and arrays within each other; what reads them recurses


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text. Raises ValueError in one line: no TOML, or nested too deep."""
    try:
        tables = tomllib.loads(text)
    except ValueError as error:  # of a number with thousands of digits it is not a TOMLDecodeError
        raise ValueError(on_one_line(error)) from None
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH} levels") from None
    check_depth(tables)
    return tables


def check_depth(value: Any, left: int = DEPTH) -> None:
    """Raise ValueError if mappings and lists are nested too deep."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        if not left:
            raise ValueError(f"nested deeper than {DEPTH} levels")
        check_depth(part, left - 1)
