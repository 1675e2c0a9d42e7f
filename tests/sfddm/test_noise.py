"""Latents and training draws are functions of their names alone."""

import threading

import torch

from sfddm.denoiser import Denoiser
from sfddm.noise import ImageNoise, latents, training_generator
from sfddm.sampler import ancestral

SHAPE = (3, 4, 4)


def test_latent_of_an_image_does_not_depend_on_its_batch() -> None:
    together = latents(7, range(10), SHAPE)
    alone = torch.cat([latents(7, [k], SHAPE) for k in range(10)])
    assert torch.equal(together, alone)
    assert torch.equal(together[[9, 2]], latents(7, [9, 2], SHAPE))


def test_later_draws_do_not_depend_on_the_batch_either() -> None:
    whole, part = ImageNoise(1, range(4), SHAPE), ImageNoise(1, [2], SHAPE)
    for _ in range(3):
        assert torch.equal(whole.draw()[2:3], part.draw())


def test_seeds_and_images_give_different_standard_normal_latents() -> None:
    noise = latents(0, range(2000), SHAPE)
    assert not torch.equal(noise, latents(1, range(2000), SHAPE))
    assert len(noise.flatten(1)[:, 0].unique()) == 2000
    # 96,000 values: five standard errors of mean and variance.
    assert abs(noise.mean().item()) < 5 / noise.numel() ** 0.5
    assert abs(noise.var().item() - 1) < 5 * (2 / noise.numel()) ** 0.5


def test_training_draws_are_a_function_of_seed_and_iteration() -> None:
    first = torch.randn(5, generator=training_generator(3, 11))
    assert torch.equal(first, torch.randn(5, generator=training_generator(3, 11)))
    assert not torch.equal(first, torch.randn(5, generator=training_generator(3, 12)))
    assert not torch.equal(first, torch.randn(5, generator=training_generator(4, 11)))


def test_noise_drawn_ahead_is_the_same_noise() -> None:
    ahead, plain = ImageNoise(1, range(4), SHAPE), ImageNoise(1, range(4), SHAPE)
    for _ in range(4):
        ahead.ahead()
        ahead.ahead()  # nothing begins twice
        assert torch.equal(ahead.draw(), plain.draw())
    assert torch.equal(ahead.draw(), plain.draw())


def test_noise_is_drawn_while_the_network_works() -> None:
    noise, begun = ImageNoise(0, range(2), (1, 4, 4)), threading.Event()
    own = noise._next
    seen: list[bool] = []

    def drawn() -> torch.Tensor:
        begun.set()
        return own()

    class Network(torch.nn.Module):
        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            seen.append(begun.wait(10 if t > 0 else 0))  # drawn after the network, it would never come
            begun.clear()
            return torch.zeros_like(x)

    noise._next = drawn  # type: ignore[method-assign]
    alpha_bar = torch.tensor([0.9, 0.7, 0.4, 0.1], dtype=torch.float64)
    ancestral(Denoiser(Network(), "eps", alpha_bar, torch.arange(4)), noise)
    assert seen == [True, True, True, False]
