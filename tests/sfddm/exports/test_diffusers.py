"""Models written for diffusers, loaded and sampled by diffusers itself: the same images from the same latents."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, DiffusionPipeline, UNet2DModel
from helpers.small_unet2d import SHAPE, images_by_diffusers, small_teacher
from torch import Tensor

from baselines.ddim import DDIM
from baselines.pd import ProgressiveDistillation
from sfddm.checkpoint import DenoiserSpec
from sfddm.dpm_solver import DPMSolverSampler
from sfddm.errors import ParameterError
from sfddm.exports import diffusers
from sfddm.exports.diffusers import betas, substeps_of, write_diffusers
from sfddm.image_model import ImageModel, Sampling
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.sampler import AncestralSampler, DDIMSampler, Sampler
from sfddm.schedule import alpha_bar_table
from sfddm.single_fold import SingleFold
from sfddm.unet import UNetConfig

EQUAL = 1e-5
ROUNDING = 2.0**-24  # of float32, relative
IMAGES = 4
TIMESTEPS = 12
METHODS = {
    "sfddm": (SingleFold, {}),
    "sfddm, told the teacher's timestep": (SingleFold, {"time_input": "phi"}),
    "sfddm, of v": (SingleFold, {"prediction": "v"}),
    "pd": (ProgressiveDistillation, {}),
    "pd, of x0": (ProgressiveDistillation, {"prediction": "x0"}),
    "ddim": (DDIM, {}),
    "ddim, without clipping": (DDIM, {"clip": "none"}),
}


def made(spec: DenoiserSpec, visits: object = "all", sampler: Sampler | None = None) -> ImageModel:
    """Return a model with random weights."""
    sampling = Sampling(shape=SHAPE, visits=visits, sampler=(sampler or DDIMSampler()).describe())
    return ImageModel.of("mine", spec.denoiser(spec.fresh_network(1).eval()), spec, sampling)


def model_of(method: Method, steps: int) -> ImageModel:
    """Return the untrained model of a method at a step count, as a run has it."""
    folds = method.folds(steps)
    spec, visits = (folds[-1].spec, "all") if folds else (method.teacher, tuple(method.timesteps(steps)))
    return made(spec, visits, method.sampler)


def our_images(model: ImageModel) -> Tensor:
    return model.sampler(model.at(), ImageNoise(0, range(IMAGES), SHAPE)).clamp(-1, 1)


def assert_equal_images(model: ImageModel, folder: Path) -> None:
    """Compare images of float32. x0 from eps is a difference of numbers up to 4 over alpha, and so is its rounding."""
    write_diffusers(model, folder)
    denoiser, clip = model.at(), model.sampler.describe()["clip"] == "x0"
    theirs = images_by_diffusers(folder, IMAGES, num_inference_steps=len(denoiser), use_clipped_model_output=clip)
    noisiest = denoiser.alpha_bar[-1].sqrt().item()
    tolerance = max(EQUAL, 4 * ROUNDING / noisiest) if denoiser.prediction == "eps" else EQUAL
    ours = our_images(model)
    assert ours.std() > 0.1
    torch.testing.assert_close(theirs, ours, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", METHODS)
def test_every_step_count_makes_the_same_images(name: str, tmp_path: Path) -> None:
    kind, settings = METHODS[name]
    method = kind(kind.Settings(**settings), small_teacher(timesteps=TIMESTEPS))
    for steps in range(1, TIMESTEPS + 1):
        assert_equal_images(model_of(method, steps), tmp_path / str(steps))


@pytest.mark.parametrize("schedule", ["sigmoid", "linear", "cosine"])
@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_every_schedule_and_prediction_makes_the_same_images(schedule: str, prediction: str, tmp_path: Path) -> None:
    """T = 1000, which 3 and 16 do not divide."""
    teacher = small_teacher(schedule=schedule, timesteps=1000, prediction=prediction)
    method = SingleFold(SingleFold.Settings(time_input="phi"), teacher)
    for steps in (1, 3, 16):
        assert_equal_images(model_of(method, steps), tmp_path / str(steps))


@pytest.mark.parametrize("subsequence", ["leading", "quad", [0, 1, 7, 30, 31, 62]])
def test_every_grid_makes_the_same_images(subsequence: object, tmp_path: Path) -> None:
    settings = SingleFold.Settings(subsequence=subsequence, time_input="phi")
    assert_equal_images(model_of(SingleFold(settings, small_teacher(timesteps=64)), 6), tmp_path)


@pytest.mark.parametrize("clip", ["none", "x0"])
def test_images_from_eps_are_the_same_where_nothing_saturates(clip: str, tmp_path: Path) -> None:
    """From its noisiest levels, an untrained eps leads to black and white alone."""
    settings = DDIM.Settings(grid=[0, 1, 5, 9, 15, 20], clip=clip)
    model = model_of(DDIM(settings, small_teacher(timesteps=64)), 6)
    assert (our_images(model).abs() < 1).float().mean() > 0.3
    assert_equal_images(model, tmp_path)


def test_a_learned_time_stays_what_it_was(tmp_path: Path) -> None:
    teacher = small_teacher(timesteps=64, prediction="v", time_embedding_type="learned", num_train_timesteps=64)
    assert_equal_images(made(teacher, (5, 20, 63)), tmp_path)


@pytest.mark.parametrize("schedule", ["sigmoid", "linear", "cosine"])
@pytest.mark.parametrize("steps", [1, 4, 10, 1024])
def test_the_schedule_that_diffusers_makes_of_it_is_ours(schedule: str, steps: int) -> None:
    method = DDIM(DDIM.Settings(), small_teacher(timesteps=1024))
    alpha_bar = torch.from_numpy(alpha_bar_table(schedule, 1024))[method.timesteps(steps)]
    found = betas(alpha_bar, substeps := substeps_of(alpha_bar))
    scheduler = DDIMScheduler(len(found), trained_betas=found, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    indices = scheduler.timesteps.flip(0)
    assert indices.tolist() == [substeps * (index + 1) - 1 for index in range(steps)]
    torch.testing.assert_close(scheduler.alphas_cumprod[indices].double(), alpha_bar, rtol=4 * ROUNDING, atol=0)


def test_the_folder_is_a_pipeline_and_a_network_of_diffusers(tmp_path: Path) -> None:
    model = made(small_teacher(timesteps=8, schedule="linear"), "any")
    write_diffusers(model, tmp_path, steps=2)
    assert type(DiffusionPipeline.from_pretrained(tmp_path)).__name__ == "DDIMPipeline"
    network, told = UNet2DModel.from_pretrained(tmp_path, subfolder="unet", output_loading_info=True)
    assert not any(told.values())  # no key is missing, none is left over
    assert network.config.sample_size == 8
    assert json.loads((tmp_path / "unet" / "config.json").read_text())["time_embedding_type"] == "learned"


def test_without_the_clipped_output_the_images_are_others(tmp_path: Path) -> None:
    """So the card has to say it."""
    model = made(small_teacher(timesteps=8, schedule="linear"), (1, 3, 5, 7))
    write_diffusers(model, tmp_path)
    theirs = images_by_diffusers(tmp_path, IMAGES, num_inference_steps=4)
    assert (theirs - our_images(model)).abs().max() > 0.1


OWN = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=1), timesteps=8)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (made(small_teacher(timesteps=8), sampler=AncestralSampler()), "is sampled by ancestral, and a DDIMPipeline"),
        (made(small_teacher(timesteps=8), sampler=DPMSolverSampler()), "is sampled by dpm-solver++(2m), and a DDIM"),
        (made(small_teacher(timesteps=8), sampler=DDIMSampler(eta=0.5)), "is sampled with eta 0.5, and a DDIMPipeline"),
        (made(OWN), "has this suite's own U-Net, which diffusers loads only with trust_remote_code"),
    ],
)
def test_what_diffusers_cannot_do_is_refused_in_one_line(model: ImageModel, said: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError) as error:
        write_diffusers(model, tmp_path / "out")
    assert str(error.value).startswith(f"format: 'diffusers' given, but the model {said}")
    assert str(error.value).endswith("; possible: safetensors")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_more_timesteps_than_a_scheduler_may_have_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusers, "LONGEST", 20)
    with pytest.raises(ParameterError, match=r"^steps: 8 given, .* \d+ timesteps in diffusers, 20 are possible"):
        write_diffusers(made(small_teacher(timesteps=8)), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
