"""statistics: what every cell needs to know of the reference features, once for all cells that are measured from them.

Mean, root of the covariance, and how far each image's nearest neighbours are. These depend on a setting that is
not in the stage's key and save time only: a cell whose setting is another one, or that finds a stage of a version
before all of them were kept, finds them itself.
"""

import numpy as np
import torch
from torch import Tensor

from bench.metrics.frechet import Reference
from bench.metrics.frechet import reference as reference_statistics
from bench.metrics.neighbours import squared_distances
from bench.stages.context import Context
from bench.stages.features import FEATURES, read_features
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from sfddm.files import writing

ARRAYS, NUMBERS, RADII = "statistics.npz", "statistics.json", "radii.npz"


def stage(context: Context, reference: Stage) -> Stage:
    """Find the statistics of the reference features."""

    def work(job: Job) -> None:
        features = read_features(job.path(reference, FEATURES), job.device).features
        write_statistics(job, reference_statistics(features))
        if len(features) > (neighbours := context.config.evaluation.neighbours):
            with writing(job.folder / RADII) as file:
                np.savez(file, nearest=squared_distances(features, neighbours).cpu())

    return Stage("statistics", "reference statistics", {}, work, (reference,))


def write_statistics(job: Job, found: Reference) -> None:
    """Write a reference into the job's folder."""
    with writing(job.folder / ARRAYS) as file:
        np.savez(file, mean=found.mean.cpu(), root=found.root.cpu())
    numbers = {"trace": found.trace, "count": found.count, "path": found.path, "least": found.least}
    write_json(job.folder / NUMBERS, numbers)


def read_statistics(job: Job, stage: Stage) -> Reference:
    """Return the reference of a done stage, on the job's device."""
    numbers = job.read(stage, NUMBERS)
    with np.load(job.path(stage, ARRAYS), allow_pickle=False) as arrays:
        mean, root = (torch.from_numpy(arrays[name]).to(job.device) for name in ("mean", "root"))
    return Reference(mean, root, **numbers)


def read_distances(job: Job, stage: Stage, neighbours: int) -> Tensor | None:
    """Return the squared distances (m,k) of each image to its k nearest other ones; None if the stage has not those."""
    if not (path := job.path(stage, RADII)).exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        known = arrays.get("nearest")  # versions before kept the k-th alone
    return None if known is None or known.shape[1] != neighbours else torch.from_numpy(known).to(job.device)
