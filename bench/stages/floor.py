"""floor: the real data's own values, of one half against the other."""

import numpy as np

from bench.metrics.frechet import reference as reference_statistics
from bench.metrics.metric import Given
from bench.stages.context import Context
from bench.stages.features import EXTRACTOR, FEATURES, read_features
from bench.stages.metrics import metric_settings, write_quality
from bench.store.arrays import gathered
from bench.store.stage import Job, Stage


def stage(context: Context, reference: Stage, seed: int) -> Stage:
    """Measure one seeded half of the dataset against the other; its Inception score is that of all images."""
    label = f"the real data's own values (seed {seed})"

    def work(job: Job) -> None:
        real = read_features(job.path(reference, FEATURES))
        order = np.random.default_rng(seed).permutation(len(real.features))
        halves = np.split(order, [len(order) // 2])
        one, other = (gathered(real.features, half, job.folder).to(job.device) for half in halves)
        given = Given(
            features=one,
            probabilities=None if real.probabilities is None else real.probabilities.to(job.device),
            real=other,
            reference=reference_statistics(other),
            settings=context.config.evaluation,
            space=context.space.name,
        )
        write_quality(job, context, label, given, job.read(reference, EXTRACTOR))

    settings = metric_settings(context) | {"halves": seed}
    return Stage("floor", label, settings, work, (reference,), version=2)
