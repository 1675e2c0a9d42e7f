"""samples: a method's images from the shared latents."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.records.measured import COST
from bench.stages.context import Context
from bench.stages.sampling import Task, sample_in_shards
from bench.stages.training import MODEL
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from sfddm.checkpoint import load_denoiser
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.words import plural


def stage(context: Context, method: Method, steps: int, seed: int, model: Stage) -> Stage:
    """Sample a method's images from a model: the last fold's, or the teacher."""
    count = context.config.evaluation.images
    settings = context.sampling_settings(method, steps, seed) | {"images": count}

    def work(job: Job) -> None:
        with sampling_task(job, context, method, steps, seed, model) as task:
            cost = sample_in_shards(job, task)
        if job.world.is_main:
            write_json(job.folder / COST, cost)

    label = f"samples of {method.label} at {plural(steps, 'step')} (seed {seed})"
    return Stage("samples", label, settings, work, (model,), version=2, together=True)  # 2: in units of fixed size


@contextmanager
def sampling_task(job: Job, context: Context, method: Method, steps: int, seed: int, model: Stage) -> Iterator[Task]:
    """Yield the task of sampling a method's images, with the model on the job's device."""
    denoiser = load_denoiser(job.path(model, MODEL))[0].to(job.device)
    with context.config.performance.sampling(denoiser) as fast:
        yield Task(
            label=f"sampling {method.label}, {plural(steps, 'step')}",
            denoiser=fast,
            sample=lambda noise: method.sample(fast, steps, noise),
            noise=lambda images: ImageNoise(seed, images, context.shape, job.device),
            shape=context.shape,
            count=context.config.evaluation.images,
        )
