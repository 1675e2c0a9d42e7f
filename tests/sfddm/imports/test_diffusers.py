"""Checkpoint folders of diffusers, saved by diffusers itself."""

from pathlib import Path

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from torch import nn

from sfddm.checkpoint import load_denoiser, save_denoiser
from sfddm.errors import InputError
from sfddm.imports.diffusers import load_diffusers

FLOAT32_TABLE = 1e-6


def model() -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=8,
        in_channels=3,
        out_channels=3,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    ).eval()


def saved(folder: Path, layout: str, safetensors: bool = True) -> Path:
    if layout == "pipeline":
        DDPMPipeline(model(), DDPMScheduler()).save_pretrained(folder, safe_serialization=safetensors)
    else:
        model().save_pretrained(folder, safe_serialization=safetensors)
        DDPMScheduler().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("layout", ["pipeline", "model"])
@pytest.mark.parametrize("safetensors", [True, False])
def test_output_equals_diffusers_and_the_hidden_map_leads_to_it(layout: str, safetensors: bool, tmp_path: Path) -> None:
    network, spec = load_diffusers(saved(tmp_path, layout, safetensors))
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([7, 800])
    with torch.no_grad():
        expected = model()(x, t).sample
        output, hidden = network(x, t, return_hidden=True)
        torch.testing.assert_close(network(x, t), expected, rtol=0, atol=0)
        torch.testing.assert_close(output, expected, rtol=0, atol=0)
        head = network.head
        assert isinstance(head, nn.Module)
        torch.testing.assert_close(head(hidden), expected, rtol=0, atol=0)
    assert (spec.prediction, spec.schedule, spec.timesteps) == ("eps", "linear", 1000)
    alpha_bar = spec.denoiser(network).alpha_bar
    torch.testing.assert_close(alpha_bar, DDPMScheduler().alphas_cumprod.double(), rtol=0, atol=FLOAT32_TABLE)


def test_it_survives_our_own_file(tmp_path: Path) -> None:
    network, spec = load_diffusers(saved(tmp_path, "model"))
    save_denoiser(tmp_path / "teacher.safetensors", network, spec)
    denoiser, again = load_denoiser(tmp_path / "teacher.safetensors")
    x, index = torch.randn(2, 3, 8, 8), torch.tensor([7, 800])
    assert again == spec
    with torch.no_grad():
        assert torch.equal(denoiser.raw(x, index), network(x, index))


def test_wrong_folders_are_named_in_one_line(tmp_path: Path) -> None:
    folder = saved(tmp_path / "good", "model")
    cases: list[tuple[Path, str]] = [(tmp_path, "config.json: not readable")]
    for name, old, new, message in [
        ("schedule", '"beta_schedule": "linear"', '"beta_schedule": "scaled_linear"', "schedule scaled_linear"),
        ("ends", '"beta_end": 0.02', '"beta_end": 0.012', "schedule linear 0.0001..0.012"),
    ]:
        other = saved(tmp_path / name, "model")
        path = other / "scheduler_config.json"
        path.write_text(path.read_text().replace(old, new))
        cases.append((other, message))
    wide = saved(tmp_path / "wide", "model")
    config = wide / "config.json"
    config.write_text(config.read_text().replace('"layers_per_block": 1', '"layers_per_block": 2'))
    cases.append((wide, "is missing in its weights"))
    cut = saved(tmp_path / "cut", "model")
    weights = cut / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    cases.append((cut, "not readable"))
    for path, message in cases:
        with pytest.raises(InputError, match=message) as caught:
            load_diffusers(path)
        assert "\n" not in str(caught.value)
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(InputError, match="no weights there"):
        load_diffusers(folder)
