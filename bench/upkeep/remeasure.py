"""The sampling cost of records measured again on this machine: weights do not matter for it, so no stage is needed.

Records whose sampling makes the same calls are measured once, and written as soon as that is done.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.config.settings import Config
from bench.metrics.sampling_cost import SamplingCost
from bench.records.groups import device_class
from bench.records.measured import cost_fields
from bench.records.record import REAL, Record, read_record, write_record
from bench.stages.cost import Sampling, identity, measure, sampling_of
from bench.store import provenance
from bench.store.files import digest
from bench.store.layout import RunFolder, record_paths
from bench.store.progress import Display
from sfddm.errors import InputError, first_fault
from sfddm.words import plural

OWN_IMAGES = ("wall_seconds", "images_per_second")  # measured while the cell's images were sampled
COST_OF = "cost of "  # how the labels of cost stages begin
AGAIN = "cost_measured"  # in the machine of a record: when, and on what


@dataclass
class Measurement:
    """A way of sampling on this machine, and the records that sample so."""

    config: Config
    sampling: Sampling
    shape: tuple[int, int, int]
    key: str
    records: dict[Path, Record] = field(default_factory=dict)


def measurements(runs: Sequence[RunFolder], device: str, say: Callable[[str], None]) -> list[Measurement]:
    """Return what there is to measure for the records of run folders; what cannot be measured is named by `say`.

    Raises InputError if one has stages, whose own numbers its records must have, or if no record has a cost.
    """
    for run in runs:
        if any(run.stage_folders()):
            raise InputError(f"PATH: '{run.root}' given, which has stages; measure them again with: run --force cost")
    found: dict[str, Measurement] = {}
    for path, record in _with_cost(runs):
        try:
            own = _measurement(record, device)
        except InputError as error:
            say(f"{path}: left as it is: {error}")
            continue
        found.setdefault(own.key, own).records[path] = record
    if not found:
        names = ", ".join(f"'{run.root}'" for run in runs)
        raise InputError(f"PATH: {names} given, without a record whose sampling cost can be measured here")
    return list(found.values())


def _with_cost(runs: Sequence[RunFolder]) -> Iterator[tuple[Path, Record]]:
    for path in [path for run in runs for path in record_paths(run.records)]:
        record = read_record(path)
        if record.failure is None and record.method != REAL and record.sampling_cost is not None:
            yield path, record


def _measurement(record: Record, device: str) -> Measurement:
    """Return how a record's cell samples. Raises InputError if that is not known, or was on another kind of device."""
    if (weights := record.config.get("teacher", {}).get("weights")) is not None:
        raise InputError(f"its teacher was a file, {weights}, which says what its network is")
    here = device_class(record.model_copy(update={"machine": provenance.machine(device)}))
    if device_class(record) != here:
        raise InputError(f"it was measured on {device_class(record)}, this is {here}")
    try:
        config = Config.model_validate(record.config)
    except ValidationError as error:
        place, fault = first_fault(error)
        raise InputError(f"its config.{place} is none of this version's ({fault})") from None
    assert record.steps is not None
    shape = (config.network.channels, record.resolution, record.resolution)
    sampling = sampling_of(config, config.method(record.method), record.steps)
    return Measurement(config, sampling, shape, digest(identity(config, sampling, shape, device)))


def remeasure(found: list[Measurement], device: str, force: bool, display: Display) -> int:
    """Measure, and write each record again with what was found; return how many were written.

    A record that was measured so already is left, unless the machine was not quiet, so that an interrupted run goes on
    and a disturbed one is repeated; `force` begins again.
    """
    written = 0
    with display.task(f"measuring {plural(len(found), 'way')} of sampling", len(found), "measurements") as update:
        for number, own in enumerate(found, 1):
            due = {path: record for path, record in own.records.items() if force or not _is_done(record, own)}
            if due:
                display.say(f"{own.sampling.label}, for {plural(len(due), 'record')}")
                began = time.perf_counter()
                values = measure(own.config, own.sampling, own.shape, device)
                seconds = round(time.perf_counter() - began, 3)
                for path, record in due.items():
                    write_record(path.parents[2], updated(record, own, values, seconds, device))
                written += len(due)
            update(number)
    return written


def _is_done(record: Record, own: Measurement) -> bool:
    assert record.sampling_cost is not None
    return own.key in record.parents.values() and not record.sampling_cost.is_noise


def updated(record: Record, own: Measurement, values: dict[str, Any], seconds: float, device: str) -> Record:
    """Return a record with a new sampling cost, and what it was measured on; its own images' rate stays."""
    assert record.sampling_cost is not None
    measured, execution, reasons = cost_fields(values)
    kept = {name: getattr(record.sampling_cost, name) for name in OWN_IMAGES}
    here = provenance.machine(device)
    told = {"on": datetime.now(UTC).date().isoformat(), "versions": provenance.versions(), **execution, **here}
    return record.model_copy(
        update={
            "sampling_cost": SamplingCost.model_validate(measured | kept),
            "reasons": {name: why for name, why in record.reasons.items() if not name.startswith("sampling_cost.")}
            | reasons,
            "machine": record.machine | {AGAIN: told},
            "parents": {label: key for label, key in record.parents.items() if not label.startswith(COST_OF)}
            | {own.sampling.label: own.key},
            "durations": {label: took for label, took in record.durations.items() if not label.startswith(COST_OF)}
            | {own.sampling.label: seconds},
        }
    )
