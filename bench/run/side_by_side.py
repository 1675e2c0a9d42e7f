"""The stages of a sweep side by side on the cores of this machine, by worker processes.

What is to be done alone, the driver does itself, with all threads, while the workers have nothing to do; they do the
rest, each with its share of the threads. Every stage is done as a local run does it, under its lock, into its folder.
"""

from collections.abc import Callable
from pathlib import Path

from bench.run.jobs import Division
from bench.run.pool import Pool
from bench.run.sweep import Sweep
from bench.run.task import Outcome, given_of, outcome_of
from bench.run.walk import Walk
from bench.run.worker import Worker
from bench.store.stage import Stage
from sfddm.words import plural

POLL_SECONDS = 0.5
PART = "stages side by side"  # of the run's time, when the driver has nothing else to do


def compute(
    sweep: Sweep, worker: Worker, division: Division, data: Path | None, ended: Callable[[Stage], None]
) -> None:
    """Do a sweep's stages; `ended` is called with each that is done or failed, which the worker then knows.

    data: where prepared datasets are.
    """
    walk = Walk([stage for stage in sweep.stages if not worker.store.is_done(stage)], division.is_alone)
    if not walk:
        return
    worker.display.say(
        f"up to {plural(division.jobs, 'stage')} side by side, {plural(division.threads, 'thread')} each"
    )
    others = set[str]()

    def take_in(stage: Stage, outcome: Outcome) -> None:
        if outcome.busy is not None:
            if stage.key not in others:
                worker.display.say(f"{stage.label}: waits for another process, which works on {outcome.busy}")
                others.add(stage.key)
            walk.put_off(stage)
            return
        if outcome.failed is not None:
            worker.fail(stage, outcome.failed)
            worker.display.say(f"failed: {outcome.failed}")
            walk.failed(stage)
        else:
            walk.done(stage)
        ended(stage)

    with Pool(given_of(sweep, worker, data, division.jobs), division.threads, worker.display) as pool:
        while walk:
            if pool.is_idle and (stage := walk.take(alone=True)):
                take_in(stage, outcome_of(worker, stage))
            elif pool.has_room and (stage := walk.take()):
                pool.give(stage)
            else:
                with worker.timing.part(PART):
                    outcomes = list(pool.wait(POLL_SECONDS))
                for stage, outcome in outcomes:
                    take_in(stage, outcome)
        with worker.timing.part(PART):
            pool.close()
