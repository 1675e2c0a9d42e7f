"""metrics: the quality of one set of features against the reference's, and the images nearest to real ones."""

from typing import Any

import numpy as np

from bench.metrics.metric import Given, Reasons
from bench.metrics.protocol import VERSION, protocol_of
from bench.metrics.quality import Quality, measure_quality, metrics_identity, metrics_in
from bench.records.measured import CLOSEST, PROTOCOL, QUALITY, SAMPLES
from bench.records.pictures import PAIRS_SHOWN
from bench.stages.context import Context
from bench.stages.features import EXTRACTOR, FEATURES, read_features
from bench.stages.held_out import read_held_out
from bench.stages.sampling import read_samples
from bench.stages.statistics import read_distances, read_statistics
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from sfddm.files import writing


def stage(context: Context, features: Stage, reference: Stage, statistics: Stage, held_out: Stage | None) -> Stage:
    """Measure the quality of generated images from their features; held_out: of the held-out images, if there are."""
    samples = features.parents[0]
    label = f"metrics of {features.label.removeprefix('features of ')}"
    parents = (features, statistics, *([held_out] if held_out else []))

    def work(job: Job) -> None:
        generated = read_features(job.path(features, FEATURES), job.device)
        real = read_features(job.path(reference, FEATURES), job.device).features
        given = Given(
            features=generated.features,
            probabilities=generated.probabilities,
            real=real,
            reference=read_statistics(job, statistics),
            settings=context.config.evaluation,
            space=context.space.name,
            real_distances=read_distances(job, statistics, context.config.evaluation.neighbours),
            held_out=read_held_out(job, held_out),
        )
        quality, reasons = judged(job, label, given)
        write_quality(job, context, given, quality, reasons, job.read(reference, EXTRACTOR))
        if given.smallest > given.settings.neighbours:
            own, closest = nearest_pairs(given)
            pairs = read_samples(job.path(samples, SAMPLES))[own], context.images.pixels[closest]
            with writing(job.folder / CLOSEST) as file:
                np.save(file, np.stack(pairs, 1))

    return Stage("metrics", label, metric_settings(context), work, parents, version=2)


def nearest_pairs(given: Given) -> tuple[np.ndarray, np.ndarray]:
    """Return which generated images are the nearest to a real one, and those: two int64 (pairs,), nearest first."""
    found = given.neighbourhood
    own = found.nearest.argsort(stable=True)[:PAIRS_SHOWN]
    return own.cpu().numpy(), found.closest[own].cpu().numpy()


def metric_settings(context: Context) -> dict[str, Any]:
    """Return the settings that decide the metrics of given features."""
    names = {"splits", "kid_subsets", "kid_subset", "neighbours", "seed"}
    own = context.config.evaluation.model_dump(include=names) | {"lossy": context.images.lossy}
    later = {"protocol": VERSION} if VERSION > 1 else {}
    return own | later | metrics_identity(context.space.name)


def judged(job: Job, label: str, given: Given) -> tuple[Quality, Reasons]:
    """Return what is measured, and why a number is missing; say if there are too few images."""
    with job.display.task(label, len(metrics_in(given.space)), "metrics") as update:
        quality, reasons = measure_quality(given, update)
    if quality.distance is not None and quality.distance.rank_deficient:
        job.display.say(
            f"{label}: {given.smallest} images are too few for a full-rank covariance of {given.features.shape[1]} "
            "features; the distance is biased upwards"
        )
    return quality, reasons


def write_quality(
    job: Job, context: Context, given: Given, quality: Quality, reasons: Reasons, extractor: dict[str, Any]
) -> None:
    """Write what was measured and under which protocol."""
    dtypes = (given.features.dtype, given.reference.root.dtype)
    protocol = protocol_of(
        extractor, context.images, quality.images, quality.reference_images, dtypes, context.config.evaluation
    )
    write_json(job.folder / QUALITY, {"quality": quality.model_dump(), "reasons": reasons})
    write_json(job.folder / PROTOCOL, protocol.model_dump())
