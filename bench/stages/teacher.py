"""teacher: the diffusion model that students are distilled from, trained here or taken from a file."""

from pathlib import Path
from typing import Any

from bench.stages.context import Context, stage_seed
from bench.stages.training import MODEL, train_in_stage, write_training_cost
from bench.store.files import file_sha256
from bench.store.stage import Job, Stage
from sfddm.ddpm import ddpm_loss
from sfddm.files import copy
from sfddm.method import BACKWARD, FORWARD


def stage(context: Context, seed: int) -> Stage:
    """Train the teacher, or take the one that `teacher.weights` names."""
    config = context.config
    if config.teacher.weights is not None:
        return _taken(config.teacher.weights)
    spec = config.teacher_spec()
    settings: dict[str, Any] = {
        **context.data,
        "spec": spec.model_dump(),
        "train": config.teacher.model_dump(),
        "seed": seed,
        **config.performance.decides(),
    }

    def work(job: Job) -> None:
        own_seed = stage_seed(seed, "teacher")
        denoiser = spec.denoiser(spec.fresh_network(own_seed)).to(job.device)
        loss, train = ddpm_loss(denoiser), config.teacher
        train_in_stage(
            job,
            "teacher",
            denoiser,
            spec,
            loss,
            train,
            own_seed,
            context.pixels,
            (FORWARD + BACKWARD) * train.batch * train.iterations,
            config.performance,
        )

    return Stage("teacher", f"teacher (seed {seed})", settings, work, together=True)


def _taken(weights: Path) -> Stage:
    def work(job: Job) -> None:
        copy(weights, job.folder / MODEL)
        write_training_cost(job.folder, None, None, [])

    return Stage("teacher", f"teacher from {weights.name}", {"weights": file_sha256(weights)}, work)
