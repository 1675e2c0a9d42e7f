"""Denoisers on disk: the schedule is rebuilt from the specification, and broken files are named."""

from pathlib import Path

import pytest
import torch
from helpers.closed_forms import noise_levels
from safetensors.torch import save_file

from sfddm.checkpoint import DenoiserSpec, load_denoiser, save_denoiser
from sfddm.errors import InputError
from sfddm.unet import UNetConfig

SPEC = DenoiserSpec(
    network=UNetConfig(dim=8, dim_mults=(1,), channels=1), prediction="v", indices=(0, 64, 500, 1023), time_input="phi"
)


def test_a_denoiser_comes_back_with_its_weights_and_its_subsequences_noise_levels(tmp_path: Path) -> None:
    network = SPEC.fresh_network(3)
    save_denoiser(tmp_path / "model.safetensors", network, SPEC)
    denoiser, spec = load_denoiser(tmp_path / "model.safetensors")
    assert spec == SPEC
    assert denoiser.prediction == "v"
    assert denoiser.time_input.tolist() == [0, 64, 500, 1023]
    torch.testing.assert_close(denoiser.alpha_bar, noise_levels("sigmoid", 1024)[[0, 64, 500, 1023]], rtol=0, atol=0)
    x, index = torch.randn(4, 1, 4, 4), torch.arange(4)
    with torch.no_grad():
        assert torch.equal(denoiser.raw(x, index), network(x, torch.tensor([0, 64, 500, 1023])))


def test_time_input_t_gives_the_network_its_own_index() -> None:
    spec = SPEC.model_copy(update={"time_input": "t"})
    assert spec.denoiser(torch.nn.Identity()).time_input.tolist() == [0, 1, 2, 3]


def test_fresh_networks_are_functions_of_their_seed_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    one, same, other = (SPEC.fresh_network(seed).state_dict()["stem.weight"] for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_broken_files_are_named_in_one_line(tmp_path: Path) -> None:
    garbage, foreign, short = (tmp_path / name for name in ("garbage", "foreign", "short"))
    garbage.write_bytes(b"not safetensors")
    save_file({"a": torch.zeros(1)}, foreign)
    save_file({"a": torch.zeros(1)}, short, metadata={"sfddm": SPEC.model_dump_json()})
    cases = [
        (garbage, "not a readable"),
        (foreign, "no 'sfddm' metadata; it was not written by save_denoiser"),
        (short, "do not fit"),
        (tmp_path / "absent", "not a readable"),
    ]
    for path, message in cases:
        with pytest.raises(InputError, match=message) as caught:
            load_denoiser(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_metadata_that_describes_no_network_of_the_file_is_named_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    text = SPEC.model_dump_json()
    cases = [
        (text.replace('"dim":8', '"dim":4096').replace('"dim_mults":[1]', '"dim_mults":[4096]'), "has shape"),
        (text.replace('"dim":8', '"dim":1000000000000'), "network.*dim"),
        (text.replace('"dim_mults":[1]', '"dim_mults":[-1]'), "dim_mults"),
        (text.replace('"full_attention":null', '"full_attention":[true,true]'), "describes no network"),
        (text.replace("1024", "1000000000000"), "timesteps"),
        (text.replace("1023]", "1024]"), "indices must be from 0 to 1023"),
        (text.replace("[0,64", "[-1,64"), "indices must be from 0 to 1023"),
        ("[" * 100_000, "does not describe a denoiser"),
        ("{}", "network: Field required"),
    ]
    for changed, message in cases:
        assert changed != text
        save_file(SPEC.fresh_network(0).state_dict(), path, metadata={"sfddm": changed})
        with pytest.raises(InputError, match=message) as caught:
            load_denoiser(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_network_of_diffusers_in_a_file_is_held_to_the_rules_of_an_import(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    network = '{"kind":"diffusers-unet2d","options":{"num_class_embeds":10}}'
    save_file({"a": torch.zeros(1)}, path, metadata={"sfddm": f'{{"network":{network}}}'})
    with pytest.raises(InputError, match="num_class_embeds 10 given, possible: null"):
        load_denoiser(path)


def test_weights_with_nan_are_named(tmp_path: Path) -> None:
    network = SPEC.fresh_network(0)
    weights = network.state_dict() | {"stem.bias": torch.full((8,), torch.nan)}
    save_file(weights, tmp_path / "model", metadata={"sfddm": SPEC.model_dump_json()})
    with pytest.raises(InputError, match=r"'stem\.bias' holds NaN or infinity"):
        load_denoiser(tmp_path / "model")
