"""The stages of what happens between latents and images: consistency with the teacher, and interpolation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from torch import Tensor

from bench.metrics.consistency import consistency
from bench.metrics.features import extract
from bench.metrics.interpolation import path_length
from bench.stages.quality_stages import FEATURES
from bench.stages.sampling import SAMPLES, read_samples, unit_size
from bench.stages.training import MODEL
from bench.store.files import write_json
from bench.store.store import Stage, Store
from sfddm.checkpoint import load_denoiser
from sfddm.denoiser import Denoiser
from sfddm.files import writing
from sfddm.interpolation import POINTS, PathName, path
from sfddm.method import Method
from sfddm.noise import ImageNoise, latents
from sfddm.sampler import ddim, to_uint8

if TYPE_CHECKING:
    from bench.stages.pipeline import Pipeline

CONSISTENCY, INTERPOLATION, PATHS = "consistency.json", "interpolation.json", "paths.npy"
PATH_NAMES: tuple[PathName, ...] = get_args(PathName)


def full_length(pipeline: "Pipeline", seed: int) -> Stage:
    """Sample the teacher by DDIM over all its timesteps, from the first of the shared latents: once for every method."""
    teacher, evaluation, shape = pipeline.teacher(seed), pipeline.config.evaluation, pipeline.images.pixels.shape[1:]
    count, performance = min(evaluation.consistency_images, evaluation.images), pipeline.config.performance
    settings = {"method": "ddim", "steps": "all", "eta": 0.0, "clip": "x0", "seed": seed, "images": count,
                "shape": list(shape), **performance.decides()}  # fmt: skip
    label = f"the teacher's full-length images (seed {seed})"

    def work(folder: Path, store: Store) -> None:
        denoiser = load_denoiser(store.folder(teacher) / MODEL)[0].to(store.device)

        def noise(indices: range) -> ImageNoise:
            return ImageNoise(seed, indices, shape, store.device)

        unit = unit_size(shape, store.device)
        with (
            performance.sampling(denoiser) as fast,
            counted(fast, len(fast) * -(-count // unit), store, label),
        ):
            pixels = sampled(lambda given: ddim(fast, given), noise, count, unit)
        with writing(folder / SAMPLES) as file:
            np.save(file, pixels)

    return Stage("full-length", label, settings, work, (teacher,))


def consistency_stage(pipeline: "Pipeline", method: Method, steps: int, seed: int) -> Stage:
    """Compare a method's images with the teacher's full-length ones of the same latents, in pixels and features."""
    samples, full, space = pipeline.samples(method, steps, seed), full_length(pipeline, seed), pipeline.quality.space
    features, batch = pipeline.quality.features(full), pipeline.config.evaluation.batch

    def work(folder: Path, store: Store) -> None:
        theirs = torch.from_numpy(read_samples(store.folder(full)))
        own = torch.from_numpy(read_samples(store.folder(samples))[: len(theirs)])
        with np.load(store.folder(features) / FEATURES, allow_pickle=False) as arrays:
            their_features = torch.from_numpy(arrays["features"])
        own_features = extract(space.extractor(store), own, batch)[0]
        write_json(folder / CONSISTENCY, consistency(own, theirs, own_features, their_features).as_dict())

    return Stage(
        "consistency", f"consistency of {samples.label.removeprefix('samples of ')}", {}, work, (samples, features)
    )


def interpolation_stage(pipeline: "Pipeline", method: Method, steps: int, seed: int) -> Stage:
    """Sample a method on paths between pairs of the shared latents, and measure their lengths in feature space."""
    model, evaluation, space = (
        pipeline.students(method, steps, seed)[-1],
        pipeline.config.evaluation,
        pipeline.quality.space,
    )
    paths, batch, shape = evaluation.interpolation_paths, evaluation.batch, pipeline.images.pixels.shape[1:]
    settings = {**pipeline.sampling_settings(method, steps, seed), "paths": paths, "points": POINTS, "shape": list(shape),
                "space": space.identity}  # fmt: skip
    label = f"interpolation of {pipeline.samples(method, steps, seed).label.removeprefix('samples of ')}"

    def work(folder: Path, store: Store) -> None:
        denoiser = load_denoiser(store.folder(model) / MODEL)[0].to(store.device)
        given = path_latents(seed, paths, shape)
        start = np.repeat(np.tile(2 * np.arange(paths), len(PATH_NAMES)), POINTS)  # one path, one stream of later noise

        def noise(indices: range) -> ImageNoise:
            chosen = slice(indices.start, indices.stop)
            return ImageNoise(seed, start[chosen].tolist(), shape, store.device, given[chosen])

        unit = unit_size(shape, store.device)
        with (
            pipeline.config.performance.sampling(denoiser) as fast,
            counted(fast, steps * -(-len(given) // unit), store, label),
        ):
            pixels = sampled(lambda given: method.sample(fast, steps, given), noise, len(given), unit)
        features = extract(space.extractor(store), torch.from_numpy(pixels), batch)[0]
        by_path = features.view(len(PATH_NAMES), paths, POINTS, -1)
        with writing(folder / PATHS) as file:
            np.save(file, pixels.reshape(len(PATH_NAMES), paths, POINTS, *shape))
        lengths = {name: path_length(found).as_dict() for name, found in zip(PATH_NAMES, by_path, strict=True)}
        write_json(folder / INTERPOLATION, lengths)

    return Stage("interpolation", label, settings, work, (model, *space.parents))


def path_latents(seed: int, paths: int, shape: tuple[int, ...]) -> Tensor:
    """Return the latents of every path's points: float32 (kinds * paths * points, C, H, W); path k joins latents 2k, 2k+1."""
    ends = latents(seed, range(2 * paths), shape).view(paths, 2, *shape)  # type: ignore[arg-type]
    return torch.cat([path(kind, start, end) for kind in PATH_NAMES for start, end in ends])


def sampled(sample: Callable[[ImageNoise], Tensor], noise: Callable[[range], ImageNoise], count: int,
            batch: int) -> np.ndarray:  # fmt: skip
    """Return uint8 images (count,C,H,W), a batch at a time, each from the noise of its indices."""
    ranges = [range(start, min(start + batch, count)) for start in range(0, count, batch)]
    return np.concatenate([to_uint8(sample(noise(indices))).cpu().numpy() for indices in ranges])


@contextmanager
def counted(denoiser: Denoiser, total: int, store: Store, label: str) -> Iterator[None]:
    """Show a task that counts the network's calls."""
    done = 0
    with store.display.task(label, total, "network calls") as update:

        def count(*_: object) -> None:
            nonlocal done
            done += 1
            update(done)

        hook = denoiser.network.register_forward_hook(count)
        try:
            yield
        finally:
            hook.remove()
