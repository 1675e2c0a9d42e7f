"""What of the training loop would wait for a GPU, found on a machine without one.

Torch's fake tensors go through the same calls as those of CUDA, and compute nothing. A call that on CUDA waits is one
that reads a value, or copies between host and GPU other than from pinned memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

READS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero")


class Watch(TorchDispatchMode):
    """Notes the names of calls that would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        kinds = {tensor.device.type for tensor in given}
        if name in READS and "cuda" in kinds:
            self.found.append(name)
        result = func(*args, **kwargs)
        if name == "index":
            mixed = {tensor.device.type for tensor in given if tensor.ndim}
            waits = len(mixed) == 2 or any(tensor.dtype == torch.bool for tensor in given[1:])
        else:
            kinds |= {result.device.type} if isinstance(result, torch.Tensor) else set()
            pinned = kwargs.get("non_blocking") or args[-1] is True
            waits = name in ("_to_copy", "copy_") and len(kinds) == 2 and not pinned
        if waits:
            self.found.append(name)
        return result


@contextmanager
def as_on_a_gpu(monkeypatch: Any) -> Iterator[Watch]:
    """Let tensors be made on `cuda` in the block, and yield what watches them."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)  # needs a driver
    watch = Watch()
    with FakeTensorMode(allow_non_fake_inputs=True), watch, torch.no_grad():
        yield watch
