"""How a network is run: precision, memory layout, compilation, and what is kept for the backward pass.

Apart from `precision`, nothing here changes a result beyond rounding. `decides()` returns what does, for the identity
of the work and for its record.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from sfddm.compiling import compile_network, fault
from sfddm.denoiser import Denoiser
from sfddm.errors import InputError
from sfddm.settings import PerformanceSettings, Precision
from sfddm.unet import UNet


class Performance(PerformanceSettings):
    """The choices, and how a network runs under them; None is the device's default."""

    def decides(self) -> dict[str, str]:
        """Return the choices that change numbers and are not the default: none for float32."""
        return {} if self.precision == "fp32" else {"precision": self.precision}

    def on(self, device: torch.device | str) -> "Performance":
        """Return the choices with a device's defaults filled in, for the record."""
        cuda = torch.device(device).type == "cuda"
        # Without tensor cores channels_last has been slower elsewhere, and was never measured here.
        own = {"compile": cuda, "channels_last": cuda and self.precision != "fp32"}
        return self.model_copy(update={key: own[key] for key in own if getattr(self, key) is None})

    def network(self, network: nn.Module, frozen: bool = False) -> nn.Module:
        """Return a network that runs this way and shares the weights of the given one. Raises InputError.

        frozen: its weights do not change, for sampling. The precision of float32 products and whether algorithms are
        deterministic belong to the whole process; they are set here.
        """
        device = next(network.parameters()).device
        chosen = self.on(device)
        set_products(self.precision)
        set_deterministic(self.deterministic)
        if chosen.channels_last:
            network.to(memory_format=torch.channels_last)
        if self.checkpointing:
            if not isinstance(network, UNet):
                raise InputError("checkpointing: this network cannot; only the suite's own U-Net can")
            network.checkpointing = True
        on_cpu = device.type == "cpu"
        compiles = chosen.compile and (frozen or not on_cpu) and fault(device.type) is None
        fast = compile_network(network, frozen and on_cpu) if compiles else network
        plain = fast is network and not chosen.channels_last and self.precision != "bf16"
        return network if plain else Fast(fast, chosen, device.type)

    @contextmanager
    def sampling(self, denoiser: Denoiser) -> Iterator[Denoiser]:
        """Yield a denoiser that samples this way, without the choices for training. Products are exact afterwards."""
        own = self.model_copy(update={"checkpointing": False, "micro_batch": None})
        try:
            yield replace(denoiser, network=own.network(denoiser.network, frozen=True))
        finally:
            set_products("fp32")
            set_deterministic(False)


def set_products(precision: Precision) -> None:
    """Set the precision of the process's float32 products: TF32 or, for any other precision, exact."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def set_deterministic(deterministic: bool) -> None:
    """Have the process use algorithms that give the same bits every time, or those that are fastest."""
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which cuBLAS needs for it
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.deterministic = deterministic


class Fast(nn.Module):
    """A network behind its own interface: float32 in and out, whatever it computes in."""

    def __init__(self, network: nn.Module, performance: Performance, device_type: str):
        super().__init__()
        self.inner, self.performance, self.device_type = network, performance, device_type

    def forward(
        self, x: Tensor, t: Tensor, return_hidden: bool = False, **end: Tensor
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return what the network returns."""
        if self.performance.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        bf16 = self.performance.precision == "bf16"
        with torch.autocast(self.device_type, torch.bfloat16, enabled=bf16):
            output = self.inner(x, t, return_hidden=True, **end) if return_hidden else self.inner(x, t, **end)
        return (output[0].to(x), output[1].to(x)) if return_hidden else output.to(x)
