"""Records of older schemas as today's: each step takes a record's values one schema further. No torch.

1  had no protocol, and named the path of the distance fd_method.
2  was flat: every number a field of the record itself.
3  is nested: what is measured together stands in a section of its own. It may hold the hashes of its pictures.
4  has sampling costs that are shared by all methods that make the same calls, and how quiet the machine was.
5  has the distance of infinitely many images by the jackknife; the one by extrapolation has a name of its own.
6  has the budget as a coordinate, what a student begins with, and its share of its teacher's images. Older ones have
   no budget: theirs stays among the settings; the rest follows from the settings of methods of one fold. Its protocol
   has a version; that of older ones is 1.
"""

from collections.abc import Callable
from typing import Any

from bench.config.variants import base_name, parse
from bench.metrics.distance import distance_name, is_fid

SCHEMA = 6
Values = dict[str, Any]

# Names of schema 2, and of the files of stages made by it, by where they are in schema 3.
QUALITY = {
    "distance": {
        "distance_low": "low",
        "distance_high": "high",
        "distance_infinity": "infinity",
        "distance_path": "path",
        "min_eigenvalue": "min_eigenvalue",
        "rank_deficient": "rank_deficient",
    },
    "inception_score": {"is_mean": "mean", "is_std": "sd"},
    "kid": {"kid_mean": "mean", "kid_std": "sd"},
    "precision_recall": {"precision": "precision", "recall": "recall"},
}
INIT = {  # of methods of older versions that have no setting for it
    "pd": "teacher",
    "sfddm-trajectory": "teacher",
    "scratch": "random",
    "pd-reference": "random",
    "ct-reference": "random",
}
CHAINS = ("pd",)
INFINITY = {"infinity": "extrapolated"}  # of the distance, from schema 4 to 5
SAMPLING_COST = (
    "latency",
    "throughput",
    "wall_seconds",
    "images_per_second",
    "first_call_seconds",
    "compile_seconds",
    "seconds_per_nfe",
    "gpu_peak_bytes",
    "gpu_reserved_bytes",
    "gpu_device_bytes",
    "rss_peak_bytes",
    "weights_bytes",
)
TRAINING_COST = {
    "train_evaluations": "evaluations",
    "train_seconds": "seconds",
    "folds": "folds",
    "teacher_seconds": "teacher_seconds",
    "teacher_evaluations": "teacher_evaluations",
}


def migrated(values: Values) -> Values:
    """Return a record's values in this version's schema."""
    for older in range(values["schema_version"], SCHEMA):
        values = MIGRATIONS[older](values)
    return values


def from_1(values: Values) -> Values:
    """Return schema 1's values in schema 2."""
    kept = {name: value for name, value in values.items() if name not in ("fd_method", "feature_sha256")}
    return kept | {
        "schema_version": 2,
        "distance_path": values["fd_method"],
        "reasons": values["reasons"] | {"protocol": "not recorded by schema 1"},
    }


def from_2(values: Values) -> Values:
    """Return schema 2's values in schema 3."""
    flat = {"fid", "fd", "images", "reference_images", *SAMPLING_COST, *TRAINING_COST}
    flat |= {name for names in QUALITY.values() for name in names}
    kept = {name: value for name, value in values.items() if name not in flat}
    space = values["feature_space"]
    value = values.get("fid" if is_fid(space) else "fd")
    return kept | {
        "schema_version": 3,
        "quality": quality_section(values, value, space),
        "sampling_cost": _filled({name: values.get(name) for name in SAMPLING_COST}),
        "training_cost": _training_cost(values),
        "reasons": {place_of(name): why for name, why in values["reasons"].items() if name not in ("fid", "fd")},
    }


def from_3(values: Values) -> Values:
    """Return schema 3's values in schema 4: nothing moved."""
    return values | {"schema_version": 4}


def from_4(values: Values) -> Values:
    """Return schema 4's values in schema 5."""
    quality = dict(values.get("quality") or {})
    if distance := quality.get("distance"):
        quality["distance"] = {INFINITY.get(name, name): value for name, value in distance.items()}
    reasons = {
        "quality.distance.extrapolated" if name == "quality.distance.infinity" else name: why
        for name, why in values["reasons"].items()
    }
    return values | {"schema_version": 5, "quality": quality or None, "reasons": reasons}


def from_5(values: Values) -> Values:
    """Return schema 5's values in schema 6."""
    config, base = values["config"], base_name(values["method"])
    own = config.get("methods", {}).get(base, {}) | parse(values["method"])[1]
    init = own.get("init", INIT.get(base))
    alone = base not in CHAINS and config.get("budget") is None
    teacher = config.get("teacher", {})
    share = None
    if init is not None and alone and teacher.get("weights") is None:
        share = images_of(own) / images_of(teacher)
    return values | {"schema_version": 6, "init": init, "share": share}


def images_of(training: Values) -> float:
    """Return how many images a training draws; a variant's settings are text."""
    return float(training["iterations"]) * float(training["batch"])


def quality_section(flat: Values, value: float | None, space: str) -> Values | None:
    """Return the section of quality from flat values; None if nothing of it was measured."""
    parts = {
        metric: {new: flat.get(old) for old, new in names.items() if flat.get(old) is not None}
        for metric, names in QUALITY.items()
    }
    parts["distance"] = {"name": distance_name(space), "value": value, **parts["distance"]} if value is not None else {}
    found = {metric: part for metric, part in parts.items() if part}
    if not found:
        return None
    return {"images": flat["images"], "reference_images": flat["reference_images"], **found}


def place_of(name: str) -> str:
    """Return where in schema 3 a number of schema 2 is, as a dotted name; another name comes back as it is."""
    for metric, names in QUALITY.items():
        if name in names:
            return f"quality.{metric}.{names[name]}"
    if name in SAMPLING_COST:
        return f"sampling_cost.{name}"
    if name in TRAINING_COST:
        return f"training_cost.{TRAINING_COST[name]}"
    return name


def _training_cost(values: Values) -> Values | None:
    found = {new: values.get(old) for old, new in TRAINING_COST.items()}
    return found if found["folds"] is not None else None


def _filled(section: Values) -> Values | None:
    """Return a section, or None if all of it is missing."""
    return section if any(value is not None for value in section.values()) else None


MIGRATIONS: dict[int, Callable[[Values], Values]] = {
    1: from_1,
    2: from_2,
    3: from_3,
    4: from_4,
    5: from_5,
}
