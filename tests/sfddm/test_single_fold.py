"""SFDDM's objective against denoising-diffusion-pytorch's own classes, and its fixed point."""

import copy

import pytest
import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from helpers.lucidrains_weights import copy_from_library
from helpers.moments import draws, moment

from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import draw_index_and_eps
from sfddm.denoiser import Denoiser
from sfddm.grids import timesteps
from sfddm.method import Fold
from sfddm.noise import ImageNoise
from sfddm.sampler import ddim
from sfddm.single_fold import ReferenceSettings, SingleFold, SingleFoldReference, SingleFoldSettings
from sfddm.unet import UNetConfig

CONFIG = UNetConfig(dim=8, dim_mults=(1, 2), channels=1, heads=2, head_dim=8)
SPEC = DenoiserSpec(network=CONFIG)
FLOAT32_LOSS = 1e-6


def teacher() -> Denoiser:
    return SPEC.denoiser(SPEC.fresh_network(seed=1))


def batch() -> torch.Tensor:
    return torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(2)) * 2 - 1


def only_fold(settings: SingleFoldSettings, steps: int) -> Fold:
    (fold,) = SingleFold(settings, SPEC).folds(steps)
    return fold


@pytest.mark.parametrize("steps", [1, 3, 16, 100])
def test_student_equal_to_its_teacher_has_zero_loss_and_the_teachers_samples(steps: int) -> None:
    fold = only_fold(SingleFoldSettings(init="teacher", time_input="phi"), steps)
    parent = teacher()
    student = fold.student(parent, seed=0)
    loss = fold.loss(parent, student)(student.network, batch(), moment(0, 0, 6))
    assert loss.item() == 0.0
    noise = [ImageNoise(0, range(4), (1, 8, 8)) for _ in range(2)]
    expected = ddim(parent.respaced(timesteps("trailing", 1024, steps)), noise[0])
    assert torch.equal(SingleFold(SingleFoldSettings(), SPEC).sample(student, steps, noise[1]), expected)


@pytest.mark.parametrize("steps", [128, 8, 1])
def test_reference_loss_equals_one_made_of_the_librarys_classes(steps: int) -> None:
    """mean L1 of outputs + mean L1 of final_res_block's maps, student at t, teacher at c t, one x0 and one eps."""
    options = {"dim": 8, "dim_mults": (1, 2), "channels": 1, "attn_heads": 2, "attn_dim_head": 8}
    torch.manual_seed(0)
    nets = [Unet(**options).eval() for _ in range(2)]
    hidden: list[torch.Tensor] = []
    for net in nets:
        net.final_res_block.register_forward_hook(lambda *args: hidden.append(args[2]))
    library = GaussianDiffusion(nets[0], image_size=8, timesteps=1024, auto_normalize=False)
    c = 1024 // steps
    x0 = batch()
    index, eps = draw_index_and_eps(steps, x0, draws(3, 5, len(x0)))
    x = library.q_sample(x0, c * index, eps)
    outputs = [nets[0](x, c * index), nets[1](x, index)]
    expected = (outputs[0] - outputs[1]).abs().mean() + (hidden[0] - hidden[1]).abs().mean()

    (fold,) = SingleFoldReference(ReferenceSettings(), SPEC).folds(steps)
    parent = SPEC.denoiser(copy_from_library(nets[0], CONFIG))
    student = fold.spec.denoiser(copy_from_library(nets[1], CONFIG))
    ours = fold.loss(parent, student)(student.network, x0, moment(3, 5, len(x0)))
    torch.testing.assert_close(ours, expected, rtol=FLOAT32_LOSS, atol=FLOAT32_LOSS)


def test_reference_student_is_given_t_on_the_zero_based_grid_from_random_weights() -> None:
    (fold,) = SingleFoldReference(ReferenceSettings(), SPEC).folds(8)
    assert fold.spec.indices == tuple(range(0, 1024, 128))
    assert (fold.spec.time_input, fold.init, fold.train.ema) == ("t", "random", 0.0)
    student = fold.student(teacher(), seed=0)
    assert student.time_input.tolist() == list(range(8))
    torch.testing.assert_close(student.alpha_bar, SPEC.denoiser(student.network).alpha_bar[::128], rtol=0, atol=0)


@pytest.mark.parametrize(("name", "value"), [("hidden_weight", 0.0), ("output_weight", 0.0), ("output_loss", "l2")])
def test_each_switch_changes_the_loss_and_the_folds_identity(name: str, value: float | str) -> None:
    plain, changed = only_fold(SingleFoldSettings(), 4), only_fold(SingleFoldSettings(**{name: value}), 4)
    parent = teacher()
    student = plain.student(parent, seed=3)
    losses = [f.loss(parent, student)(student.network, batch(), moment(0, 0, 6)).item() for f in (plain, changed)]
    assert losses[0] != losses[1]
    assert plain.settings != changed.settings


def test_output_and_hidden_terms_add_up() -> None:
    parent = teacher()
    student = only_fold(SingleFoldSettings(), 4).student(parent, seed=3)

    def value(**weights: float) -> float:
        loss = only_fold(SingleFoldSettings(**weights), 4).loss(parent, student)
        return loss(student.network, batch(), moment(0, 0, 6)).item()

    total = value(output_weight=2.0, hidden_weight=0.5)
    assert total == pytest.approx(2 * value(hidden_weight=0.0) + 0.5 * value(output_weight=0.0), rel=1e-5)


def test_a_v_student_of_an_eps_teacher_has_zero_output_loss_when_it_predicts_the_same() -> None:
    parent = teacher()
    fold = only_fold(SingleFoldSettings(prediction="v", hidden_weight=0.0), 16)

    class AsV(torch.nn.Module):
        """The teacher's eps, expressed as v = (eps - sigma x) / alpha."""

        def __init__(self) -> None:
            super().__init__()
            self.network = copy.deepcopy(parent.network)

        def forward(
            self, x: torch.Tensor, t: torch.Tensor, return_hidden: bool = False
        ) -> tuple[torch.Tensor, torch.Tensor]:
            phi = torch.tensor(timesteps("trailing", 1024, 16))[t]
            level = parent.alpha_bar[phi].to(x).view(-1, 1, 1, 1)
            eps, hidden = self.network(x, phi, return_hidden=True)
            return (eps - (1 - level).sqrt() * x) / level.sqrt(), hidden

    student = fold.spec.denoiser(AsV())
    loss = fold.loss(parent, student)(student.network, batch(), moment(0, 0, 6))
    assert loss.item() < 1e-3  # v reaches 2e3 at the last index, in float32


@pytest.mark.parametrize(("steps", "last"), [(100, 990), (128, 1016), (10, 918), (1, 0)])
def test_the_reference_visits_what_the_authors_code_does(steps: int, last: int) -> None:
    """t (T // T'), also where T' does not divide T."""
    phi = SingleFoldReference(ReferenceSettings(), SPEC).timesteps(steps)
    assert phi == [t * (1024 // steps) for t in range(steps)]
    assert phi[-1] == last


def test_a_list_as_loaded_has_the_grids_noise_for_the_student_and_the_lists_for_the_teacher() -> None:
    meant = SingleFoldReference(ReferenceSettings(subsequence="A"), SPEC)
    loaded = SingleFoldReference(ReferenceSettings(subsequence="A", list_reading="as loaded", hidden_weight=0.0), SPEC)
    (fold,), listed = loaded.folds(16), meant.timesteps(16)
    assert (listed, loaded.timesteps(16)) == (timesteps("A", 1024, 16), list(range(0, 1024, 64)))
    assert fold.identity != SingleFoldReference(ReferenceSettings(hidden_weight=0.0), SPEC).folds(16)[0].identity
    parent, x0 = teacher(), batch()
    student = fold.student(parent, seed=3)
    index, eps = draw_index_and_eps(16, x0, draws(0, 0, 6))
    levels = parent.alpha_bar[torch.tensor(listed)][index].view(-1, 1, 1, 1).float()
    asked = parent.network(levels.sqrt() * x0 + (1 - levels).sqrt() * eps, torch.tensor(listed)[index])
    levels = parent.alpha_bar[::64][index].view(-1, 1, 1, 1).float()
    own = student.network(levels.sqrt() * x0 + (1 - levels).sqrt() * eps, index)
    ours = fold.loss(parent, student)(student.network, x0, moment(0, 0, 6))
    torch.testing.assert_close(ours, (own - asked).abs().mean(), rtol=FLOAT32_LOSS, atol=FLOAT32_LOSS)
