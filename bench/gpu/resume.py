"""resume: a training begun on the CPU continues on the device as it would have on the CPU."""

from functools import partial

import torch
from torch import Tensor

from bench.gpu.parity import difference
from bench.gpu.piece import Earlier, Found, Part, Piece, Setup
from bench.gpu.same_noise import same_noise
from bench.stages.training import placed
from sfddm.ddpm import ddpm_loss
from sfddm.denoiser import Denoiser
from sfddm.performance import Performance
from sfddm.resume import load_state, save_state
from sfddm.training import Moment, Training, TrainSettings, train

TOLERANCE = 1e-4  # as for parity
SETTINGS = TrainSettings.model_validate(
    {"batch": 32, "learning_rate": 1e-3, "ema": 0.99, "clip_gradient": 1.0, "flip": True}
)
BEFORE, AFTER = 30, 20  # iterations on the CPU, and after it


def resumed(setup: Setup, _: Earlier, channels_last: bool) -> Found:
    """Compare the losses after a checkpoint of the CPU, and what is kept of each weight as it is loaded."""
    performance = Performance(compile=False, channels_last=channels_last)
    begun = start(setup, "cpu", Performance(compile=False))
    go_on(setup, begun, "cpu", BEFORE)
    folder = setup.folder / f"resume-{channels_last}"
    folder.mkdir(parents=True, exist_ok=True)
    save_state(folder, BEFORE, begun[0].state_dict())
    there = start(setup, setup.device, performance)
    state = load_state(folder, print)
    assert state is not None
    there[0].load_state_dict(state)
    equal = all(torch.equal(one, other) for one, other in zip(kept(begun[0]), kept(there[0]), strict=True))
    theirs, ours = go_on(setup, begun, "cpu", AFTER), go_on(setup, there, setup.device, AFTER)
    off = difference(torch.tensor(ours), torch.tensor(theirs))
    weights = difference(torch.cat(kept(there[0])), torch.cat(kept(begun[0])))
    said = f"loaded {'equal' if equal else 'UNEQUAL'}; {AFTER} iterations later losses off by {off:.1e}"
    return Found(equal and off <= TOLERANCE, said, {"loaded_equal": equal, "loss": off, "state": weights})


Begun = tuple[Training, Denoiser]


def start(setup: Setup, device: str, performance: Performance) -> Begun:
    """Return the training of a fresh digits teacher on a device."""
    spec = setup.digits().teacher_spec()
    denoiser = spec.denoiser(spec.fresh_network(0)).to(device)
    return Training(denoiser.network, SETTINGS, 0, performance), denoiser


def go_on(setup: Setup, begun: Begun, device: str, iterations: int) -> list[float]:
    """Train for so many iterations more; return the loss of each."""
    training, denoiser = begun
    loss, losses = ddpm_loss(denoiser), []

    def noted(network: torch.nn.Module, x0: Tensor, moment: Moment) -> Tensor:
        value = loss(network, x0, moment)
        losses.append(value.detach())
        return value

    training.settings = SETTINGS.model_copy(update={"iterations": training.iteration + iterations})
    shape = (256, 1, 8, 8)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with same_noise():
        train(training, noted, placed(pixels, device), device)
    return [float(value) for value in losses]


def kept(training: Training) -> list[Tensor]:
    """Return weights, their moments and their averages, each flat, on the CPU."""
    assert training.average is not None
    state = training.optimizer.state
    slots = [state[weights][name] for weights in training.network.parameters() for name in ("exp_avg", "exp_avg_sq")]
    values = [*training.network.parameters(), *slots, *training.average.module.parameters()]
    return [value.detach().cpu().float().flatten() for value in values]


PARTS: dict[str, Part] = {
    "contiguous": partial(resumed, channels_last=False),
    "channels_last": partial(resumed, channels_last=True),
}
PIECE = Piece(
    f"A state of the CPU is loaded to the same bits, and the losses after it differ by at most {TOLERANCE:g}.", PARTS
)
