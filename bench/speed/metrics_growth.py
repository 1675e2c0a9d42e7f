"""How the cost of sampling and of each metric grows with the images and the features: seconds of one core, and memory.

Each measurement is made in a process of its own, with one thread, after what it needs was made. The features are
random, and as many are compared with as there are images: what every pair is looked at for grows with their square.

    python -m bench.speed.metrics_growth
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.store import memory
from bench.tables.markdown import markdown_table
from bench.tables.table import DASH, Entry, Table, number

if TYPE_CHECKING:
    from torch import Tensor

    from bench.metrics.metric import Given, Metric

IMAGES, FEATURES = (1_000, 2_500, 5_000, 10_000, 25_000, 50_000), (64, 256, 512, 1_024, 2_048)
SIDE, STEPS = 8, 1  # of what is sampled: a small network's images, by DDIM

Work = Callable[[], object]


@dataclass(frozen=True)
class Measured:
    """What one part cost: processor seconds, and the peak memory in bytes above what was resident when it began.

    features: of an image; None if there are none. peak_bytes: None where the system does not say.
    """

    part: str
    images: int
    features: int | None
    seconds: float
    peak_bytes: int | None

    @property
    def parameter(self) -> str:
        """What was measured, in words."""
        features = "" if self.features is None else f" of {self.features:,} features"
        return f"{self.part}, {self.images:,} images{features}"


def sampling(images: int, _: int) -> Work:
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
            sample_in_shards(Job(Path(folder), RunFolder(Path(folder)), "cpu", Display(), World()), task)

    return work


def drawn(images: int, features: int, seed: int) -> "Tensor":
    """Return random features (n,d), correlated and with eigenvalues of 1/100 to 1."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(features, features, generator=generator) / features**0.5 * torch.linspace(0.1, 1, features)
    return torch.randn(images, features, generator=generator) @ mix


def statistics(images: int, features: int) -> Work:
    """Return what is found once of the real images: the Gaussian and the radii."""
    from bench.metrics.frechet import reference
    from bench.metrics.neighbours import squared_radii

    real = drawn(images, features, 0)
    return lambda: (reference(real), squared_radii(real, 3))


def given(images: int, features: int) -> "Given":
    """Return what a metric is given in a cell; the real images' radii are all the same, which costs as much."""
    import torch

    from bench.config.settings import EvaluationSettings
    from bench.metrics.frechet import reference
    from bench.metrics.metric import Given

    real, own = drawn(images, features, 0), drawn(images, features, 1)
    radii = torch.full((images,), 2 * real.var(0).sum().item())
    settings = EvaluationSettings.model_validate({"feature_space": "random", "images": images})
    return Given(own, own.softmax(1), real, reference(real), settings, "random", radii)


def of_metric(metric: "type[Metric]") -> Callable[[int, int], Work]:
    """Return the maker of a metric's work."""

    def make(images: int, features: int) -> Work:
        one = given(images, features)
        return lambda: metric.of(one)

    return make


def parts() -> dict[str, Callable[[int, int], Work]]:
    """Return by name what makes the work of each part for a number of images and of features."""
    from bench.metrics.quality import BUILT_IN

    metrics = {name.replace("_", " "): of_metric(metric) for name, metric in BUILT_IN.items()}
    return {"sampling": sampling, "statistics": statistics, **metrics}


def measure_here(part: str, images: int, features: int) -> Measured:
    """Return what a part costs in this process; its memory is that beyond what the process has had already."""
    work = parts()[part](images, features)
    memory.release_free_memory()
    known = memory.reset_peak_rss()
    before = memory.peak_rss_bytes() if known else 0
    started = time.process_time()
    work()
    seconds = time.process_time() - started
    peak = memory.peak_rss_bytes() - before if known else None
    return Measured(part, images, None if part == "sampling" else features, seconds, peak)


def measure(part: str, images: int, features: int) -> Measured:
    """Return what a part costs in a process of its own with one thread. Raises CalledProcessError if that fails."""
    command = [sys.executable, "-m", "bench.speed.metrics_growth", part, str(images), str(features)]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=one_thread, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout))


def growth(images: Sequence[int] = IMAGES, features: Sequence[int] = FEATURES) -> list[Measured]:
    """Return what each part costs for each number of images at the most features, and the other way round."""
    found = []
    for part in parts():
        found += [measure(part, count, features[-1]) for count in images]
        if part != "sampling":
            found += [measure(part, images[-1], count) for count in features[:-1]]
    return found


def table_of(rows: Sequence[Measured]) -> Table:
    """Return what was measured as a table."""
    entries = [
        (
            row.part,
            f"{row.images:,}",
            DASH if row.features is None else f"{row.features:,}",
            number(row.seconds, None),
            DASH if row.peak_bytes is None else number(row.peak_bytes / 2**20, 0),
        )
        for row in rows
    ]
    head = ("part", "images", "features", "seconds of one core", "peak MiB above what it is given")
    return Table("Sampling and metrics", (), head, tuple(tuple(map(Entry, entry)) for entry in entries))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(asdict(measure_here(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
    else:
        print("\n".join(markdown_table(table_of(growth()))))
