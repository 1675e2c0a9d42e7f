"""The rows of tables and the lines of plots: methods in one order everywhere, and variants of one method told apart."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bench.config import methods
from bench.records.record import REAL, Record
from bench.store.files import flat
from sfddm.errors import InputError

# Settings that say how much was measured, or where, and not what the model or the sampler is.
NOT_OF_THE_METHOD = ("evaluation", "classifier", "dataset", "resolution", "scale")


def labels(records: Sequence[Record]) -> list[str]:
    """Return each record's row name: its method, with those settings in which records of the method differ.

    Cells of other settings are no further seeds of the same thing: `sfddm (hidden_weight=0)` has a row of its own.
    """
    settings = [_settings(record) for record in records]
    seen: dict[str, dict[str, list[Any]]] = {}
    for record, own in zip(records, settings, strict=True):
        values = seen.setdefault(record.method, {})
        for name, value in own.items():
            if value not in (known := values.setdefault(name, [])):
                known.append(value)
    counts: dict[str, int] = {}
    for record in records:
        counts[record.method] = counts.get(record.method, 0) + 1
    varied = {method: [name for name, known in values.items() if len(known) > 1] for method, values in seen.items()}
    return [_label(record.method, own, varied[record.method]) for record, own in zip(records, settings, strict=True)]


def _label(method: str, own: dict[str, Any], varied: list[str]) -> str:
    told = ", ".join(_told(name.removeprefix("method."), own.get(name, "default")) for name in varied)
    return f"{method} ({told})" if told else method


def _told(name: str, value: Any) -> str:
    """Return a setting in words: `hidden_weight=0`, `no budget`."""
    return f"no {name}" if value is None else f"{name}={value}"


def _settings(record: Record) -> dict[str, Any]:
    """Return a record's settings flat, without those of other methods."""
    left_out = (*NOT_OF_THE_METHOD, "methods", *(["budget"] if record.budget is not None else []))
    config = {key: value for key, value in record.config.items() if key not in left_out}
    if record.method == REAL:
        return {}
    config = {"performance": {"precision": "fp32"}} | config  # not in a record if it is the default
    return flat(config) | flat({"method": record.config.get("methods", {}).get(record.method, {})})


def ordered(records: Sequence[Record]) -> list[tuple[str, Record]]:
    """Return (row name, record) in the one order of methods, steps and seeds. Raises InputError for a cell twice."""
    rows = sorted(
        zip(labels(records), records, strict=True),
        key=lambda row: (place(row[1].method), row[0], row[1].steps or 0, row[1].budget or 0, row[1].seed, row[1].key),
    )
    for (name, record), (after, following) in pairwise(rows):
        if (name, record.steps, record.seed) == (after, following.steps, following.seed):
            raise InputError(
                f"the cell '{name}, {record.steps} steps, seed {record.seed}' of {record.dataset} is there twice "
                f"(keys {record.key[:8]} and {following.key[:8]}); render each folder apart, or remove one of them"
            )
    return rows


def place(method: str) -> tuple[int, str]:
    """Return where a method stands: the real data first, then ours, then those of other packages by name."""
    if method == REAL:
        return (-1, method)
    return (methods.place(method), method)
