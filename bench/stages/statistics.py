"""statistics: mean of the reference features and a root of their covariance, once for every cell measured from them."""

import numpy as np
import torch

from bench.metrics.frechet import Reference
from bench.metrics.frechet import reference as reference_statistics
from bench.stages.features import FEATURES, read_features
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from sfddm.files import writing

ARRAYS, NUMBERS = "statistics.npz", "statistics.json"


def stage(reference: Stage) -> Stage:
    """Find the statistics of the reference features."""

    def work(job: Job) -> None:
        found = reference_statistics(read_features(job.path(reference, FEATURES), job.device).features)
        with writing(job.folder / ARRAYS) as file:
            np.savez(file, mean=found.mean.cpu(), root=found.root.cpu())
        numbers = {"trace": found.trace, "count": found.count, "path": found.path, "least": found.least}
        write_json(job.folder / NUMBERS, numbers)

    return Stage("statistics", "reference statistics", {}, work, (reference,))


def read_statistics(job: Job, stage: Stage) -> Reference:
    """Return the reference of a done stage, on the job's device."""
    numbers = job.read(stage, NUMBERS)
    with np.load(job.path(stage, ARRAYS), allow_pickle=False) as arrays:
        mean, root = (torch.from_numpy(arrays[name]).to(job.device) for name in ("mean", "root"))
    return Reference(mean, root, **numbers)
