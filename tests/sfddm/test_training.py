"""The training loop: exact continuation, draws, EMA, learning rates, and divergence."""

import io
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from helpers.lucidrains_weights import copy_from_library
from helpers.moments import draws, moment
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sfddm.average import Average
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss, draw_index_and_eps
from sfddm.performance import Performance
from sfddm.resume import load_state, save_state
from sfddm.sampler import from_uint8
from sfddm.training import Moment, NonFiniteLoss, Training, TrainSettings, parts, train
from sfddm.unet import UNetConfig

SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1, heads=1, head_dim=8), timesteps=64)
PIXELS = torch.randint(0, 256, (30, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def trained(settings: TrainSettings, start: dict | None = None, stop_after: int | None = None) -> Training:
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    training = Training(denoiser.network, settings, seed=5)
    if start:
        training.load_state_dict(start)

    def report(iteration: int, _: float) -> None:
        if iteration == stop_after:
            raise KeyboardInterrupt

    train(training, ddpm_loss(denoiser), PIXELS, "cpu", report)
    return training


@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
def test_training_cut_in_two_equals_training_in_one_piece_bit_for_bit(decay: str) -> None:
    settings = TrainSettings(iterations=100, batch=4, ema=0.9, decay=decay, warmup=5, clip_gradient=1.0, flip=True)
    whole = trained(settings)
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    half = Training(denoiser.network, settings, seed=5)

    def interrupt(iteration: int, _: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(half, ddpm_loss(denoiser), PIXELS, "cpu", interrupt)
    assert half.iteration == 50
    file = io.BytesIO()
    torch.save(half.state_dict(), file)
    file.seek(0)
    resumed = trained(settings, torch.load(file, weights_only=True))

    def leaves(value: object) -> list[torch.Tensor]:
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        return [value] if isinstance(value, torch.Tensor) else []

    one, other = leaves(whole.state_dict()), leaves(resumed.state_dict())
    assert len(one) == len(other) > 20
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("ema", "warmup", "decays"),
    [(0.75, False, [0.75, 0.75]), (0.75, True, [2 / 11, 3 / 12]), (0.2, True, [2 / 11, 0.2])],
)
def test_ema_is_the_exponential_average_of_the_weights(ema: float, warmup: bool, decays: list[float]) -> None:
    settings = TrainSettings(iterations=3, batch=2, ema=ema, ema_warmup=warmup)
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    training = Training(denoiser.network, settings, seed=0)
    name = "stem.weight"
    seen: list[torch.Tensor] = []
    hook = training.optimizer.register_step_post_hook(
        lambda *_: seen.append(denoiser.network.state_dict()[name].clone())
    )
    train(training, ddpm_loss(denoiser), PIXELS, "cpu")
    hook.remove()
    expected = seen[0]  # the first update copies
    for decay, weights in zip(decays, seen[1:], strict=True):
        expected = decay * expected + (1 - decay) * weights
    torch.testing.assert_close(training.result.state_dict()[name], expected)
    assert not torch.equal(training.result.state_dict()[name], seen[-1])


def test_learning_rates_warm_up_and_go_down_to_zero() -> None:
    linear = TrainSettings(iterations=110, learning_rate=1.0, warmup=10, decay="linear")
    assert [linear.rate(i) for i in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert [linear.rate(i) for i in (10, 60, 109)] == pytest.approx([1.0, 0.5, 0.01])
    cosine = TrainSettings(iterations=100, learning_rate=1.0, decay="cosine")
    assert [cosine.rate(i) for i in (0, 50)] == pytest.approx([1.0, 0.5])
    assert cosine.rate(99) < 1e-3
    assert TrainSettings(iterations=10, learning_rate=0.3).rate(9) == 0.3


def test_a_loss_that_is_not_finite_stops_with_what_to_change() -> None:
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    training = Training(denoiser.network, TrainSettings(iterations=60, batch=2, learning_rate=1e30), seed=0)
    with pytest.raises(NonFiniteLoss, match=r"between iterations 0 and 50: lower learning_rate \(now 1e\+30\)"):
        train(training, ddpm_loss(denoiser), PIXELS, "cpu")


@pytest.mark.parametrize(("objective", "prediction"), [("pred_noise", "eps"), ("pred_v", "v")])
def test_ddpm_loss_equals_denoising_diffusion_pytorch(objective: str, prediction: str) -> None:
    """The two predictions the SFDDM authors train with; the library weights v by SNR / (SNR + 1)."""
    torch.manual_seed(0)
    library = Unet(dim=8, dim_mults=(1,), channels=1).eval()
    diffusion = GaussianDiffusion(library, image_size=4, timesteps=1024, objective=objective, auto_normalize=False)
    config = UNetConfig(dim=8, dim_mults=(1,), channels=1)
    denoiser = DenoiserSpec(network=config, prediction=prediction).denoiser(copy_from_library(library, config))
    x0 = from_uint8(PIXELS[:6])
    index, eps = draw_index_and_eps(1024, x0, draws(0, 1, len(x0)))
    expected = diffusion.p_losses(x0, index, noise=eps)
    ours = ddpm_loss(denoiser)(denoiser.network, x0, moment(0, 1, len(x0)))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)  # float32


def test_ddpm_loss_is_zero_for_a_network_that_knows_the_noise() -> None:
    denoiser = SPEC.denoiser(torch.nn.Identity())
    x0 = torch.zeros(8, 1, 4, 4)  # then x_t = sigma eps, and eps = x_t / sigma

    def network(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return x / (1 - denoiser.alpha_bar[t]).sqrt().to(x).view(-1, 1, 1, 1)

    assert ddpm_loss(denoiser)(network, x0, moment(0, 0, len(x0))).item() < 1e-12  # type: ignore[arg-type]


ROUNDING = 1e-5  # of float32 weights after 20 updates: sums in another order


@pytest.mark.parametrize("before", [False, True], ids=["from plain", "from channels last"])
@pytest.mark.parametrize("after", [False, True], ids=["to plain", "to channels last"])
def test_a_training_resumed_in_another_memory_format_is_the_uninterrupted_one(
    before: bool, after: bool, tmp_path: Path
) -> None:
    """Through the file: Adam's moments, as the file has them, are laid out as the weights were."""
    config = UNetConfig(dim=16, dim_mults=(1, 2), channels=3, heads=1, head_dim=8)
    spec = DenoiserSpec(network=config, timesteps=64)
    pixels = torch.randint(0, 256, (30, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    settings = TrainSettings(iterations=20, batch=4, ema=0.9, learning_rate=1e-4)

    def run(channels_last: bool, start: dict | None = None, stop: int = 20) -> Training:
        denoiser = spec.denoiser(spec.fresh_network(0))
        training = Training(denoiser.network, settings, 5, Performance(channels_last=channels_last))
        if start:
            training.load_state_dict(start)

        def leave() -> None:
            if training.iteration == stop:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            train(training, ddpm_loss(denoiser), pixels, "cpu", before=leave)
        assert training.iteration == stop
        return training

    half = run(before, stop=10)
    save_state(tmp_path, 10, {"training": half.state_dict()})
    found = load_state(tmp_path, print)
    assert found is not None
    resumed, whole = run(after, found["training"]), run(False)
    for name, weights in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], weights, rtol=0, atol=ROUNDING)
        torch.testing.assert_close(
            resumed.result.state_dict()[name], whole.result.state_dict()[name], rtol=0, atol=ROUNDING
        )
    for weights, average in zip(resumed.network.parameters(), resumed.result.parameters(), strict=True):
        moments = resumed.optimizer.state[weights]
        strides = {average.stride(), moments["exp_avg"].stride(), moments["exp_avg_sq"].stride()}
        assert strides == {weights.stride()}
    changed = resumed.network.stem.weight
    assert changed.is_contiguous(memory_format=torch.channels_last) == after


def test_the_average_is_that_of_torch_bit_for_bit_and_so_is_its_state() -> None:
    network = SPEC.fresh_network(0)
    ours, theirs = Average(network, 0.9), AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for _ in range(3):
        with torch.no_grad():
            for weights in network.parameters():
                weights.add_(torch.randn_like(weights))
        ours.update()
        theirs.update_parameters(network)
    one, other = ours.state_dict(), theirs.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    again = Average(SPEC.fresh_network(1), 0.9)
    again.load_state_dict(other)
    assert all(torch.equal(again.state_dict()[name], one[name]) for name in one)


@pytest.mark.parametrize(
    ("images", "largest", "sizes"),
    [(10, None, [10]), (12, 5, [4, 4, 4]), (10, 4, [3, 3, 4]), (7, 1, [1] * 7), (8, 8, [8]), (8, 99, [8])],
)
def test_a_batch_is_done_in_as_few_parts_as_fit_of_one_or_two_sizes(
    images: int, largest: int | None, sizes: list[int]
) -> None:
    divided = parts(range(5, 5 + images), largest)
    assert [len(part) for part in divided] == sizes
    assert [image for part in divided for image in part] == list(range(5, 5 + images))


def learning_from(decay: float | None, start: dict | None = None, stop_after: int | None = None) -> Training:
    """Train a network to be what its target is, and a little more."""
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    settings = TrainSettings(iterations=100, batch=4, ema=0.9, optimizer="radam")
    training = Training(denoiser.network, settings, seed=5, target_decay=None if decay is None else lambda _: decay)
    if start:
        training.load_state_dict(start)

    def loss(network: torch.nn.Module, x0: torch.Tensor, now: Moment) -> torch.Tensor:
        index, eps = draw_index_and_eps(64, x0, now.generator)
        with torch.no_grad():
            target = now.target(eps, index)
        assert now.total == 100
        return (network(eps, index) - target - now.progress).square().mean()

    def report(iteration: int, _: float) -> None:
        if iteration == stop_after:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        train(training, loss, PIXELS, "cpu", report)
    return training


@pytest.mark.parametrize("decay", [None, 0.5])
def test_a_target_and_radam_are_gone_on_with_bit_for_bit(decay: float | None) -> None:
    whole, half = learning_from(decay), learning_from(decay, stop_after=50)
    file = io.BytesIO()
    torch.save(half.state_dict(), file)
    file.seek(0)
    resumed = learning_from(decay, torch.load(file, weights_only=True))
    assert isinstance(whole.optimizer, torch.optim.RAdam)
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)
    if decay is not None:
        assert whole.target is not None
        assert resumed.target is not None
        assert all(map(torch.equal, whole.target.module.parameters(), resumed.target.module.parameters()))


def test_the_target_is_the_network_as_it_is_or_its_average_from_the_first_weights_on() -> None:
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    at_first = denoiser.network.stem.weight.detach().clone()
    plain = Training(denoiser.network, TrainSettings(iterations=2, batch=2), 0)
    seen: list[torch.Tensor] = []

    def loss(network: torch.nn.Module, x0: torch.Tensor, now: Moment) -> torch.Tensor:
        seen.append(now.target.stem.weight.detach().clone())
        return network(x0, torch.zeros(len(x0))).mean()

    train(plain, loss, PIXELS, "cpu")
    assert torch.equal(seen[0], at_first)
    assert not torch.equal(seen[1], at_first)
    seen.clear()
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    averaged = Training(denoiser.network, TrainSettings(iterations=2, batch=2), 0, target_decay=lambda u: 0.5 + u)
    weights: list[torch.Tensor] = []
    averaged.optimizer.register_step_post_hook(lambda *_: weights.append(denoiser.network.stem.weight.detach().clone()))
    train(averaged, loss, PIXELS, "cpu")
    assert torch.equal(seen[0], at_first)
    torch.testing.assert_close(seen[1], (at_first + weights[0]) / 2)  # decay 0.5 at progress 0
    assert averaged.target is not None
    torch.testing.assert_close(averaged.target.module.stem.weight, seen[1])  # decay 1 at progress 1/2
