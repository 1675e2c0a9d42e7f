"""A run's folder as a sweep leaves it, made of synthetic records and pictures."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.metrics.distance import distance_name
from bench.metrics.protocol import Protocol
from bench.records.pictures import write_sheet
from bench.records.record import REAL, Record, write_record

PROTOCOL = Protocol(
    network="digits-cnn",
    network_sha256="a" * 64,
    resize="none",
    images=256,
    reference="digits",
    reference_sha256="b" * 64,
    reference_images=1797,
    preprocessing="none",
    lossy_reference=False,
    is_splits=10,
    kid_subsets=10,
    kid_subset_size=100,
    neighbours=3,
    seed=0,
)
HOSTILE = '<img src=x onerror="alert(1)"> & co'


def quality(distance: float, images: int = 256, reference_images: int = 1797) -> dict:
    """Return a section of quality: a distance and an Inception score, both on the features of digits-cnn."""
    return {
        "images": images,
        "reference_images": reference_images,
        "distance": {"name": distance_name("digits-cnn"), "value": distance},
        "inception_score": {"mean": 6.0, "sd": 0.1},
    }


def record(method: str, steps: int | None, seed: int, distance: float | None, **other: object) -> Record:
    given = {
        "key": hashlib.sha256(f"{method}-{steps}-{seed}".encode()).hexdigest(),
        "dataset": "digits",
        "dataset_sha256": "b" * 64,
        "preprocessing": "none",
        "resolution": 8,
        "method": method,
        "steps": steps,
        "nfe": steps,
        "grid": "trailing",
        "timesteps": None if steps is None else list(range(0, 64 * steps, 64)),
        "sampling": {"sampler": "ddim", "eta": 0.0},
        "seed": seed,
        "scale": "smoke",
        "protocol": PROTOCOL,
        "feature_space": "digits-cnn",
        "quality": None if distance is None else quality(distance),
        "sampling_cost": {"images_per_second": 1000.0 / (steps or 1), "rss_added_bytes": 2**25},
        "training_cost": {"seconds": 1.0, "evaluations": 1000, "folds": 1},
        "reasons": {"sampling_cost.gpu_peak_bytes": "sampled on the CPU"},
        "config": {
            "teacher": {"timesteps": 1024, "schedule": "sigmoid", "iterations": 60},
            "evaluation": {"part": seed},
            "methods": {"sfddm": {"output_weight": 1.0, "hidden_weight": 1.0}},
        },
        "versions": {"python": "3.11.2", "torch": "2.6.0"},
        "git": {"revision": "0123456789abcdef", "dirty": False},
        "machine": {"processor": "A processor", "threads": 1, "device": "cpu", "gpu": None},
        "command": ["sfddm-bench", "run", "--methods", "a b", "--seeds", "0,1"],
        "durations": {"samples": 0.5},
    }
    return Record(**(given | other))


NO_COST: dict = {"sampling_cost": None, "training_cost": None}
SWEEP = [
    *(
        record(REAL, None, seed, None, nfe=None, quality=quality(1.0 + seed / 10, 898, 899), command=[], **NO_COST)
        for seed in (0, 1)
    ),
    *(record("sfddm", steps, seed, 40.0 / steps + seed) for steps in (1, 4) for seed in (0, 1)),
    *(record("sfddm-trajectory", steps, seed, 9.0 + steps / 10 + seed / 100) for steps in (1, 4) for seed in (0, 1)),
    *(
        record(
            "ddim", steps, seed, 1100.0 / steps + seed, training_cost={"seconds": 1.0, "evaluations": 1000, "folds": 0}
        )
        for steps in (1, 4, 16)
        for seed in (0, 1)
    ),
    record(HOSTILE, 4, 0, 20.0),
    record("pd", 4, 0, None, failure="the student diverged: loss is nan after 12 iterations", **NO_COST),
]


def write_run(root: Path, records: Sequence[Record]) -> Path:
    """Write records with a grid beside each generated one, as a run does; return the folder."""
    random = np.random.default_rng(0)

    def grid(path: Path, seed: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sheet(random.integers(0, 256, (64, 1, 8, 8), dtype=np.uint8) // (seed + 1), path)

    for one in records:
        path = write_record(root, one)
        grid(path.with_name("real-data.png"), 0)
        if one.steps is not None and one.failure is None:
            grid(path.with_suffix(".png"), one.seed)
        if one.method == "sfddm" and one.steps == 4:
            grid(path.with_name(f"{path.stem}-interpolation.png"), one.seed)
    return root
