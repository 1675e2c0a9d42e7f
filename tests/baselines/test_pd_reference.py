"""The authors' own variants against values computed with denoising-diffusion-pytorch's classes."""

import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from helpers.closed_forms import noise_levels
from helpers.lucidrains_weights import copy_from_library
from helpers.moments import draws, moment

from baselines.pd_reference import PDReference, PDReferenceSettings
from baselines.scratch import Scratch, ScratchSettings
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import draw_index_and_eps
from sfddm.unet import UNetConfig

CONFIG = UNetConfig(dim=8, dim_mults=(1, 2), channels=1)
SPEC = DenoiserSpec(network=CONFIG)
OPTIONS = {"dim": 8, "dim_mults": (1, 2), "channels": 1}
FLOAT32_LOSS = 1e-5


def libraries(steps: int) -> tuple[GaussianDiffusion, GaussianDiffusion]:
    torch.manual_seed(0)
    options = {"image_size": 8, "auto_normalize": False, "objective": "pred_noise"}
    teacher = GaussianDiffusion(Unet(**OPTIONS).eval(), timesteps=1024, **options)
    return teacher, GaussianDiffusion(Unet(**OPTIONS).eval(), timesteps=steps, **options)


def test_pd_reference_matches_eps_at_twice_the_index_on_a_schedule_of_its_own() -> None:
    teacher, student = libraries(512)
    x0 = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(2)) * 2 - 1
    index, eps = draw_index_and_eps(512, x0, draws(1, 2, len(x0)))
    target = teacher.model(teacher.q_sample(x0, 2 * index, eps), 2 * index)
    expected = (student.model(student.q_sample(x0, index, eps), index) - target).square().mean()
    (fold,) = PDReference(PDReferenceSettings(), SPEC).folds(512)
    ours = fold.spec.denoiser(copy_from_library(student.model, CONFIG))
    loss = fold.loss(SPEC.denoiser(copy_from_library(teacher.model, CONFIG)), ours)
    torch.testing.assert_close(
        loss(ours.network, x0, moment(1, 2, len(x0))), expected, rtol=FLOAT32_LOSS, atol=FLOAT32_LOSS
    )


def test_scratch_on_its_own_schedule_has_the_librarys_ddpm_loss() -> None:
    _, library = libraries(16)
    x0 = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(2)) * 2 - 1
    index, eps = draw_index_and_eps(16, x0, draws(1, 2, len(x0)))
    expected = library.p_losses(x0, index, noise=eps)
    (fold,) = Scratch(ScratchSettings(schedule="own"), SPEC).folds(16)
    ours = fold.spec.denoiser(copy_from_library(library.model, CONFIG))
    loss = fold.loss(ours, ours)
    torch.testing.assert_close(
        loss(ours.network, x0, moment(1, 2, len(x0))), expected, rtol=FLOAT32_LOSS, atol=FLOAT32_LOSS
    )


def test_scratch_on_the_teachers_levels_ends_at_the_last_timestep() -> None:
    (fold,) = Scratch(ScratchSettings(), SPEC).folds(8)
    levels = fold.spec.denoiser(torch.nn.Identity()).alpha_bar
    torch.testing.assert_close(levels, noise_levels("sigmoid", 1024)[127::128], rtol=0, atol=0)
    assert fold.init == "random"
