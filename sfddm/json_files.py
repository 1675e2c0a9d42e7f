"""JSON files that others made: every fault is an InputError of one line that names the file. No torch."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sfddm.errors import InputError
from sfddm.words import on_one_line

JSON_LIMIT = 2**24  # bytes of a configuration or an index; a table of betas takes 20 kB
SAID = 160  # characters of another library's message that are shown


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Return a JSON object without NaN; `what` says what the file should be."""
    try:
        if path.is_file() and path.stat().st_size > JSON_LIMIT:
            raise ValueError(f"{path.stat().st_size} bytes, at most {JSON_LIMIT} are possible")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({words_of(error)}); {what} is needed") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a JSON {type(value).__name__}, not an object; {what} is needed")
    for key, field in value.items():
        if any(isinstance(number, float) and math.isnan(number) for number in _leaves(field)):
            raise InputError(f"{path}: {shown(key)}: NaN given, a number is needed")
    return value


def shown(name: str) -> str:
    """Return a name out of a file in quotes, on one line and no longer than a line is read."""
    return repr(name if len(name) <= 80 else name[:77] + "...")


def words_of(error: BaseException) -> str:
    """Return what another library says of a fault, on one line."""
    return on_one_line(error, SAID) or type(error).__name__


def _leaves(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        yield value
    else:
        for part in inner:
            yield from _leaves(part)
