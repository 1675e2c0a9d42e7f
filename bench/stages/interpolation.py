"""interpolation: a method's images on paths between pairs of shared latents, and the paths' length in feature space."""

from typing import get_args

import numpy as np
import torch
from torch import Tensor

from bench.metrics.features import extract
from bench.metrics.interpolation import Interpolation, path_length
from bench.records.measured import INTERPOLATION, PATHS
from bench.stages.context import Context
from bench.stages.sampling import Task, sample_in_shards
from bench.stages.training import MODEL
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from sfddm.checkpoint import load_denoiser
from sfddm.files import writing
from sfddm.interpolation import POINTS, PathName, path
from sfddm.method import Method
from sfddm.noise import ImageNoise, latents

PATH_NAMES: tuple[PathName, ...] = get_args(PathName)


def stage(context: Context, method: Method, steps: int, seed: int, model: Stage, samples: Stage) -> Stage:
    """Sample a method on paths, and measure their lengths."""
    evaluation, shape = context.config.evaluation, context.shape
    paths = evaluation.interpolation_paths
    label = f"interpolation of {samples.label.removeprefix('samples of ')}"

    def work(job: Job) -> None:
        denoiser = load_denoiser(job.path(model, MODEL))[0].to(job.device)
        with context.config.performance.sampling(denoiser) as fast:
            task = Task(
                label=label,
                denoiser=fast,
                sample=lambda noise: method.sample(fast, steps, noise),
                noise=PathNoise(seed, paths, shape, job.device),
                shape=shape,
                count=len(PATH_NAMES) * paths * POINTS,
            )
            sample_in_shards(job, task, PATHS)
        if job.world.is_main:
            measure(job, context, paths)

    settings = {
        **context.sampling_settings(method, steps, seed),
        "paths": paths,
        "points": POINTS,
        "shape": list(shape),
        "space": context.space.identity,
    }
    return Stage("interpolation", label, settings, work, (model, *context.space.parents), together=True)


def measure(job: Job, context: Context, paths: int) -> None:
    """Write the sampled points by path, and the lengths of the paths."""
    pixels = np.load(job.folder / PATHS, allow_pickle=False)
    features = extract(context.space.extractor(job), torch.from_numpy(pixels), context.config.evaluation.batch)[0]
    with writing(job.folder / PATHS) as file:
        np.save(file, pixels.reshape(len(PATH_NAMES), paths, POINTS, *context.shape))
    by_path = features.view(len(PATH_NAMES), paths, POINTS, -1)
    lengths = {name: path_length(found) for name, found in zip(PATH_NAMES, by_path, strict=True)}
    write_json(job.folder / INTERPOLATION, Interpolation(**lengths).model_dump())


class PathNoise:
    """The noise of all paths' points; those beyond the last point, which fill up a unit, are the first ones again."""

    def __init__(self, seed: int, paths: int, shape: tuple[int, int, int], device: str):
        self.seed, self.shape, self.device = seed, shape, device
        self.latents = path_latents(seed, paths, shape)
        # One path, one stream of later noise: that of the image at its start.
        self.stream = np.repeat(np.tile(2 * np.arange(paths), len(PATH_NAMES)), POINTS)

    def __call__(self, points: range) -> ImageNoise:
        """Return the noise of some points."""
        chosen = np.arange(points.start, points.stop) % len(self.stream)
        given = self.latents[torch.from_numpy(chosen)]
        return ImageNoise(self.seed, self.stream[chosen].tolist(), self.shape, self.device, given)


def path_latents(seed: int, paths: int, shape: tuple[int, int, int]) -> Tensor:
    """Return the latents of all paths: float32 (kinds * paths * points, C, H, W); path k joins latents 2k and 2k+1."""
    ends = latents(seed, range(2 * paths), shape).view(paths, 2, *shape)
    return torch.cat([path(kind, start, end) for kind in PATH_NAMES for start, end in ends])
