"""Dropout in training: the mask of every network call of an iteration is the same, and a function of the iteration.

torch draws masks from its global generator. Seeding that before each call makes them the same for a student and for the
target that it learns from, as consistency training needs (Song and Dhariwal 2023; Geng et al. 2024), and the same
after a training is resumed. A batch that is done in parts has other masks than in one.
"""

from typing import Any

import torch
from torch import nn


def has_dropout(network: nn.Module) -> bool:
    """Tell whether a network drops anything in training."""
    return any(isinstance(module, nn.Dropout) and module.p > 0 for module in network.modules())


class OneMask(nn.Module):
    """A network of which every call has the mask of `seed`. The global generator is left as it was found."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.inner, self.seed = network, 0

    def forward(self, *given: Any, **named: Any) -> Any:
        """Return what the network returns."""
        device = next(self.inner.parameters()).device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            return self.inner(*given, **named)
