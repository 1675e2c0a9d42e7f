"""consistency: how near a method's images are to the teacher's full-length ones of the same latents."""

import torch

from bench.metrics.consistency import consistency
from bench.metrics.features import extract
from bench.records.measured import CONSISTENCY, SAMPLES
from bench.stages.context import Context
from bench.stages.features import FEATURES, read_features
from bench.stages.sampling import read_samples
from bench.store.files import write_json
from bench.store.stage import Job, Stage


def stage(context: Context, samples: Stage, full_length: Stage, full_length_features: Stage) -> Stage:
    """Compare a method's images with the teacher's, in pixels and features."""

    def work(job: Job) -> None:
        theirs = torch.from_numpy(read_samples(job.path(full_length, SAMPLES)))
        own = torch.from_numpy(read_samples(job.path(samples, SAMPLES))[: len(theirs)])
        their_features = read_features(job.path(full_length_features, FEATURES)).features
        own_features = extract(context.space.extractor(job), own, context.config.evaluation.batch)[0]
        measured = consistency(own, theirs, own_features, their_features)
        write_json(job.folder / CONSISTENCY, measured.model_dump())

    label = f"consistency of {samples.label.removeprefix('samples of ')}"
    return Stage("consistency", label, {}, work, (samples, full_length_features))
