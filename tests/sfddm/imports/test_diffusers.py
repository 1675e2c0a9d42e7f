"""Checkpoint folders of diffusers, saved by diffusers itself."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sfddm.checkpoint import load_denoiser, save_denoiser
from sfddm.errors import InputError
from sfddm.imports.diffusers import load_diffusers, read_diffusers
from sfddm.unet2d import FIELDS

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
    cases.append((cut, "not a readable safetensors file"))
    for path, message in cases:
        with pytest.raises(InputError, match=message) as caught:
            load_diffusers(path)
        assert "\n" not in str(caught.value)
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(InputError, match="no weights there"):
        load_diffusers(folder)


WEIGHTS = "diffusion_pytorch_model.safetensors"
BINARY = "diffusion_pytorch_model.bin"


def rewritten(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    saved(folder, "model")
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)
    return folder


def configured(folder: Path, **fields: object) -> Path:
    saved(folder, "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))
    return folder


def nested(folder: Path, content: object) -> Path:
    saved(folder, "model")
    (folder / WEIGHTS).unlink()
    torch.save(content, folder / BINARY)
    return folder


def assert_same(network: nn.Module, expected: nn.Module) -> None:
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([7, 800])
    with torch.no_grad():
        torch.testing.assert_close(network(x, t), expected(x, t).sample, rtol=0, atol=0)


def old_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights as releases before 0.17 named them; checked below against what diffusers itself reads."""
    pairs = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    for new, old in pairs.items():
        weights = {key.replace(new, old): value for key, value in weights.items()}
    return weights


def test_attention_names_before_0_17_are_read_as_diffusers_reads_them(tmp_path: Path) -> None:
    folder = rewritten(tmp_path, old_names)
    assert any(".proj_attn." in key for key in load_file(folder / WEIGHTS))
    assert_same(load_diffusers(folder)[0], UNet2DModel.from_pretrained(folder).eval())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "unet."])
def test_prefixes_of_wrappers_are_taken_off(prefix: str, tmp_path: Path) -> None:
    folder = rewritten(tmp_path, lambda weights: {prefix + key: value for key, value in weights.items()})
    assert_same(load_diffusers(folder)[0], model())


@pytest.mark.parametrize(
    "outer", [("state_dict",), ("model_state_dict",), ("model",), ("ema",), ("checkpoint", "state_dict")]
)
def test_nested_state_dicts_are_found(outer: tuple[str, ...], tmp_path: Path) -> None:
    content: dict = dict(model().state_dict())
    for key in reversed(outer):
        content = {key: content, "epoch": 3}
    assert_same(load_diffusers(nested(tmp_path, content))[0], model())


def test_an_average_is_preferred_to_the_raw_weights_and_two_networks_alike_are_refused(tmp_path: Path) -> None:
    good = dict(model().state_dict())
    zeros = {key: torch.zeros_like(value) for key, value in good.items()}
    imported = read_diffusers(nested(tmp_path / "both", {"model": zeros, "ema": good}))
    assert imported.origin == "EMA"
    assert_same(imported.network, model())
    with pytest.raises(InputError, match=r"several networks.*first\.conv_in\.weight.*second\.conv_in\.weight"):
        load_diffusers(nested(tmp_path / "two", {"first": good, "second": zeros}))
    with pytest.raises(InputError, match=r"unexpected key 'vae\.weight' beside"):
        load_diffusers(nested(tmp_path / "beside", {"unet": good, "vae": {"weight": torch.zeros(1)}}))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("variant", [None, "fp16"])
def test_half_precision_is_read_as_diffusers_reads_it(dtype: torch.dtype, variant: str | None, tmp_path: Path) -> None:
    model().to(dtype).save_pretrained(tmp_path, variant=variant)
    DDPMScheduler().save_pretrained(tmp_path)
    imported = read_diffusers(tmp_path)
    assert imported.precision == str(dtype).removeprefix("torch.")
    expected = UNet2DModel.from_pretrained(tmp_path, variant=variant, torch_dtype=torch.float32).eval()
    assert_same(imported.network, expected)


@pytest.mark.parametrize("safetensors", [True, False])
@pytest.mark.parametrize("variant", [None, "fp16"])
def test_parts_are_put_together(safetensors: bool, variant: str | None, tmp_path: Path) -> None:
    model().save_pretrained(tmp_path, max_shard_size="8KB", safe_serialization=safetensors, variant=variant)
    assert len(list(tmp_path.glob("*-of-*"))) > 2
    assert_same(load_diffusers(tmp_path)[0], model())


def test_parts_that_are_missing_or_elsewhere_are_named(tmp_path: Path) -> None:
    model().save_pretrained(tmp_path, max_shard_size="8KB")
    index = tmp_path / f"{WEIGHTS}.index.json"
    content = json.loads(index.read_text())
    part = tmp_path / content["weight_map"]["conv_in.weight"]
    kept = part.read_bytes()
    part.unlink()
    with pytest.raises(InputError, match=f"{part.name}.*no such file"):
        load_diffusers(tmp_path)
    part.write_bytes(kept)
    for places, message in [
        (content["weight_map"] | {"conv_in.weight": "../elsewhere.safetensors"}, "weight_map: '../elsewhere"),
        (content["weight_map"] | {"extra": part.name}, "key 'extra' is in none of its files"),
        ({"conv_in.weight": 3}, "weight_map"),
        ([], "weight_map"),
    ]:
        index.write_text(json.dumps({"weight_map": places}))
        with pytest.raises(InputError, match=message):
            load_diffusers(tmp_path)


def test_the_tables_know_each_field_of_the_network_and_its_default() -> None:
    signature = inspect.signature(UNet2DModel.__init__).parameters
    fields = {name: value.default for name, value in signature.items() if name != "self"}
    assert fields.keys() == FIELDS.keys()
    assert [name for name, default in fields.items() if not FIELDS[name][1](default)] == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"num_class_embeds": 10}, "num_class_embeds"),
        ({"class_embed_type": "timestep"}, "class_embed_type"),
        ({"class_embed_type": "identity"}, "class_embed_type"),
        ({"out_channels": 6}, "out_channels"),
        ({"center_input_sample": True}, "center_input_sample"),
        ({"time_embedding_type": "fourier"}, "time_embedding_type"),
        ({"time_embedding_type": "learned"}, "num_train_timesteps"),
        ({"time_embedding_type": "learned", "num_train_timesteps": 100}, "num_train_timesteps 100"),
        ({"down_block_types": ["SkipDownBlock2D", "AttnSkipDownBlock2D"]}, "down_block_types"),
        ({"up_block_types": ["AttnSkipUpBlock2D", "SkipUpBlock2D"]}, "up_block_types"),
        ({"down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"]}, "down_block_types"),
        ({"block_out_channels": [8, 10**9]}, "block_out_channels"),
        ({"block_out_channels": [60000, 60000]}, "conv_in.weight"),  # as large as this: compared before memory is taken
        ({"block_out_channels": [8]}, "UNet2DModel"),
        ({"layers_per_block": 10**6}, "layers_per_block"),
        ({"attention_head_dim": 64}, "UNet2DModel|images"),  # no head is left
        ({"norm_num_groups": 3}, "UNet2DModel"),
        ({"norm_eps": float("nan")}, "norm_eps"),
        ({"in_channels": "3"}, "in_channels"),
        ({"in_channels": True}, "in_channels"),
        ({"encoder_hid_dim": 4}, "encoder_hid_dim"),
        ({"a_field_to_come": False}, "a_field_to_come"),
        ({"_class_name": "UNet2DConditionModel"}, "_class_name"),
    ],
)
def test_what_our_network_is_not_is_refused_by_its_field(fields: dict, named: str, tmp_path: Path) -> None:
    folder = configured(tmp_path, **fields)
    with pytest.raises(InputError, match=named) as caught:
        load_diffusers(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"flip_sin_to_cos": False, "freq_shift": 1, "downsample_padding": 0, "norm_eps": 1e-6},  # as google/ddpm-*
        {"attention_head_dim": None},
        {"resnet_time_scale_shift": "scale_shift", "act_fn": "mish", "dropout": 0.1},
        {"time_embedding_type": "learned", "num_train_timesteps": 1000, "time_embedding_dim": 24},
        {"downsample_type": "resnet", "upsample_type": "resnet", "mid_block_scale_factor": 1.4},
        {"add_attention": False, "mid_block_type": None},
        {
            "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "ResnetUpsampleBlock2D"),
        },
    ],
)
def test_each_field_that_makes_another_network_makes_it_here(options: dict, tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = UNet2DModel(**(dict(model().config) | options)).eval()
    expected.save_pretrained(tmp_path)
    DDPMScheduler().save_pretrained(tmp_path)
    network = load_diffusers(tmp_path)[0]
    assert_same(network, expected)
    x, t = torch.randn(1, 3, 8, 8), torch.tensor([7])
    with torch.no_grad():
        output, hidden = network(x, t, return_hidden=True)
        torch.testing.assert_close(network.head(hidden), output, rtol=0, atol=0)


def test_a_folder_inside_a_pipeline_is_read_with_the_pipelines_scheduler(tmp_path: Path) -> None:
    DDPMPipeline(model(), DDPMScheduler(prediction_type="v_prediction")).save_pretrained(tmp_path)
    assert load_diffusers(tmp_path / "unet")[1].prediction == "v"


def test_a_pipeline_with_a_decoder_is_no_model_of_images(tmp_path: Path) -> None:
    saved(tmp_path, "pipeline")
    path = tmp_path / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"vqvae": ["diffusers", "VQModel"]}))
    with pytest.raises(InputError, match=r"model_index\.json: 'vqvae' given"):
        load_diffusers(tmp_path)


def test_an_averaged_model_has_fields_of_its_averaging(tmp_path: Path) -> None:
    folder = configured(tmp_path, decay=0.9999, optimization_step=100, use_ema_warmup=True, power=0.75, inv_gamma=1.0)
    assert_same(load_diffusers(folder)[0], model())


def test_without_a_scheduler_the_published_models_schedule_is_assumed_and_said(tmp_path: Path) -> None:
    model().save_pretrained(tmp_path)
    imported = read_diffusers(tmp_path)
    assert imported.assumed
    assert (imported.spec.schedule, imported.spec.timesteps, imported.spec.prediction) == ("linear", 1000, "eps")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((8, 3, 3, 3), torch.nan), "'conv_in.weight' holds NaN or infinity"),
        (torch.full((8, 3, 3, 3), 1e300, dtype=torch.float64), "'conv_in.weight' holds NaN or infinity"),
        (torch.zeros(8, 3, 3, 3, dtype=torch.int8), "'conv_in.weight' is of int8"),
        (torch.zeros(8, 3, 3), r"'conv_in.weight' has shape \(8, 3, 3\)"),
    ],
)
def test_weights_that_are_none_are_refused_by_the_tensors_name(value: Tensor, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_diffusers(rewritten(tmp_path, lambda weights: weights | {"conv_in.weight": value}))
