"""Checkpoints of denoising-diffusion-pytorch, made by the library itself."""

from pathlib import Path

import pytest
import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet

from sfddm.errors import InputError
from sfddm.imports.lucidrains import check_schedule, load_lucidrains
from sfddm.schedule import alpha_bar_table
from sfddm.unet import UNet

OPTIONS = {"dim": 8, "dim_mults": (1, 2, 4), "channels": 3}


def diffusion(objective: str = "pred_noise", **options: object) -> GaussianDiffusion:
    torch.manual_seed(0)
    return GaussianDiffusion(Unet(**OPTIONS).eval(), image_size=8, timesteps=1024, objective=objective, **options)


def save(state: object, folder: Path, name: str = "diffusion_Cifar10_32x32_1024_pnoise_epoch_50.pth") -> Path:
    torch.save(state, folder / name)
    return folder / name


def with_prefix(prefix: str, state: dict) -> dict:
    return {prefix + key: value for key, value in state.items()}


LIBRARY = diffusion()
ZEROS = with_prefix("model.", {key: torch.zeros_like(value) for key, value in LIBRARY.model.state_dict().items()})
FORMS = {
    "bare U-Net": (LIBRARY.model.state_dict(), "weights", False),
    "diffusion with the authors' buffers": (LIBRARY.state_dict(), "weights", True),
    "trainer": ({"step": 3, "model": LIBRARY.state_dict()}, "raw weights", True),
    "trainer with EMA": ({"model": ZEROS, "ema": with_prefix("ema_model.", LIBRARY.state_dict())}, "EMA", True),
    "data parallel": (with_prefix("module.", LIBRARY.state_dict()), "weights", True),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_librarys_own_output(form: str, tmp_path: Path) -> None:
    state, origin, has_table = FORMS[form]
    imported = load_lucidrains(save(state, tmp_path))
    assert imported.origin == origin
    assert (imported.config.dim, imported.config.dim_mults, imported.config.channels) == (8, (1, 2, 4), 3)
    network = UNet(imported.config)
    network.load_state_dict(imported.weights)
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([5, 900])
    with torch.no_grad():
        torch.testing.assert_close(network(x, t), LIBRARY.model(x, t), rtol=1e-4, atol=1e-5)
    assert (imported.alpha_bar is not None) == has_table
    if imported.alpha_bar is not None:
        check_schedule(imported.alpha_bar, alpha_bar_table("sigmoid", 1024), tmp_path)


def test_another_schedule_is_named_with_the_difference(tmp_path: Path) -> None:
    path = save(diffusion(beta_schedule="cosine").state_dict(), tmp_path)
    found = load_lucidrains(path).alpha_bar
    assert found is not None
    with pytest.raises(InputError, match=r"pth: its alpha_bar differs .* first at timestep"):
        check_schedule(found, alpha_bar_table("sigmoid", 1024), path)
    with pytest.raises(InputError, match="T = 1024, the expected schedule has T = 1000"):
        check_schedule(found, alpha_bar_table("sigmoid", 1000), path)


def test_wrong_files_are_named_in_one_line(tmp_path: Path) -> None:
    good = LIBRARY.model.state_dict()
    missing = {key: value for key, value in good.items() if key != "mid_block1.block1.proj.weight"}
    misshapen = good | {"mid_block1.block1.proj.weight": torch.zeros(1)}
    text = tmp_path / "text.pth"
    text.write_text("not a checkpoint")
    cases = [
        (save(missing, tmp_path, "a.pth"), "middle_first.first.conv.weight"),
        (save(misshapen, tmp_path, "b.pth"), r"'mid_block1.block1.proj.weight' has shape \(1,\)"),
        (save(good | {"mid_extra.weight": torch.zeros(1)}, tmp_path, "c.pth"), "unexpected key 'mid_extra.weight'"),
        (save({"weights": torch.zeros(1)}, tmp_path, "d.pth"), "no 'init_conv.weight'"),
        (save([1, 2], tmp_path, "e.pth"), "holds a list"),
        (text, "not a readable state dict"),
        (tmp_path / "absent.pth", "not a readable state dict"),
    ]
    for path, message in cases:
        with pytest.raises(InputError, match=message) as caught:
            load_lucidrains(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable state dict"):
        load_lucidrains(save({"model": LIBRARY}, tmp_path))
