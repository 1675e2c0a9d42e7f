"""Checkpoints of denoising-diffusion-pytorch, made by the library itself."""

from pathlib import Path

import pytest
import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from ema_pytorch import EMA
from safetensors.torch import save_file

from sfddm.errors import InputError
from sfddm.imports.lucidrains import check_schedule, load_lucidrains
from sfddm.schedule import alpha_bar_table
from sfddm.unet import UNet

OPTIONS = {"dim": 8, "dim_mults": (1, 2, 4), "channels": 3}


def diffusion(objective: str = "pred_noise", steps: int = 1024, **options: object) -> GaussianDiffusion:
    torch.manual_seed(0)
    return GaussianDiffusion(Unet(**OPTIONS).eval(), image_size=8, timesteps=steps, objective=objective, **options)


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


OBJECTIVES = {"pred_noise": "eps", "pred_x0": "x0", "pred_v": "v"}


def network(**options: object) -> Unet:
    torch.manual_seed(0)
    return Unet(**(OPTIONS | options)).eval()


def assert_same(path: Path, library: Unet) -> None:
    imported = load_lucidrains(path)
    ours = UNet(imported.config)
    ours.load_state_dict(imported.weights)
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([5, 900])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t), library(x, t), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("schedule", ["sigmoid", "linear", "cosine"])
@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("timesteps", [64, 1000])
def test_the_files_loss_weight_tells_the_objective_and_its_tables_the_schedule(
    objective: str, clipped: bool, schedule: str, timesteps: int, tmp_path: Path
) -> None:
    library = diffusion(objective, beta_schedule=schedule, min_snr_loss_weight=clipped, steps=timesteps)
    imported = load_lucidrains(save(library.state_dict(), tmp_path))
    assert imported.prediction == OBJECTIVES[objective]
    assert imported.schedule == schedule
    assert imported.alpha_bar is not None
    assert len(imported.alpha_bar) == timesteps


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("schedule", ["sigmoid", "linear", "cosine"])
def test_half_precision_files_still_tell_it(objective: str, dtype: torch.dtype, schedule: str, tmp_path: Path) -> None:
    library = diffusion(objective, beta_schedule=schedule).to(dtype)
    path = save(library.state_dict(), tmp_path)
    imported = load_lucidrains(path)
    assert (imported.prediction, imported.schedule) == (OBJECTIVES[objective], schedule)
    assert imported.precision == str(dtype).removeprefix("torch.")
    assert_same(path, library.model.float())


def test_a_bare_network_does_not_tell_its_objective(tmp_path: Path) -> None:
    imported = load_lucidrains(save(network().state_dict(), tmp_path))
    assert (imported.prediction, imported.schedule, imported.alpha_bar) == (None, None, None)


def test_a_loss_weight_of_no_objective_or_of_several_is_refused(tmp_path: Path) -> None:
    state = diffusion().state_dict()
    count = len(state["betas"])
    cases = [
        (state | {"loss_weight": torch.linspace(1, 2, count)}, "'loss_weight' is that of no objective"),
        (state | {"loss_weight": torch.ones(3)}, "'loss_weight' has 3 numbers"),
        (state | {"loss_weight": torch.full((count,), torch.nan)}, "'loss_weight' has values outside"),
        (state | {"alphas_cumprod": state["alphas_cumprod"] ** 2}, "'betas' and 'alphas_cumprod' given"),
        (diffusion("pred_v", steps=1).state_dict(), "'loss_weight' fits eps and x0 and v"),
        ({key: state[key] for key in state if key not in ("betas", "alphas_cumprod")}, "says nothing without"),
    ]
    for content, message in cases:
        with pytest.raises(InputError, match=message):
            load_lucidrains(save(content, tmp_path))


@pytest.mark.parametrize(
    "options",
    [
        {"attn_heads": 2, "attn_dim_head": 16},
        {"full_attn": (True, False, True)},
        {"dim_mults": (1, 3)},
        {"flash_attn": True},
        {"dim": 16, "dim_mults": (2,)},
    ],
)
def test_each_option_that_shapes_tell_is_read(options: dict, tmp_path: Path) -> None:
    library = network(**options)
    assert_same(save(library.state_dict(), tmp_path), network(**(options | {"flash_attn": False})))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"self_condition": True}, "self_condition"),
        ({"learned_variance": True}, "learned_variance"),
        ({"out_dim": 5}, "out_dim"),
        ({"init_dim": 16}, "init_dim"),
        ({"learned_sinusoidal_cond": True}, "learned_sinusoidal_cond"),
        ({"random_fourier_features": True}, "random_fourier_features"),
        ({"attn_heads": (4, 2, 4)}, "attn_heads"),
        ({"attn_dim_head": (32, 16, 32)}, "attn_dim_head"),
        ({"dim": 12, "resnet_block_groups": 4}, "dim 12"),
    ],
)
def test_what_our_network_is_not_is_refused_by_the_librarys_option(options: dict, named: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=named) as caught:
        load_lucidrains(save(network(**options).state_dict(), tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "model._orig_mod.", "net."])
def test_prefixes_of_wrappers_are_taken_off(prefix: str, tmp_path: Path) -> None:
    assert_same(save(with_prefix(prefix, network().state_dict()), tmp_path), network())


@pytest.mark.parametrize("outer", ["state_dict", "model_state_dict", "model", "ema", "network"])
def test_nested_state_dicts_are_found_with_their_tables(outer: str, tmp_path: Path) -> None:
    path = save({outer: with_prefix("module.", LIBRARY.state_dict()), "epoch": 3}, tmp_path)
    assert_same(path, LIBRARY.model)
    assert load_lucidrains(path).prediction == "eps"


def test_a_safetensors_file_is_read_as_well(tmp_path: Path) -> None:
    save_file(network().state_dict(), tmp_path / "model.safetensors")
    assert_same(tmp_path / "model.safetensors", network())


def test_the_trainers_own_file_gives_its_average_and_its_step(tmp_path: Path) -> None:
    library = diffusion("pred_v")
    average = EMA(library, update_every=1)
    with torch.no_grad():
        library.model.init_conv.weight.zero_()
    optimizer = torch.optim.Adam(library.parameters())
    library.model(torch.randn(1, 3, 8, 8), torch.tensor([3])).sum().backward()
    optimizer.step()
    content = {"step": 3, "model": library.state_dict(), "opt": optimizer.state_dict(), "version": "1.9.4"}
    average.initted.fill_(True)
    path = save(content | {"ema": average.state_dict(), "scaler": None}, tmp_path)
    imported = load_lucidrains(path)
    assert (imported.origin, imported.step, imported.prediction) == ("EMA", 3, "v")
    assert_same(path, average.ema_model.model)
    average.initted.fill_(False)  # an average that has seen no step is the network as it was initialised
    imported = load_lucidrains(save(content | {"ema": average.state_dict()}, tmp_path))
    assert imported.origin == "raw weights"
    assert torch.equal(imported.weights["stem.weight"], library.model.init_conv.weight.detach())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((3, 8, 1, 1), torch.inf), "'final_conv.weight' holds NaN or infinity"),
        (torch.zeros(3, 8, 1, 1, dtype=torch.int64), "'final_conv.weight' is of int64"),
        (torch.zeros(3, 8, 1, 1).to_sparse(), "'final_conv.weight' is no plain tensor"),
        (torch.zeros(1).expand(3, 8, 1, 1), "'final_conv.weight' has fewer numbers in the file"),
        (torch.empty(3, 8, 1, 1, device="meta"), "'final_conv.weight' is no plain tensor"),
        (torch.zeros(3, 8, 1), "'final_conv.weight' has shape"),
        ("weight", "'final_conv.weight' is missing"),
    ],
)
def test_weights_that_are_none_are_refused_by_the_tensors_name(value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_lucidrains(save(network().state_dict() | {"final_conv.weight": value}, tmp_path))
