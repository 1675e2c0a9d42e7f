"""The exponential moving average (EMA) of a network's weights."""

import copy

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """A copy of a network whose weights follow those of the network: the first update copies, then w += (1 - decay) d.

    count: updates that it has seen; with 1 the first one does not copy.

    The numbers and the saved state are those of torch's AveragedModel, which sends its count to the GPU in every update
    and so waits for it, and takes eight times as long over a small network.
    """

    def __init__(self, network: nn.Module, decay: float, count: int = 0):
        self.module, self.count = copy.deepcopy(network), count
        self.pairs = list(zip(self.module.parameters(), network.parameters(), strict=True))
        self._buffers = list(zip(self.module.buffers(), network.buffers(), strict=True))
        self._follow = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update(self, decay: float | None = None) -> None:
        """Take in the network's weights as they are now; decay: of this update, if it is another."""
        follow = self._follow if decay is None else get_ema_multi_avg_fn(decay)
        if self.count == 0:
            for average, weights in self.pairs:
                average.copy_(weights)
        else:
            averages, weights_now = zip(*self.pairs, strict=True)
            follow(averages, weights_now, self.count)
        for kept, value in self._buffers:
            kept.copy_(value)
        self.count += 1

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights, and how many updates they have seen."""
        weights = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        return {"n_averaged": torch.tensor(self.count), **weights}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a saved state."""
        self.count = int(state["n_averaged"])
        weights = {name: value for name, value in state.items() if name != "n_averaged"}
        self.module.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()})
