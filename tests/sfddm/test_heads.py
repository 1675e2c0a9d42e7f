"""A student that predicts another quantity than its parent begins with a fitted head, any other as its parent is."""

import pytest
import torch
from helpers.closed_forms import noise_levels

from baselines.consistency import ConsistencyDistillation
from baselines.pd import ProgressiveDistillation
from baselines.shortcut import Shortcut
from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser, Prediction, express, per_image, q_sample, read
from sfddm.errors import InputError
from sfddm.heads import BATCHES, weight
from sfddm.method import Fold
from sfddm.noise import ImageNoise
from sfddm.sampler import ddim, from_uint8
from sfddm.targets import signal_to_noise
from sfddm.unet import UNetConfig
from sfddm.unet2d import UNet2DConfig

NETWORK = UNetConfig(dim=8, dim_mults=(1, 2), channels=1, heads=1, head_dim=8)
PIXELS = torch.randint(0, 256, (300, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def spec(prediction: Prediction) -> DenoiserSpec:
    return DenoiserSpec(network=NETWORK, prediction=prediction, timesteps=256)


def teacher(prediction: Prediction) -> Denoiser:
    """Return a teacher with some weights, in evaluation mode."""
    own = spec(prediction)
    return own.denoiser(own.fresh_network(7).eval())


def first_fold(kind: type, prediction: Prediction, student: str = "v") -> Fold:
    return kind(kind.Settings(prediction=student), spec(prediction)).folds(4)[0]


def error(student: Denoiser, parent: Denoiser, seed: int = 3) -> float:
    """Return the weighted squared error on x0 of what the student says of what the parent says, clipped."""
    generator = torch.Generator().manual_seed(seed)
    x0 = from_uint8(PIXELS)
    index = torch.randint(len(student), (len(x0),), generator=generator)
    alpha_bar = student.alpha_bar[index]
    x = q_sample(x0, torch.randn(x0.shape, generator=generator), alpha_bar)
    at = (parent.alpha_bar.unsqueeze(0) - alpha_bar.unsqueeze(1)).abs().argmin(1)
    with torch.no_grad():
        wanted = express(parent(x, at, clip=True), alpha_bar, student.prediction)
        squares = (student.raw(x, index) - wanted).square()
    return float((per_image(weight(alpha_bar, student.prediction), x) * squares).mean())


@pytest.mark.parametrize("kind", [ProgressiveDistillation, ConsistencyDistillation, Shortcut])
@pytest.mark.parametrize("prediction", ["v", "x0"])
def test_a_student_of_a_v_or_x0_teacher_starts_exactly_as_the_teacher(kind: type, prediction: Prediction) -> None:
    fold, parent = first_fold(kind, prediction, prediction), teacher(prediction)
    assert not fold.new_head
    student = fold.student(parent, seed=1)
    visited = [63, 127, 191, 255] if len(student) == 256 else range(0)
    same = student.respaced(visited) if visited else student
    noise = [ImageNoise(0, range(3), (1, 8, 8)) for _ in range(2)]
    phi = visited or fold.spec.indices
    assert torch.equal(ddim(same, noise[0]), ddim(parent.respaced(phi), noise[1]))


@pytest.mark.parametrize("student", ["v", "x0"])
def test_the_head_is_the_best_there_is_in_weighted_least_squares(student: str) -> None:
    """Against the normal equations of other noise: no other head is better by more than what the noise leaves open."""
    fold, parent = first_fold(ConsistencyDistillation, "eps", student), teacher("eps")
    assert fold.new_head
    begun = fold.student(parent, 1, PIXELS)
    fitted = error(begun, parent)
    fresh = fold.spec.denoiser(begun.network)
    head, kept = begun.network.head, [one.clone() for one in (begun.network.head.weight, begun.network.head.bias)]
    generator = torch.Generator().manual_seed(5)
    for size in (1e-2, 1e-1):
        for _ in range(10):
            with torch.no_grad():
                for own, value in zip((head.weight, head.bias), kept, strict=True):
                    own.copy_(value + size * torch.randn(value.shape, generator=generator))
            assert error(fresh, parent) > fitted * 0.99
    with torch.no_grad():
        head.weight.copy_(fold.spec.fresh_network(1).head.weight)
    assert error(fresh, parent) > 1.05 * fitted


def test_everything_but_the_head_is_the_parents() -> None:
    parent = teacher("eps")
    student = first_fold(ProgressiveDistillation, "eps").student(parent, 1, PIXELS)
    ours, theirs = student.network.state_dict(), parent.network.state_dict()
    assert {name for name in ours if not torch.equal(ours[name], theirs[name])} == {"head.weight", "head.bias"}


def test_the_fit_is_a_function_of_the_seed_and_counts_as_training() -> None:
    fold, parent = first_fold(ProgressiveDistillation, "eps"), teacher("eps")
    one, again, other = (fold.student(parent, seed, PIXELS).network.head.weight for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    updates = int(fold.evaluations) * fold.train.iterations
    assert fold.total_evaluations == (BATCHES + updates) * fold.train.batch
    assert fold.identity["head"] == "least squares"
    with pytest.raises(InputError, match="fitted on images"):
        fold.student(parent, 1)


def test_only_the_first_fold_of_a_chain_has_a_new_head() -> None:
    folds = ProgressiveDistillation(ProgressiveDistillation.Settings(), spec("eps")).folds(4)
    assert [fold.new_head for fold in folds] == [True] + [False] * (len(folds) - 1)


def test_weights_are_those_of_the_error_on_x0_however_it_is_predicted() -> None:
    """For one error on x0, each prediction's own error times its weight is max(SNR, 1) times that of x0."""
    alpha_bar = noise_levels("sigmoid", 256)[[0, 100, 250]]
    x, x0 = torch.randn(3, 1, 4, 4, dtype=torch.float64), torch.randn(3, 1, 4, 4, dtype=torch.float64)
    off = x0 + 0.1
    for prediction in ("v", "x0", "eps"):
        raw = [express(read(one, x, alpha_bar, "x0"), alpha_bar, prediction) for one in (x0, off)]
        weighted = per_image(weight(alpha_bar, prediction), x) * (raw[0] - raw[1]).square()
        expected = per_image(signal_to_noise(alpha_bar).clamp(min=1), x) * 0.01
        torch.testing.assert_close(weighted, expected.expand_as(x), rtol=1e-9, atol=1e-12)


def test_the_convolution_of_a_diffusers_network_is_fitted_too() -> None:
    options = {
        "in_channels": 1, "out_channels": 1, "block_out_channels": (8, 8), "norm_num_groups": 4, "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "DownBlock2D"), "up_block_types": ("UpBlock2D", "UpBlock2D"),
        "attention_head_dim": 4, "sample_size": 8,
    }  # fmt: skip
    own = DenoiserSpec(network=UNet2DConfig(options=options), prediction="eps", timesteps=256)
    parent = own.denoiser(own.fresh_network(7).eval())
    fold = ConsistencyDistillation(ConsistencyDistillation.Settings(), own).folds(1)[0]
    begun = fold.student(parent, 1, PIXELS)
    fitted = error(begun, parent)
    with torch.no_grad():
        begun.network.head.weight.mul_(0)
    assert fitted < 0.8 * error(begun, parent)
