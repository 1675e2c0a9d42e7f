"""How many stages are done side by side on one machine, with how many threads each, and which are done alone.

The last bits of what is trained on a CPU depend on the number of threads (that of samples did not, when it was tried).
So a stage's threads follow from the plan of the sweep, the machine's threads and its memory alone: never from what is
done already, or from which stage happens to end first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from bench.run.room import memory_bytes
from bench.run.sweep import Sweep
from bench.run.task import OF_THE_DRIVER
from bench.run.work import whole_work
from bench.stages.context import Context
from bench.store.stage import Stage, unique

# Parameters x pixels of an image, up to which two processes of one thread are clearly more than one of two. Measured on
# two cores, an update with 2 threads against 1: 1.06 times as fast at 3e6 (digits, smoke), 1.24 at 1.2e7 (digits), 1.5
# at 5e7, 1.7 at 2e8, 1.8 at 1e9 and at 4e10 (the U-Net of 35 M parameters at 32 px).
SMALL = 3e8
# Network evaluations side by side that pay for starting processes (1 to 2 s): digits makes 2,000 to 6,000 a second.
WORTHWHILE = 100_000
# Of a stage's evaluations, that others must make beside it; with fewer it is sooner done by itself with all threads.
# Where 2 threads are s times as fast as 1, that is s - 1.
SHARE = 0.5
PROCESS_BYTES = 0.8 * 2**30  # the peak of a worker that trains, samples and judges digits


@dataclass(frozen=True)
class Division:
    """How stages divide a machine: `jobs` at a time with `threads` each; of `alone`, by key, one with all threads."""

    jobs: int
    threads: int
    alone: frozenset[str]

    def is_alone(self, stage: Stage) -> bool:
        """Tell whether nothing may be done beside a stage."""
        return stage.key in self.alone


def divide(sweep: Sweep, asked: int | None, threads: int, processes: int = 1) -> Division:
    """Return how a sweep's stages divide the threads of this machine; asked: the jobs, None for as many as pay.

    processes: that torchrun started, which work together on every stage.
    """
    evaluations = evaluations_of(sweep)
    alone = alone_of(sweep, evaluations)
    jobs = useful_jobs(sweep, evaluations, alone, threads) if asked is None else asked
    return Division(1 if processes > 1 else jobs, max(threads // jobs, 1), alone)


def useful_jobs(sweep: Sweep, evaluations: dict[str, int], alone: frozenset[str], threads: int) -> int:
    """Return how many jobs pay: 1 on a GPU, for a large network, or where little can be done side by side."""
    context = sweep.context
    beside = [count for key, count in evaluations.items() if key not in alone and count]
    if context.device != "cpu" or threads == 1 or sum(beside) < WORTHWHILE or size_of(context) > SMALL:
        return 1
    each = PROCESS_BYTES + 2 * context.images.pixels.nbytes  # a copy may be made of them
    room = int((memory_bytes() or PROCESS_BYTES) / 2 / each)
    return max(1, min(threads, len(beside), room))


def size_of(context: Context) -> int:
    """Return the parameters of the teacher times the pixels of an image."""
    weights = context.config.teacher_spec().shapes().values()
    return sum(prod(weight.shape) for weight in weights) * context.shape[1] * context.shape[2]


def evaluations_of(sweep: Sweep) -> dict[str, int]:
    """Return the network evaluations of the stages that train or sample, by key (a backward pass counts 2).

    Of a training that continues a shorter one of the sweep, what that leaves to do.
    """
    whole = {key: work.evaluations for key, work in whole_work(sweep).items() if work.part != "evaluation"}
    return whole | {key: whole[key] - whole[shorter.key] for key, shorter in continued(sweep).items()}


def continued(sweep: Sweep) -> dict[str, Stage]:
    """Return the stages whose training another of the sweep continues, by the key of that other."""
    there = {stage.key for stage in sweep.stages}
    return {one.goes_on.key: one for one in sweep.stages if one.goes_on is not None and one.goes_on.key in there}


def before(stage: Stage, shorter: Mapping[str, Stage]) -> tuple[Stage, ...]:
    """Return every stage that is done before one ends, itself included; shorter: as `continued` returns them."""
    found = list(stage.lineage)
    for one in found:  # which grows: a training may continue one that continues another
        if one.key in shorter:
            found.append(shorter[one.key])
    return unique(found)


def alone_of(sweep: Sweep, evaluations: dict[str, int]) -> frozenset[str]:
    """Return the keys of the stages beside which there is little to do, or must be nothing.

    Beside a stage is what neither comes before it nor after it: nothing that counts beside a sweep's only teacher.
    """
    shorter = continued(sweep)
    related = dict.fromkeys(evaluations, 0)  # evaluations of a stage, of those before it, and of those after it
    for stage in sweep.stages:
        for earlier in before(stage, shorter):
            if earlier.key in related:
                related[earlier.key] += evaluations.get(stage.key, 0)
            if earlier.key != stage.key and stage.key in related:
                related[stage.key] += evaluations.get(earlier.key, 0)
    total = sum(evaluations.values())
    lonely = {key for key, count in evaluations.items() if total - related[key] < SHARE * count}
    return frozenset(lonely | {stage.key for stage in sweep.stages if stage.kind in OF_THE_DRIVER})
