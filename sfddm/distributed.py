"""Several processes on one training or one sampling, started by torchrun: who does what, and whether they agree.

Every process draws the whole batch of an iteration and does its share of it; images are sampled in the same batches as
by one process, which the processes take in turn. So the number of processes changes no seed and no batch.
Objects and flags travel on gloo, between the hosts; gradients of a network on GPUs on NCCL.
"""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sfddm.torchrun import world_size

T = TypeVar("T")
LONGEST_WAIT = timedelta(days=7)  # for what one process does alone; if one fails, torchrun ends the others


class WeightsDiffer(RuntimeError):
    """The processes of one training no longer have the same weights."""


@dataclass(frozen=True)
class World:
    """The processes at work together; by default this one alone."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the first process: the one that writes files and shows progress."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """Return which images of a batch are this process's: consecutive ones; shares differ by at most one."""
        return range(batch * self.rank // self.size, batch * (self.rank + 1) // self.size)

    def shard(self, pieces: Sequence[T]) -> Sequence[T]:
        """Return this process's share of equal pieces of work: every size-th one."""
        return pieces[self.rank :: self.size]

    def parallel(self, network: nn.Module) -> nn.Module:
        """Return the network with gradients averaged over the processes, its weights those of the first."""
        if self.size == 1:
            return network
        for weights in network.parameters():
            if 1 in weights.shape:
                weights.register_hook(partial(strided_as, weights.stride()))
        return DistributedDataParallel(network)

    def exchanging(self, network: nn.Module, last: bool) -> Any:
        """Return the context of one part's backward pass: gradients are exchanged once, with the last part's."""
        return network.no_sync() if isinstance(network, DistributedDataParallel) and not last else nullcontext()

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over the processes."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def broadcast(self, value: T) -> T:
        """Return, in every process, the first process's value, which may be anything that can be pickled."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def any_rank(self, condition: bool) -> bool:
        """Return whether a condition holds in any of the processes; GPUs need not finish their work for the answer."""
        if self.size == 1:
            return condition
        anywhere = torch.tensor(int(condition))  # on the CPU, so over gloo
        dist.all_reduce(anywhere, dist.ReduceOp.MAX)
        return bool(anywhere)

    def wait(self) -> None:
        """Wait for all processes: the others can then read what the first has written."""
        if self.size > 1:
            dist.barrier()

    def check_equal(self, network: nn.Module) -> None:
        """Raise WeightsDiffer unless every process has the same weights, bit for bit."""
        if self.size == 1:
            return
        sums = torch.stack([weights.detach().view(torch.int32).sum() for weights in network.parameters()])
        low, high = sums.clone(), sums
        dist.all_reduce(low, dist.ReduceOp.MIN)
        dist.all_reduce(high, dist.ReduceOp.MAX)
        if not torch.equal(low, high):
            names = [name for name, _ in network.named_parameters()]
            first = names[int((low != high).nonzero()[0])]
            raise WeightsDiffer(f"the weights differ between the {self.size} processes, first in {first}")


def strided_as(stride: tuple[int, ...], gradient: Tensor) -> Tensor:
    """Return a gradient with its weight's strides if they differ only where the size is 1: the memory is the same.

    In channels_last they do, torch takes the gradient as it is, and DistributedDataParallel warns of another layout.
    """
    sizes = zip(gradient.shape, gradient.stride(), stride, strict=True)
    same = all(size == 1 or own == given for size, own, given in sizes)
    return gradient.as_strided(gradient.shape, stride) if same else gradient


@contextmanager
def joined(device: str = "cpu") -> Iterator[World]:
    """Join the processes that torchrun started, to work on a kind of device; without torchrun a world of one.

    On `cuda` each process takes the GPU of its own number; on the CPU no GPU is touched.
    """
    if world_size() == 1:
        yield World()
        return
    on_gpus = device.startswith("cuda")
    if on_gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo", timeout=LONGEST_WAIT)
    yield World(dist.get_rank(), dist.get_world_size())
    # Only if all processes get here: one that fails or is interrupted ends without waiting for the others.
    gc.collect()  # of DDP's cycles, so that nothing holds the group, whose threads cannot end after the interpreter
    dist.destroy_process_group()
