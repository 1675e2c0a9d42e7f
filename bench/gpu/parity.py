"""parity: the same weights and noise give the same loss, gradients and images on the device as on the CPU."""

from functools import partial

import torch
from torch import Tensor, nn

from bench.config import methods
from bench.config.settings import Config
from bench.gpu.piece import Earlier, Found, Part, Piece, Setup
from bench.gpu.same_noise import same_noise
from sfddm.ddpm import ddpm_loss
from sfddm.denoiser import Denoiser
from sfddm.noise import ImageNoise, part_generator
from sfddm.performance import Performance
from sfddm.sampler import from_uint8
from sfddm.training import Loss, Moment

TOLERANCE = 1e-4  # of float32
STEPS, IMAGES, SEED = 4, 8, 0


def of_method(setup: Setup, _: Earlier, name: str) -> Found:
    """Compare a method's last fold, or the teacher's loss for one without a fold, and its sampler, on digits."""
    return compared(setup, setup.digits(), name, Performance(compile=False))


def of_cifar10(setup: Setup, _: Earlier) -> Found:
    """Compare SFDDM on the network of CIFAR-10."""
    return compared(setup, setup.cifar10(), "sfddm", Performance(compile=False))


def of_cifar10_as_it_runs(setup: Setup, _: Earlier) -> Found:
    """Compare SFDDM on the network of CIFAR-10 as the device runs it by default: on CUDA compiled."""
    return compared(setup, setup.cifar10(), "sfddm", Performance())


def compared(setup: Setup, config: Config, name: str, performance: Performance) -> Found:
    """Return the largest relative difference of loss, gradient and images between the device and the CPU."""
    theirs = numbers(config, name, "cpu", Performance(compile=False))
    ours = numbers(config, name, setup.device, performance)
    off = {key: difference(ours[key], theirs[key]) for key in theirs}
    said = ", ".join(f"{key} {value:.1e}" for key, value in off.items())
    return Found(max(off.values()) <= TOLERANCE, f"off by {said}", off)


def numbers(config: Config, name: str, device: str, performance: Performance) -> dict[str, Tensor]:
    """Return a method's loss, its gradient and its images, from fresh weights, on the CPU."""
    method, shape = config.method(name), (config.network.channels, config.resolution, config.resolution)
    folds = config.folds(method, STEPS)
    spec = config.teacher_spec()
    parent = spec.denoiser(spec.fresh_network(1)).to(device)
    student = folds[-1].student(parent, SEED, some_images(shape)).to(device) if folds else parent
    loss = folds[-1].loss(parent, student) if folds else ddpm_loss(student)
    value, gradient = loss_and_gradient(loss, student, shape, device, performance)
    student.network.eval()
    with performance.sampling(student) as fast:
        images = method.sample(fast, STEPS, ImageNoise(SEED, range(IMAGES), shape, device)).cpu()
    return {"loss": value, "gradient": gradient, "images": images}


def loss_and_gradient(
    loss: Loss, student: Denoiser, shape: tuple[int, int, int], device: str, performance: Performance
) -> tuple[Tensor, Tensor]:
    """Return a loss of random images and its gradient, flat, on the CPU."""
    x0 = from_uint8(some_images(shape)).to(device)
    network = performance.network(student.network)
    moment = Moment(part_generator(SEED, 0, range(IMAGES), IMAGES, device), network)
    with same_noise():
        value = loss(network, x0, moment)
    value.backward()
    return value.detach().cpu(), nn.utils.parameters_to_vector(gradients(student.network)).cpu()


def some_images(shape: tuple[int, int, int]) -> Tensor:
    """Return random images, uint8 (IMAGES,C,H,W)."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(0, 256, (IMAGES, *shape), dtype=torch.uint8, generator=generator)


def gradients(network: nn.Module) -> list[Tensor]:
    """Return a network's gradients, zero where there is none."""
    return [
        weights.new_zeros(weights.shape) if weights.grad is None else weights.grad for weights in network.parameters()
    ]


def difference(one: Tensor, other: Tensor) -> float:
    """Return the length of a difference over that of what it is taken from."""
    return float((one.double() - other.double()).norm() / other.double().norm().clamp(min=1e-30))


PARTS: dict[str, Part] = {name: partial(of_method, name=name) for name in methods.METHODS}
PIECE = Piece(
    f"Loss, gradient and images differ from the CPU's by at most {TOLERANCE:g} of their length, in float32.",
    PARTS | {"cifar10 sfddm": of_cifar10, "cifar10 sfddm, by default": of_cifar10_as_it_runs},
)
