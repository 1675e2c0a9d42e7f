"""A small `UNet2DModel` of diffusers for 8x8 images in grey, and images by diffusers' own pipeline from our latents."""

from pathlib import Path
from unittest import mock

import torch
from diffusers import DDIMPipeline
from torch import Tensor

from sfddm.checkpoint import DenoiserSpec
from sfddm.noise import latents
from sfddm.unet2d import UNet2DConfig

OPTIONS = {
    "in_channels": 1,
    "out_channels": 1,
    "sample_size": 8,
    "layers_per_block": 1,
    "block_out_channels": [8, 16],
    "norm_num_groups": 4,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
}
SHAPE = (1, 8, 8)


def small_teacher(**given: object) -> DenoiserSpec:
    """Return the specification of a teacher with that network; given: its other fields, or options of the network."""
    options = {name: given.pop(name) for name in list(given) if name not in DenoiserSpec.model_fields}
    return DenoiserSpec(network=UNet2DConfig(options=OPTIONS | options), **given)


def images_by_diffusers(folder: Path, n: int, **call: object) -> Tensor:
    """Return float images (n,C,H,W) in [-1, 1] of the pipeline in a folder, from the latents of seed 0."""
    pipeline = DDIMPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    with mock.patch("diffusers.pipelines.ddim.pipeline_ddim.randn_tensor", our_latents):
        images = pipeline(batch_size=n, output_type="np", **call).images  # (n,H,W,C), in [0, 1]
    return torch.from_numpy(images).permute(0, 3, 1, 2) * 2 - 1


def our_latents(shape: tuple[int, ...], **_: object) -> Tensor:
    """Return what diffusers' function of the same parameters would draw, by ours."""
    return latents(0, range(shape[0]), shape[1:])
