"""floor: the real data's own values.

Of one half against the other; and, if images are held out, those of a fresh sample of the data in a cell's place: of
training images against the held-out ones, and of held-out images against the training ones.
"""

from dataclasses import replace

import numpy as np
from torch import Tensor

from bench.metrics.distance import LEAST_OF_JACKKNIFE
from bench.metrics.frechet import Subsets
from bench.metrics.frechet import reference as reference_statistics
from bench.metrics.held_out import HeldOut, fresh
from bench.metrics.metric import NOT_HELD_OUT, Given, Reasons
from bench.stages.context import Context
from bench.stages.features import EXTRACTOR, FEATURES, read_features
from bench.stages.held_out import held_out_features, read_held_out
from bench.stages.metrics import judged, metric_settings, write_quality
from bench.stages.statistics import read_statistics
from bench.store.arrays import gathered
from bench.store.stage import Job, Stage

OF_HALVES = "one half of the real data is measured against the other"
TOO_FEW = f"fewer than {LEAST_OF_JACKKNIFE} images are held out"
ITS_OWN_REFERENCE = f"{NOT_HELD_OUT}: real images are part of the reference, and their distance from it goes to 0"


def stage(context: Context, reference: Stage, statistics: Stage, held_out: Stage | None, seed: int) -> Stage:
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
        quality, reasons = judged(job, label, given)
        reasons |= {f"memorisation.{name}": OF_HALVES for name in ("held_out_ratio", "held_out_nearest")}
        own, missing = as_a_cell(job, given, order, real.features)
        quality = quality.model_copy(update=own)
        reasons = {name: why for name, why in reasons.items() if name not in own} | missing
        write_quality(job, context, given, quality, reasons, job.read(reference, EXTRACTOR))

    def as_a_cell(job: Job, given: Given, order: np.ndarray, real: Tensor) -> tuple[dict[str, object], Reasons]:
        """Return what a fresh sample gets in a cell's place, of as many images as a cell has or as there are."""
        if held_out is None:
            return {}, {"fresh": ITS_OWN_REFERENCE}
        images = given.settings.images
        drawn = gathered(real, order[:images], job.folder).to(job.device)
        against, missing = HeldOut.of(replace(given, features=drawn, held_out=read_held_out(job, held_out)))
        apart = held_out_features(job, held_out)
        chosen = np.random.default_rng(seed).permutation(len(apart))[:images]
        subsets = Subsets(gathered(apart, chosen, job.folder).to(job.device), read_statistics(job, statistics))
        found = fresh(subsets, images, given.settings.seed)
        reasons = {f"held_out.{name}": why for name, why in missing.items()}
        return {"held_out": against, "fresh": found}, reasons | ({} if found else {"fresh": TOO_FEW})

    images = {} if held_out is None else {"images": context.config.evaluation.images}
    settings = metric_settings(context) | {"halves": seed} | images
    parents = (reference,) if held_out is None else (reference, statistics, held_out)
    return Stage("floor", label, settings, work, parents, version=2)
