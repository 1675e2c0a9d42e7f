"""A record compared with itself: the name of its file, its key and its parents' labels follow from it. No torch."""

from collections.abc import Iterator
from pathlib import Path

from bench.config.counts import short
from bench.config.variants import base_name, parse
from bench.metrics.distance import distance_name
from bench.records.record import REAL, Record, own_settings
from bench.store.files import digest
from sfddm.words import plural

METRICS_OF, SAMPLES_OF, FLOOR = "metrics of ", "samples of ", "the real data's own values"


def contradictions(path: Path, record: Record) -> Iterator[str]:
    """Yield what of a record does not go with the rest of it or with the name of its file."""
    if path.name != f"{record.name}.json":
        yield f"its file is called {path.name}, its content gives {record.name}.json"
    if path.parent.name != record.set_name:
        yield f"its folder is called {path.parent.name}, its content gives {record.set_name}"
    if (key := key_of(record)) and record.key != key:
        yield f"its key is {record.key[:12]}, its method, steps, settings and parents give {key[:12]}"
    if (label := own_label(record)) and label not in record.parents:
        found = next(name for name in record.parents if name.startswith((SAMPLES_OF, FLOOR)))
        yield f"it is of {record.method}, steps {record.steps}, seed {record.seed}, but was made from '{found}'"
    for name in ("resolution", "scale"):
        if name in record.config and record.config[name] != getattr(record, name):
            yield f"{name} is {getattr(record, name)}, its config.{name} says {record.config[name]}"
    if record.grid is not None and (grid := grid_of(record)) and record.grid != grid:
        yield f"grid is {record.grid}, its settings say {grid}"
    yield from _quality(record)


def key_of(record: Record) -> str | None:
    """Return the key that a record's content gives; None if it does not say all that decides the key.

    A path in `teacher.weights` is in the key as it was, and in the record without the names of user and host.
    """
    judged = [key for label, key in record.parents.items() if label.startswith((METRICS_OF, FLOOR))]
    if len(judged) != 1 or record.config.get("teacher", {}).get("weights") is not None:
        return None
    if record.method == REAL:
        return digest({"stage": judged[0], "method": REAL})
    settings = own_settings(record.config, record.method)
    return digest({"stage": judged[0], "method": record.method, "steps": record.steps, "config": settings})


def own_label(record: Record) -> str | None:
    """Return the label of the stage that made the record's images; None if its parents name none."""
    if not any(label.startswith((SAMPLES_OF, FLOOR)) for label in record.parents):
        return None
    if record.method == REAL or record.steps is None:
        return f"{FLOOR} (seed {record.seed})"
    told = "" if record.budget is None else f" ({short(record.budget)})"
    return f"{SAMPLES_OF}{record.method}{told} at {plural(record.steps, 'step')} (seed {record.seed})"


def grid_of(record: Record) -> str | None:
    """Return the grid that a record's method is set to; None if it is not a setting by a name of its own."""
    own = record.config.get("methods", {}).get(base_name(record.method), {}) | parse(record.method)[1]
    found = own.get("grid", own.get("subsequence"))
    if isinstance(found, str) and not found.startswith("["):
        return found
    return "list" if found is not None else None


def _quality(record: Record) -> Iterator[str]:
    quality, protocol = record.quality, record.protocol
    if quality is None:
        return
    if quality.distance is not None and quality.distance.name != distance_name(record.feature_space):
        yield f"quality.distance.name is {quality.distance.name}, its feature_space is {record.feature_space}"
    if protocol is None:
        return
    for name in ("images", "reference_images"):
        if getattr(quality, name) != getattr(protocol, name):
            yield f"quality.{name} is {getattr(quality, name)}, its protocol says {getattr(protocol, name)}"
    if record.method == REAL:
        return  # one half of the data stands for it, under a hash of its own
    for name, value in (("reference", record.dataset), ("reference_sha256", record.dataset_sha256)):
        if getattr(protocol, name) != value:
            yield f"protocol.{name} is {getattr(protocol, name)}, the record's own dataset is {value}"
