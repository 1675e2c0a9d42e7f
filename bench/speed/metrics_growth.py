"""How the cost of sampling and of each metric grows with the images and the features.

The features are random, and as many are compared with as there are images: what every pair is looked at for grows with
their square. `bench.speed.growth` measures it and writes the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.speed.measured import Measured, Work, powers
from bench.tables.table import DASH, Entry, Table, number

if TYPE_CHECKING:
    from torch import Tensor

    from bench.metrics.metric import Given, Metric

IMAGES, FEATURES = (1_000, 2_500, 5_000, 10_000, 25_000, 50_000), (64, 256, 512, 1_024, 2_048)
SIDE, STEPS = 8, 1  # of what is sampled: a small network's images, by DDIM
SAMPLING = "sampling"  # the part that has no features


def sampling(images: int) -> Work:
    """Return the sampling of images into a folder by a small network, in shards as every stage of samples does."""
    from baselines.ddim import DDIM
    from bench.stages.sampling import Task, sample_in_shards
    from bench.store.layout import RunFolder
    from bench.store.progress import Display
    from bench.store.stage import Job
    from sfddm.checkpoint import DenoiserSpec
    from sfddm.distributed import World
    from sfddm.noise import ImageNoise
    from sfddm.unet import UNetConfig

    network = UNetConfig.model_validate({"dim": 16, "dim_mults": (1, 2), "channels": 1})
    spec = DenoiserSpec(network=network, timesteps=64)
    denoiser, shape = spec.denoiser(spec.fresh_network(0).eval()), (1, SIDE, SIDE)
    method = DDIM(DDIM.Settings.model_validate({}), spec)
    task = Task(
        label="sampling",
        denoiser=denoiser,
        sample=lambda noise: method.sample(denoiser, STEPS, noise),
        noise=lambda wanted: ImageNoise(0, wanted, shape),
        shape=shape,
        count=images,
    )

    def work() -> None:
        with TemporaryDirectory() as folder:
            sample_in_shards(Job(Path(folder), RunFolder(Path(folder)), "cpu", Display(quiet=True), World()), task)

    return work


def drawn(images: int, features: int, seed: int) -> "Tensor":
    """Return random features (n,d), correlated and with eigenvalues of 1/100 to 1."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(features, features, generator=generator) / features**0.5 * torch.linspace(0.1, 1, features)
    return torch.randn(images, features, generator=generator) @ mix


def statistics(images: int, features: int) -> Work:
    """Return what is found once of the real images: the Gaussian and the distances to their nearest ones."""
    from bench.metrics.frechet import reference
    from bench.metrics.neighbours import squared_distances

    real = drawn(images, features, 0)
    return lambda: (reference(real), squared_distances(real, 3))


def held_out(images: int, features: int) -> Work:
    """Return what is found once of held-out images: the Gaussian and the distances to their nearest training ones."""
    from bench.metrics.frechet import reference
    from bench.metrics.neighbours import nearest_distances

    real, apart = drawn(images, features, 0), drawn(images, features, 2)
    return lambda: (reference(apart), nearest_distances(apart, real))


def given(images: int, features: int) -> "Given":
    """Return what a metric is given in a cell; the real images' distances to each other are all equal.

    They cost as much as any.
    """
    import torch

    from bench.config.sections import EvaluationSettings
    from bench.metrics.frechet import reference
    from bench.metrics.metric import Given, HeldOutImages

    real, own = drawn(images, features, 0), drawn(images, features, 1)
    distances = torch.full((images, 3), 2 * real.var(0).sum().item())
    settings = EvaluationSettings.model_validate({"feature_space": "random", "images": images})
    apart = HeldOutImages(reference(drawn(images, features, 2)), nearest=1.0)
    return Given(own, own.softmax(1), real, reference(real), settings, "random", distances, apart)


def of_metric(metric: "type[Metric]") -> Callable[[int, int], Work]:
    """Return the maker of a metric's work."""

    def make(images: int, features: int) -> Work:
        one = given(images, features)
        return lambda: metric.of(replace(one))  # what one keeps of the pairs is not for the next

    return make


def parts() -> dict[str, Callable[..., Work]]:
    """Return by name what makes the work of each part for a number of images and, but for sampling, of features."""
    from bench.metrics.quality import BUILT_IN

    metrics = {name.replace("_", " "): of_metric(metric) for name, metric in BUILT_IN.items()}
    return {SAMPLING: sampling, "statistics": statistics, "held-out images": held_out, **metrics}


def work_of(part: str, *size: str) -> Work:
    """Return the work of a part: of so many images, and features."""
    return parts()[part](*map(int, size))


def sizes(images: Sequence[int], features: Sequence[int]) -> list[tuple[str, tuple[int, ...]]]:
    """Return what is measured: each part for each number of images at the most features, and the other way round."""
    found: list[tuple[str, tuple[int, ...]]] = []
    for part in parts():
        if part == SAMPLING:
            found += [(part, (count,)) for count in images]
        else:
            found += [(part, (count, features[-1])) for count in images]
            found += [(part, (images[-1], count)) for count in features[:-1]]
    return found


def table_of(rows: Sequence[Measured]) -> Table:
    """Return what was measured as a table."""
    entries = []
    for row, power in zip(rows, powers(rows), strict=True):
        images, features = row.size[0], row.size[1:]
        texts = (
            row.part,
            f"{images:,}",
            f"{features[0]:,}" if features else DASH,
            number(row.cost.seconds, None),
            number(row.cost.wall_seconds, None),
            number(images / row.cost.wall_seconds, None),
            DASH if row.cost.peak_bytes is None else number(row.cost.peak_bytes / 2**20, 0),
            DASH if power is None else number(power, 2),
        )
        entries.append(tuple(map(Entry, texts)))
    head = ("part", "images", "features", "seconds of one core", "seconds", "images a second", "peak MiB", "power")
    return Table("Sampling and metrics", (), head, tuple(entries))
