"""Distillation of diffusion models to few steps: SFDDM (Hong et al., ECML PKDD 2025) and the diffusion core it needs.

A teacher of your own images, a student distilled from it in one fold, and images in 4 steps:

    import torch
    from sfddm import DenoiserSpec, ImageNoise, SingleFold, Training, TrainSettings, UNetConfig
    from sfddm import ddpm_loss, to_uint8, train

    pixels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8)  # your images, (N,C,H,W)
    spec = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=1), timesteps=64)
    teacher = spec.denoiser(spec.fresh_network(seed=0))
    train(Training(teacher.network, TrainSettings(iterations=20), seed=0), ddpm_loss(teacher), pixels, "cpu")
    method = SingleFold(SingleFold.Settings(iterations=20), spec)
    (fold,) = method.folds(steps=4)
    student = fold.student(teacher, seed=0)
    train(Training(student.network, fold.train, seed=0), fold.loss(teacher, student), pixels, "cpu")
    images = to_uint8(method.sample(student, 4, ImageNoise(0, range(16), (1, 8, 8))))  # uint8 (16, 1, 8, 8)

`save_denoiser(path, network, spec)` and `load_denoiser(path)` keep a denoiser on disk; `load(path)` gives what samples
it right, from such a file, an exported one, or a run of the suite. A method of your own subclasses
`Method`. What is exported here is imported when it is first used, so that `sfddm.errors`, `sfddm.grids`,
`sfddm.schedule` and `sfddm.words` can be imported without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sfddm.checkpoint import DenoiserSpec, load_denoiser, save_denoiser
    from sfddm.ddpm import ddpm_loss
    from sfddm.denoiser import Denoiser
    from sfddm.errors import InputError, NonFiniteLoss, ParameterError
    from sfddm.grids import timesteps
    from sfddm.image_model import ImageModel, Sampling
    from sfddm.loading import load
    from sfddm.method import Fold, Method, MethodSettings
    from sfddm.noise import ImageNoise, latents
    from sfddm.performance import Performance
    from sfddm.sampler import (
        AncestralSampler,
        DDIMSampler,
        Sampler,
        ancestral,
        ddim,
        from_uint8,
        to_uint8,
    )
    from sfddm.schedule import alpha_bar_table
    from sfddm.single_fold import SingleFold, SingleFoldReference
    from sfddm.training import Training, TrainSettings, train
    from sfddm.trajectory import Trajectory
    from sfddm.unet import UNet, UNetConfig

MODULES = {  # of each public name
    # model
    "DenoiserSpec": "checkpoint",
    "load_denoiser": "checkpoint",
    "save_denoiser": "checkpoint",
    "Denoiser": "denoiser",
    "ImageModel": "image_model",
    "Sampling": "image_model",
    "load": "loading",
    "UNet": "unet",
    "UNetConfig": "unet",
    "alpha_bar_table": "schedule",
    "timesteps": "grids",
    # training
    "Training": "training",
    "TrainSettings": "training",
    "train": "training",
    "ddpm_loss": "ddpm",
    "Performance": "performance",
    # methods
    "Method": "method",
    "MethodSettings": "method",
    "Fold": "method",
    "SingleFold": "single_fold",
    "SingleFoldReference": "single_fold",
    "Trajectory": "trajectory",
    # sampling
    "ImageNoise": "noise",
    "latents": "noise",
    "Sampler": "sampler",
    "DDIMSampler": "sampler",
    "AncestralSampler": "sampler",
    "ddim": "sampler",
    "ancestral": "sampler",
    "to_uint8": "sampler",
    "from_uint8": "sampler",
    # errors
    "InputError": "errors",
    "ParameterError": "errors",
    "NonFiniteLoss": "errors",
}

__all__ = [
    "AncestralSampler",
    "DDIMSampler",
    "Denoiser",
    "DenoiserSpec",
    "Fold",
    "ImageModel",
    "ImageNoise",
    "InputError",
    "Method",
    "MethodSettings",
    "NonFiniteLoss",
    "ParameterError",
    "Performance",
    "Sampler",
    "Sampling",
    "SingleFold",
    "SingleFoldReference",
    "TrainSettings",
    "Training",
    "Trajectory",
    "UNet",
    "UNetConfig",
    "alpha_bar_table",
    "ancestral",
    "ddim",
    "ddpm_loss",
    "from_uint8",
    "latents",
    "load",
    "load_denoiser",
    "save_denoiser",
    "timesteps",
    "to_uint8",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module 'sfddm' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"sfddm.{MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
