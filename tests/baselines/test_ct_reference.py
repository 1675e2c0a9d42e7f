"""ct-reference against a loss made of the authors' library's classes."""

import pytest
import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from helpers.lucidrains_weights import copy_from_library
from helpers.moments import draws, moment

from baselines.ct_reference import CTReference
from baselines.settings import CTReferenceSettings
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import draw_index_and_eps
from sfddm.errors import ParameterError
from sfddm.unet import UNetConfig

FLOAT32_LOSS = 1e-5
OPTIONS = {"dim": 8, "dim_mults": (1, 2), "channels": 1, "attn_heads": 2, "attn_dim_head": 8}
CONFIG = UNetConfig(dim=8, dim_mults=(1, 2), channels=1, heads=2, head_dim=8)
SPEC = DenoiserSpec(network=CONFIG)


@pytest.mark.parametrize(("objective", "prediction"), [("pred_noise", "eps"), ("pred_v", "v")])
def test_adjacent_outputs_are_drawn_together_beside_the_ddpm_loss(objective: str, prediction: str) -> None:
    torch.manual_seed(0)
    library = GaussianDiffusion(
        Unet(**OPTIONS).eval(), timesteps=16, image_size=8, auto_normalize=False, objective=objective
    )
    x0 = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(2)) * 2 - 1
    index, eps = draw_index_and_eps(15, x0, draws(1, 2, 6))
    output = library.model(library.q_sample(x0, index, eps), index)
    beside = library.model(library.q_sample(x0, index + 1, eps), index + 1)
    target = eps if prediction == "eps" else library.predict_v(x0, index, eps)
    squares = ((output - target) ** 2 + (output - beside) ** 2).flatten(1).mean(1)
    expected = (squares * library.loss_weight[index]).mean()

    spec = SPEC.model_copy(update={"prediction": prediction})
    (fold,) = CTReference(CTReferenceSettings(), spec).folds(16)
    ours = fold.spec.denoiser(copy_from_library(library.model, CONFIG))
    loss = fold.loss(ours, ours)(ours.network, x0, moment(1, 2, 6, ours.network))
    torch.testing.assert_close(loss, expected, rtol=FLOAT32_LOSS, atol=FLOAT32_LOSS)
    assert (fold.init, fold.evaluations) == ("random", 4)


def test_one_step_has_no_step_beside_it() -> None:
    with pytest.raises(ParameterError, match=r"^steps: 1 given, 2 or more possible for ct-reference"):
        CTReference(CTReferenceSettings(), SPEC).folds(1)
