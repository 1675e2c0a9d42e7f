"""full-length: the teacher's images by DDIM over all its timesteps, which a student's are compared with."""

from bench.records.measured import COST
from bench.stages.context import Context
from bench.stages.sampling import Task, sample_in_shards
from bench.stages.training import MODEL
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from sfddm.checkpoint import load_denoiser
from sfddm.noise import ImageNoise
from sfddm.sampler import ddim


def stage(context: Context, seed: int, teacher: Stage) -> Stage:
    """Sample the teacher from the first of the shared latents: once for every method."""
    evaluation, performance, shape = context.config.evaluation, context.config.performance, context.shape
    count = min(evaluation.consistency_images, evaluation.images)
    label = f"the teacher's full-length images (seed {seed})"

    def work(job: Job) -> None:
        denoiser = load_denoiser(job.path(teacher, MODEL))[0].to(job.device)
        with performance.sampling(denoiser) as fast:
            task = Task(
                label=label,
                denoiser=fast,
                sample=lambda noise: ddim(fast, noise),
                noise=lambda images: ImageNoise(seed, images, shape, job.device),
                shape=shape,
                count=count,
            )
            cost = sample_in_shards(job, task, shard_units=1)  # a unit is as many calls as the teacher has timesteps
        if job.world.is_main:
            write_json(job.folder / COST, cost)

    settings = {
        "method": "ddim",
        "steps": "all",
        "eta": 0.0,
        "clip": "x0",
        "seed": seed,
        "images": count,
        "shape": list(shape),
        **performance.decides(),
    }
    return Stage("full-length", label, settings, work, (teacher,), together=True)
