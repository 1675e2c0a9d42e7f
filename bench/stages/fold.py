"""fold: one distillation run, from a parent model to a student."""

from bench.config import methods
from bench.stages import teacher
from bench.stages.context import Context, stage_seed
from bench.stages.training import MODEL, train_in_stage
from bench.store.stage import Job, Stage
from sfddm.checkpoint import load_denoiser
from sfddm.method import Fold, Method


def stage(context: Context, fold: Fold, parent: Stage, seed: int, origin: dict[str, str]) -> Stage:
    """Train one fold's student from its parent; origin: the package of the method, if it is another's."""
    performance = context.config.performance
    settings = {**context.data, "seed": seed, **fold.identity, **performance.decides(), **origin}

    def work(job: Job) -> None:
        own_seed = stage_seed(seed, fold.name)
        given = load_denoiser(job.path(parent, MODEL))[0].to(job.device)
        given.network.requires_grad_(False)
        student = fold.student(given, own_seed, context.pixels).to(job.device)
        with performance.sampling(given) as fast:
            train_in_stage(
                job,
                fold.name,
                student,
                fold.spec,
                fold.loss(fast, student),
                fold.train,
                own_seed,
                context.pixels,
                fold.total_evaluations,
                performance,
                fold.target_decay,
            )

    return Stage("fold", f"{fold.name} (seed {seed})", settings, work, (parent,), together=True)


def models(context: Context, method: Method, steps: int, seed: int) -> tuple[Stage, ...]:
    """Return the teacher and the folds that a method needs for a step count, each the parent of the next."""
    stages = [teacher.stage(context, seed)]
    for fold in context.config.folds(method, steps):
        stages.append(stage(context, fold, stages[-1], seed, methods.identity(method.name)))
    return tuple(stages)
