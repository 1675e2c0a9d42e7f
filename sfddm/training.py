"""The one training loop, for the teacher and for every student and baseline alike.

A loss is a function of (network, x0, moment); everything random in iteration i comes from a generator seeded by
(seed, i), so interrupting and resuming changes no number.
"""

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sfddm.average import Average
from sfddm.batches import Batches
from sfddm.compiling import compiled
from sfddm.distributed import World
from sfddm.dropout import OneMask, has_dropout
from sfddm.errors import InputError, NonFiniteLoss
from sfddm.noise import BatchGenerator, part_generator
from sfddm.performance import Performance, set_deterministic, set_products
from sfddm.settings import TrainSettings


@dataclass(frozen=True)
class Moment:
    """What a loss is told besides the network and the images.

    generator: of all that is drawn for these images in this iteration. iteration: from 0 up to total - 1. target: the
    network that a bootstrap asks, without gradients: the one that is trained, as it is now, or its own moving average.
    """

    generator: BatchGenerator
    target: nn.Module
    iteration: int = 0
    total: int = 1

    @property
    def progress(self) -> float:
        """How much of the training is done, from 0 to 1."""
        return self.iteration / self.total


Loss = Callable[[nn.Module, Tensor, Moment], Tensor]
TargetDecay = Callable[[float], float]  # of the target's moving average in an update, of the progress
Report = Callable[[int, float], None]  # of an iteration and the mean loss since the last report

REPORT_EVERY = 50  # iterations; no more often, because reading the loss from a GPU stalls it


@dataclass
class Training:
    """The state of one training run: all that an exact continuation, bit for bit, needs.

    target_decay: of the moving average that a bootstrap asks; None: it asks the network as it is.
    """

    network: nn.Module
    settings: TrainSettings
    seed: int
    performance: Performance = field(default_factory=Performance)
    world: World = field(default_factory=World)
    target_decay: TargetDecay | None = None
    iteration: int = 0
    seconds: float = 0.0
    optimizer: torch.optim.Optimizer = field(init=False)
    average: Average | None = field(init=False)
    target: Average | None = field(init=False)

    def __post_init__(self) -> None:
        self.optimizer = optimizer(self.network, self.settings)
        self.average = Average(self.network, self.settings.ema) if self.settings.ema else None
        self.target = Average(self.network, 1.0, count=1) if self.target_decay else None  # the network as it begins

    @property
    def result(self) -> nn.Module:
        """The network to use: the EMA if there is one, else the raw weights."""
        return self.average.module if self.average else self.network

    def state_dict(self) -> dict[str, object]:
        """Return tensors and numbers only, so that it loads with weights_only=True."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "target": self.target.state_dict() if self.target else None,
            "optimizer": self.optimizer.state_dict(),
            "iteration": self.iteration,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: dict) -> None:
        """Restore a saved state."""
        self.network.load_state_dict(state["network"])
        if self.average:
            self.average.load_state_dict(state["average"])
        if self.target:
            self.target.load_state_dict(state["target"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.iteration, self.seconds = state["iteration"], state["seconds"]

    def align(self) -> None:
        """Lay out in memory all that is kept of each weight as the weight itself is, its values as they are.

        A state may have been saved under another memory format than the network has now, and fused kernels walk a
        weight and its moments by raw memory; where only strides differ, others fall back to slow paths.
        """
        for weights in self.network.parameters():
            slots = self.optimizer.state.get(weights, {})
            for name, value in slots.items():
                if value.shape == weights.shape:
                    slots[name] = torch.empty_like(weights).copy_(value)
        for kept in filter(None, (self.average, self.target)):
            for average, weights in kept.pairs:
                average.data = torch.empty_like(weights).copy_(average)

    def update_averages(self) -> None:
        """Take the weights into the moving averages, after an update of them."""
        if self.average:
            self.average.update(self.settings.average_decay(self.average.count))
        if self.target and self.target_decay:
            self.target.update(self.target_decay(self.iteration / self.settings.iterations))


def optimizer(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Return the optimizer that the settings name."""
    if settings.optimizer == "radam":
        return torch.optim.RAdam(network.parameters(), lr=settings.learning_rate)
    return torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)


def train(
    training: Training,
    loss: Loss,
    pixels: Tensor,
    device: torch.device | str,
    report: Report | None = None,
    before: Callable[[], None] | None = None,
) -> None:
    """Train from iteration training.iteration to settings.iterations. Raises NonFiniteLoss.

    pixels: uint8 (N,C,H,W), already on the device if they fit. report: called with the iteration and the mean loss
    every REPORT_EVERY iterations. before: called before each iteration; an exception from it leaves a state to resume
    from.
    """
    training.network.train()
    settings = training.settings
    with closing(Batches(pixels, settings.batch, settings.flip, training.seed, device)) as batches:
        try:
            _iterate(training, loss, batches, device, report, before)
        finally:
            set_deterministic(False)
            set_products("fp32")  # what comes afterwards is exact: features, distances


def parts(share: range, largest: int | None) -> list[range]:
    """Return a share in as few parts as have at most `largest` images each, as equal as can be.

    So there are one or two sizes, the same in every iteration: that many graphs for a compiler. None: one part.
    """
    count = -(-len(share) // (largest or len(share)))
    return [share[len(share) * k // count : len(share) * (k + 1) // count] for k in range(count)]


class Step:
    """Gradients of one iteration, in this process's share of the batch, part by part.

    A loss is a mean over images, so each part's loss is weighted by its number of images. Processes average their
    gradients; multiplying by their number undoes that, so the sum is the whole batch's gradient, however it is divided.
    """

    def __init__(self, training: Training, loss: Loss, device: torch.device | str):
        self.training, self.loss, self.device = training, loss, device
        network = training.performance.network(training.network)
        training.align()  # to the memory format that the network has from here on
        self.network, self.target = training.world.parallel(network), network
        if training.target:
            self.target = training.performance.network(training.target.module.train())
        self.masks = [OneMask(one) for one in (self.network, self.target)] if has_dropout(training.network) else []
        share = training.world.share(training.settings.batch)
        if training.settings.batch < training.world.size:
            raise InputError(
                f"batch: {training.settings.batch} given, at least one image for each of the {training.world.size} "
                "processes is needed"
            )
        self.parts = parts(share, training.performance.micro_batch)

    def __call__(self, x0: Tensor) -> Tensor:
        """Leave the gradients of the batch x0 in the network; return this share's part of the loss, a scalar."""
        training, batch = self.training, len(x0)
        total = torch.zeros((), device=self.device)
        for part in self.parts:
            generator = part_generator(training.seed, training.iteration, part, batch, self.device)
            network, target = self.masked(generator) or (self.network, self.target)
            moment = Moment(generator, target, training.iteration, training.settings.iterations)
            with training.world.exchanging(self.network, last=part is self.parts[-1]):
                value = self.loss(network, x0[part.start : part.stop], moment) * (len(part) / batch)
                (value * training.world.size).backward()
            total += value.detach()
        return total

    def masked(self, generator: BatchGenerator) -> list[OneMask]:
        """Return the network and the target with one dropout mask for this part; nothing if nothing is dropped."""
        for network in self.masks:
            network.seed = generator.initial_seed() + generator.images.start
        return self.masks


def _iterate(
    training: Training,
    loss: Loss,
    batches: Batches,
    device: torch.device | str,
    report: Report | None,
    before: Callable[[], None] | None,
) -> None:
    settings = training.settings
    step = Step(training, loss, device)
    while training.iteration < settings.iterations:
        stop = min(settings.iterations, (training.iteration // REPORT_EVERY + 1) * REPORT_EVERY)
        total = torch.zeros((), device=device)
        count = stop - training.iteration
        started, before_compiled = time.perf_counter(), compiled.seconds
        try:
            while training.iteration < stop:
                if before:
                    before()
                for group in training.optimizer.param_groups:
                    group["lr"] = settings.rate(training.iteration)
                training.optimizer.zero_grad(set_to_none=True)
                total += step(batches(training.iteration))
                if settings.clip_gradient is not None:
                    nn.utils.clip_grad_norm_(training.network.parameters(), settings.clip_gradient)
                training.optimizer.step()
                training.update_averages()
                training.iteration += 1
            mean = (training.world.sum(total) / count).item()
            training.world.check_equal(training.network)
        finally:
            # Of training alone, whether it goes on or is left: the first iteration compiles.
            training.seconds += time.perf_counter() - started - (compiled.seconds - before_compiled)
        if not math.isfinite(mean):
            raise NonFiniteLoss(
                f"the loss is {mean} between iterations {stop - count} and {stop}: "
                f"lower learning_rate (now {settings.learning_rate:g}) or set clip_gradient "
                f"(now {settings.clip_gradient})"
            )
        if report:
            report(training.iteration, mean)
