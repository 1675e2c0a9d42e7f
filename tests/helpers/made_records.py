"""Made-up records of a whole sweep, plausible in their values and the same each time, to render in tests."""

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from bench.config.methods import METHODS
from bench.config.variants import base_name
from bench.metrics.distance import distance_name
from bench.metrics.protocol import Protocol
from bench.records.pictures import write_sheet
from bench.records.record import REAL, Record, write_record

STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)
# Distance at one step, at many steps, and how fast it falls; training cost in evaluations of one student; folds.
SHAPES = {
    "sfddm": (320.0, 14.0, 1.0, 2_000_000, 1),
    "sfddm-reference": (400.0, 18.0, 0.9, 2_000_000, 1),
    "sfddm-trajectory": (38.0, 7.5, 1.2, 5_000_000, 1),
    "pd": (22.0, 6.5, 1.0, 25_000_000, 10),
    "pd-reference": (260.0, 16.0, 0.9, 15_000_000, 10),
    "scratch": (250.0, 12.0, 0.8, 9_000_000, 1),
    "ddim": (410.0, 6.0, 1.3, 0, 0),
    "ddpm": (450.0, 5.2, 0.9, 0, 0),
    "dpm-solver": (380.0, 5.8, 1.7, 0, 0),
}


def protocol(**other: object) -> Protocol:
    """Return a protocol with all its fields."""
    given: dict = {
        "network": "inception-2015",
        "network_sha256": "a" * 64,
        "resize": "clean",
        "images": 50_000,
        "reference": "cifar10",
        "reference_sha256": "b" * 64,
        "reference_images": 50_000,
        "preprocessing": "none",
        "lossy_reference": False,
        "is_splits": 10,
        "kid_subsets": 100,
        "kid_subset_size": 1000,
        "neighbours": 3,
        "seed": 0,
    }
    return Protocol(**(given | other))


def made(method: str, steps: int | None, seed: int, distance: float | None = None, **other: object) -> Record:
    """Return one record with every measurement, by the method's shape; a failed one has none.

    other: fields of the record, or what is in its sections by dotted name, with two underscores for a dot.
    """
    draw = np.random.default_rng([seed, steps or 0, *method.encode()])
    high, low, slope, cost, folds = SHAPES.get(base_name(method), (2.1, 2.1, 1.0, 0, 0))
    value = (low + (high - low) / (steps or 1) ** slope) * draw.normal(1, 0.02)
    value = value if distance is None else distance
    seconds = 0.004 * (steps or 1) * draw.normal(1, 0.03) + 0.001
    own = (
        {"clip": "x0", "grid": "trailing", "eta": 0.0}
        if cost == 0
        else {"subsequence": "trailing", "iterations": 10_000}
    )
    given: dict = {
        "key": f"{draw.integers(2**62):016x}",
        "dataset": "cifar10",
        "dataset_sha256": "b" * 64,
        "preprocessing": "none",
        "resolution": 32,
        "method": method,
        "steps": steps,
        "seed": seed,
        "scale": "paper",
        "protocol": protocol(),
        "feature_space": "inception-2015",
        "quality": quality(value, str(other.get("feature_space", "inception-2015"))),
        "config": {
            "dataset": "cifar10",
            "resolution": 32,
            "scale": "paper",
            "budget": None,
            "methods": {method: own},
            "teacher": {"schedule": "sigmoid", "timesteps": 1024, "weights": None},
            "evaluation": {"images": 50_000},
        },
        "versions": {"python": "3.12"},
        "machine": {"device": "cuda", "gpu": "NVIDIA H100", "processor": "Xeon", "threads": 8},
        "git": {"revision": "0" * 40, "dirty": False},
    }
    if method == REAL:
        given["quality"] |= {"images": 25_000, "reference_images": 25_000}
        given["protocol"] = protocol(
            images=25_000,
            reference_images=25_000,
            reference="one half of cifar10",
            reference_sha256="c" * 64,
        )
    else:
        given |= of_a_method(steps or 1, value, seconds, cost, folds, draw)
    if other.get("failure"):
        given |= dict.fromkeys(("quality", "consistency", "interpolation", "sampling_cost", "training_cost"))
    whole = json.loads(json.dumps(given, default=lambda value: value.model_dump()))
    return changed(whole, **other)


def quality(distance: float, space: str) -> dict:
    """Return a section of quality."""
    return {
        "images": 50_000,
        "reference_images": 50_000,
        "distance": {
            "name": distance_name(space),
            "value": distance,
            "low": distance * 0.985,
            "high": distance * 1.015,
            "infinity": distance * 0.97,
            "path": "cholesky",
        },
        "inception_score": {"mean": 9.6 - 1.2 * np.log10(distance), "sd": 0.1},
        "kid": {"mean": distance / 1000, "sd": 0.0006},
        "precision_recall": {"precision": 0.75 / (1 + distance / 300), "recall": 0.6 / (1 + distance / 200)},
    }


def of_a_method(steps: int, distance: float, seconds: float, cost: int, folds: int, draw: np.random.Generator) -> dict:
    """Return what a record has of a method and not of the real data."""
    path = {"length": 30.0, "ends": 16.0, "ratio": 1.9, "largest_step": 0.2, "paths": 50}
    return {
        "nfe": steps,
        "grid": "trailing",
        "timesteps": [round(1024 * (k + 1) / steps) - 1 for k in range(steps)],
        "sampling": {"sampler": "ddim", "eta": 0.0, "clip": "x0"},
        "consistency": {
            "psnr": 30 - 6 * np.log10(distance),
            "ssim": 0.9 / (1 + distance / 200),
            "cosine": 0.85,
            "psnr_unrelated": 9.1,
            "ssim_unrelated": 0.03,
            "cosine_unrelated": 0.4,
            "identical": 0,
            "images": 1000,
        },
        "interpolation": {"linear": path, "spherical": path | {"length": 27.0, "ratio": 1.7, "largest_step": 0.16}},
        "sampling_cost": {
            "wall_seconds": seconds * 2000,
            "images_per_second": 25 / seconds,
            "latency": {
                "median": seconds,
                "q25": seconds * 0.98,
                "q75": seconds * 1.03,
                "p95": seconds * 1.1,
                "repeats": 30,
            },
            "throughput": {"images_per_second": 40 / seconds, "batch": 256},
            "gpu_peak_bytes": int(draw.normal(1.4e9, 2e7)),
            "rss_peak_bytes": int(draw.normal(2.6e9, 5e7)),
            "rss_added_bytes": int(draw.normal(6e8, 5e7)),
            "weights_bytes": 142_800_000,
        },
        "training_cost": {
            "teacher_seconds": 5400.0,
            "teacher_evaluations": 7_500_000,
            "seconds": cost / 2500,
            "evaluations": cost,
            "folds": folds,
        },
    }


def changed(record: Record | dict, **other: object) -> Record:
    """Return a record with other values: its fields, or what is in its sections by `section__field`."""
    values = record.model_dump() if isinstance(record, Record) else record
    for name, value in other.items():
        *path, last = name.split("__")
        place = values
        for part in path:
            place = place[part]
        place[last] = value.model_dump() if isinstance(value, BaseModel) else value
    return Record.model_validate(values)


def sweep(
    methods: tuple[str, ...] = tuple(METHODS),
    steps: tuple[int, ...] = STEPS,
    seeds: tuple[int, ...] = (0, 1, 2),
    **other: object,
) -> list[Record]:
    """Return the records of a sweep, the real data's own values among them."""
    floors = [made(REAL, None, seed, **other) for seed in seeds]
    return floors + [made(m, s, seed, **other) for m in methods for s in steps for seed in seeds]


BUDGETS = (120_000, 500_000, 2_000_000)
BEGUN = {"pd": "teacher, new head", "sfddm": "teacher", "sfddm-trajectory": "teacher"}  # others at random


def budgeted(
    methods: tuple[str, ...] = ("sfddm", "sfddm-trajectory", "pd", "ddim"),
    steps: tuple[int, ...] = (1, 4, 16),
    seeds: tuple[int, ...] = (0, 1, 2),
    budgets: tuple[int, ...] = BUDGETS,
    **other: object,
) -> list[Record]:
    """Return the records of a sweep over budgets: a student comes the nearer to its shape, the larger its budget.

    What trains nothing has a record for all budgets. A method of many folds has a share of the teacher's images for
    each, and so less of them.
    """
    records = []
    own = {"methods": {"sfddm": {"output_weight": 1.0, "hidden_weight": 1.0}}}  # as claims read them
    for one in sweep(methods, steps, seeds, **other):
        one = one.model_copy(update={"config": one.config | own})
        _, _, _, cost, folds = SHAPES.get(base_name(one.method), (0, 0, 0, 0, 0))
        if not cost or one.distance is None:
            records.append(one)
            continue
        for budget in budgets:
            draw = np.random.default_rng([budget, one.seed, one.steps or 0, *one.method.encode()])
            above = 3 * (budget / 60_000) ** -0.7 * folds**0.5
            records.append(
                made(
                    one.method,
                    one.steps,
                    one.seed,
                    one.distance * (1 + above * draw.normal(1, 0.15)),
                    **other,
                    key=f"{draw.integers(2**62):016x}",
                    budget=budget,
                    config=one.config | {"budget": budget},
                    share=budget / 4 / 400_000 / folds,
                    init=BEGUN.get(one.method, "random"),
                    training_cost__evaluations=budget,
                )
            )
    return records


def written(records: list[Record], folder: Path, pictures: bool = False) -> Path:
    """Write records as a run would; with pictures: a grid of coloured discs for each cell of the first seed."""
    for record in records:
        path = write_record(folder, record)
        if pictures and record.steps is not None:
            write_sheet(discs(record), path.with_suffix(".png"))
    return folder


def discs(record: Record) -> np.ndarray:
    """Return 64 images (64,3,r,r): disc k has a place and colour of its own, the noisier the fewer steps."""
    size = record.resolution
    place = np.random.default_rng(record.seed)
    centres, colours = place.uniform(0.3, 0.7, (64, 2)) * size, place.uniform(60, 255, (64, 3))
    y, x = np.mgrid[:size, :size]
    inside = (y - centres[:, :1, None]) ** 2 + (x - centres[:, 1:, None]) ** 2 < (size / 4) ** 2
    noise = np.random.default_rng(1).normal(0, 160 / (record.steps or 1), (64, 3, size, size))
    return np.clip(inside[:, None] * colours[:, :, None, None] + noise, 0, 255).astype(np.uint8)
