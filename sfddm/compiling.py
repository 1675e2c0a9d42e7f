"""Compiling networks: graphs of fixed shapes, counted and timed, and never a silent way back to eager.

torch calls its compiler when a network meets a new shape or mode, in the middle of whatever is done then. So the clocks
of the suite have to know of it: `compiled` counts the compilations of this process and adds up their seconds.
"""

import sys
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

from sfddm.words import on_one_line

# Graphs of one network in one stage: a batch size of the throughput's search each, and a few modes. torch's own is 8.
MOST_GRAPHS = 64


@dataclass
class Compilations:
    """How often this process has compiled, forward and backward, and the seconds that took."""

    count: int = 0
    seconds: float = 0.0
    _began: float = 0.0

    def start(self, *_: object) -> None:
        """Note that a compilation begins."""
        self.count += 1
        self._began = time.perf_counter()

    def end(self, *_: object) -> None:
        """Note that it is over, done or failed."""
        self.seconds += time.perf_counter() - self._began


compiled = Compilations()


def compile_network(network: nn.Module, frozen: bool = False) -> nn.Module:
    """Return a network compiled for each shape it meets, sharing the weights of the given one.

    frozen: its weights become constants of the graph, which inductor then lays out as it likes: for inference alone,
    in `torch.no_grad()`, and weights must not change until `forget`. Reaching `MOST_GRAPHS` raises torch's error.
    """
    _watch()
    fast: Any = torch.compile(network, dynamic=False)
    return Frozen(fast) if frozen else fast


class Frozen(nn.Module):
    """A compiled network whose weights are constants of its graphs.

    Whether they are is read from inductor's configuration while a network is traced, and not from the options of
    `torch.compile`: given there, the weights stay inputs, and nothing is gained.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.inner = network

    def forward(self, *args: Any, **given: Any) -> Any:
        """Return what the network returns."""
        from torch._inductor import config

        with config.patch(freezing=True):
            return self.inner(*args, **given)


def forget() -> None:
    """Drop all compiled graphs of this process, so that what was done before limits nothing that follows."""
    if "torch._dynamo" in sys.modules:  # else there is none, and importing it takes seconds
        torch.compiler.reset()


@cache
def fault(device_type: str) -> str | None:
    """Return why nothing can be compiled for a device, in a line; None if a 1x1 convolution was compiled and ran.

    A missing C++ compiler, a missing Triton and a GPU too old for it show in no other way than by failing.
    """
    layer = nn.Sequential(nn.Conv2d(1, 1, 1), nn.SiLU()).to(device_type)
    try:
        with torch.no_grad():
            torch.compile(layer, dynamic=False)(torch.zeros(1, 1, 2, 2, device=device_type))
    except Exception as error:  # of the compiler, of the loader of what it made, or of Triton
        return on_one_line(error, 120)
    return None


def _watch() -> None:
    """Have torch tell `compiled` of every compilation, and raise rather than run a network eager."""
    from torch._dynamo import config
    from torch._dynamo.callback import callback_handler

    config.recompile_limit = MOST_GRAPHS
    config.fail_on_recompile_limit_hit = True
    if compiled.start not in callback_handler.start_callbacks:  # `torch.compiler.reset` removes them
        callback_handler.register_start_callback(compiled.start)
        callback_handler.register_end_callback(compiled.end)
