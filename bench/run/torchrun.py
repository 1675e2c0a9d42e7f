"""A sweep by the processes that torchrun started: the first runs it, and the others follow.

What trains or samples is done by all, each its share; the first says which stage is next. The rest is done by the first
alone: floors, features, metrics, costs, records, tables. The run folder is on a filesystem that all hosts share.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.run.sweep import Sweep
from bench.run.worker import Worker
from bench.store.failures import reason
from bench.store.files import wait_until_there
from bench.store.layout import DONE
from sfddm.errors import InputError, NonFiniteLoss, WorkFailed


@contextmanager
def followed(worker: Worker) -> Iterator[None]:
    """Let the other processes end when the block has ended without an exception; after one, torchrun ends them."""
    yield
    worker.world.broadcast(None)


def follow(sweep: Sweep, worker: Worker) -> None:
    """Do this process's share of every stage that the first process says, until it says that there is none left.

    Raises WorkFailed if this process alone fails: none continues without it, and torchrun ends them.
    """
    known = {stage.key: stage for stage in sweep.stages}
    while (key := worker.world.broadcast(None)) is not None:
        if key not in known:
            raise InputError("torchrun: the processes were given different commands or data")
        stage = known[key]
        wait_until_there(worker.store.path(parent, DONE) for parent in stage.parents)
        try:
            stage.work(worker.job(stage))
        except NonFiniteLoss:
            continue  # in all processes at once: the first records it, and continues with other stages
        except Exception as error:
            raise WorkFailed(f"{stage.label}: {reason(error)}; the same command resumes from there") from error
