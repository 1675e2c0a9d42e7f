"""fold: one distillation run, from a parent model to a student."""

from collections.abc import Sequence

from bench.config import methods
from bench.config.counts import short
from bench.stages import teacher
from bench.stages.context import Context, stage_seed
from bench.stages.training import MODEL, train_in_stage
from bench.store.stage import Job, Stage
from sfddm.checkpoint import load_denoiser
from sfddm.method import Fold, Method


def stage(
    context: Context, fold: Fold, parent: Stage, seed: int, origin: dict[str, str], goes_on: Stage | None = None
) -> Stage:
    """Train one fold's student from its parent.

    origin: the package of the method, if it is another's. goes_on: the same fold under the next larger budget, which
    takes this training up where it ends.
    """
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
                goes_on,
            )

    told = "" if context.config.budget is None else f", {short(context.config.budget)}"
    label = f"{fold.name}{told} (seed {seed})"
    return Stage("fold", label, settings, work, (parent,), together=True, goes_on=goes_on)


def models(
    context: Context, method: Method, steps: int, seed: int, folds: Sequence[Fold], larger: Sequence[int] = ()
) -> tuple[Stage, ...]:
    """Return the teacher and the folds that a method needs for a step count, each the parent of the next.

    folds: the method's under the context's budget. larger: budgets that the run has besides, the smallest first. The
    first fold's training goes on under the next of them if nothing in it depends on where it ends; later folds begin
    from another model under each.
    """
    stages = [teacher.stage(context, seed)]
    origin = methods.identity(method.name)
    for number, fold in enumerate(folds):
        goes_on = None
        if fold.open_ended and number == 0 and larger:
            richer = context.at(larger[0])
            longer = richer.config.folds(method, steps)
            goes_on = models(richer, method, steps, seed, longer, larger[1:])[1]
        own = stage(context, fold, stages[-1], seed, origin, goes_on)
        # Two budgets may be so near each other that they make the same training.
        stages.append(goes_on if goes_on is not None and goes_on.key == own.key else own)
    return tuple(stages)
