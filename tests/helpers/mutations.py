"""Damaged and invented inputs for readers, and how often they are tried."""

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SECONDS = 5  # that a reader may take over one small input, on a busy machine

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(2**62, 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
DEEP = [open_ * 20_000 + "1" + close * 20_000 for open_, close in ((" [", "]"), ('{"a":', "}"))]


def tries(check: Callable[[Any], None], inputs: st.SearchStrategy[Any], count: int) -> None:
    """Run a check on so many inputs, the same in every run."""
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    rules = settings(
        max_examples=count,
        deadline=timedelta(seconds=SECONDS),
        derandomize=True,
        database=None,
        suppress_health_check=unhurried,
    )
    rules(given(inputs)(lambda value: check(value)))()


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """Draw a valid file's bytes with up to four changes: a byte replaced, some removed, inserted or repeated."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 20))
        kind = draw(st.sampled_from(["replace", "remove", "insert", "repeat", "cut"]))
        if kind == "replace":
            data[place : place + length] = draw(st.binary(min_size=length, max_size=length))
        elif kind == "remove":
            del data[place : place + length]
        elif kind == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=length))
        elif kind == "repeat":
            data[place:place] = data[place : place + length]
        else:
            del data[place:]
    return bytes(data)


@st.composite
def changed_json(draw: st.DrawFn, valid: Any) -> bytes:
    """Draw a valid JSON value's text with up to three parts replaced, removed or added, at any depth."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        here = value
        while True:
            places = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not places:
                break
            place = draw(st.sampled_from(places))
            if isinstance(here[place], (dict, list)) and draw(st.booleans()):
                here = here[place]
                continue
            kind = draw(st.sampled_from(["replace", "remove", "add"]))
            if kind == "remove":
                del here[place]
            elif kind == "replace" or isinstance(here, list):
                here[place] = draw(JSON_VALUES)
            else:
                here[draw(st.text(max_size=8))] = draw(JSON_VALUES)
            break
    return json.dumps(value).encode()


def files(valid: bytes, structure: Any = None) -> st.SearchStrategy[bytes]:
    """Return damaged forms of a valid file, arbitrary bytes, deep nesting and, of a JSON file, changed values."""
    kinds = [damaged(valid), st.binary(max_size=200), st.sampled_from([text.encode() for text in DEEP])]
    if structure is not None:
        kinds += [changed_json(structure), JSON_VALUES.map(lambda value: json.dumps(value).encode())]
    return st.one_of(kinds)
