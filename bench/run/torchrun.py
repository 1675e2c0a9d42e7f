"""A sweep by the processes that torchrun started: the first runs it, and the others follow.

What trains or samples is done by all, each its share; the first says which stage is next. The rest is done by the first
alone: floors, features, metrics, costs, records, tables. The run folder is on a filesystem that all hosts share.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.run.local import stages
from bench.run.sweep import Sweep
from bench.store.failures import reason
from bench.store.files import wait_until_there
from bench.store.store import DONE, Store
from sfddm.errors import InputError, NonFiniteLoss, WorkFailed


@contextmanager
def followed(store: Store) -> Iterator[None]:
    """Let the other processes end when the block has ended without an exception; after one, torchrun ends them."""
    yield
    store.world.told(None)


def follow(sweep: Sweep, store: Store) -> None:
    """Do this process's share of every stage that the first process says, until it says that there is none left.

    Raises WorkFailed where this process alone fails: none goes on without it, and torchrun ends them.
    """
    known = {stage.key: stage for stage in stages(sweep)}
    while (key := store.world.told(None)) is not None:
        if key not in known:
            raise InputError("torchrun: the processes were given different commands or data")
        stage = known[key]
        wait_until_there(store.folder(parent) / DONE for parent in stage.parents)
        try:
            stage.work(store.folder(stage), store)
        except NonFiniteLoss:
            continue  # in all processes at once: the first records it, and goes on with other stages
        except Exception as error:
            raise WorkFailed(f"{stage.label}: {reason(error)}; the same command goes on from there") from error
