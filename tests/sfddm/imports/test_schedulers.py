"""Schedulers of diffusers: read as diffusers means them, or refused by the field that says something else."""

import inspect
import json
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from sfddm.errors import InputError
from sfddm.imports.schedulers import CLASSES, FIELDS, SAMPLING, read_scheduler
from sfddm.schedule import alpha_bar_table

FLOAT32_TABLE = 1e-6


def written(folder: Path, fields: dict[str, Any]) -> Path:
    path = folder / "scheduler_config.json"
    path.write_text(json.dumps(fields))
    return path


# DPMSolverSDEScheduler is a stand-in where torchsde is not installed, without a signature of its own.
INSTALLED = [name for name in CLASSES if "dummy" not in getattr(diffusers, name).__module__]


@pytest.mark.parametrize("name", INSTALLED)
def test_the_tables_know_each_field_of_each_class_and_its_default(name: str) -> None:
    signature = inspect.signature(getattr(diffusers, name).__init__).parameters
    fields = {key: value for key, value in signature.items() if key not in ("self", "kwargs")}
    assert fields.keys() <= FIELDS.keys() | SAMPLING
    for key, value in fields.items():
        if key in FIELDS:
            assert FIELDS[key][1](value.default), key
        if key in CLASSES[name]:
            assert value.default == CLASSES[name][key], key


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("DDPMScheduler", {}),
        ("DDPMScheduler", {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"}),
        ("DDIMScheduler", {"num_train_timesteps": 500, "beta_start": 2e-4, "beta_end": 0.04, "steps_offset": 1}),
        ("PNDMScheduler", {"skip_prk_steps": True}),
        ("DPMSolverMultistepScheduler", {"prediction_type": "sample", "timestep_spacing": "trailing"}),
        ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
        ("HeunDiscreteScheduler", {"beta_start": 1e-4, "beta_end": 0.02}),
        ("DDPMScheduler", {"trained_betas": torch.linspace(1e-4, 0.02, 1000).tolist()}),
        ("UniPCMultistepScheduler", {"beta_schedule": "squaredcos_cap_v2"}),
    ],
)
def test_the_schedule_is_the_librarys_own(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    scheduler = getattr(diffusers, name)(**options)
    scheduler.save_pretrained(tmp_path)
    training = read_scheduler(tmp_path / "scheduler_config.json")
    ours = alpha_bar_table(training.schedule, training.timesteps)
    np.testing.assert_allclose(ours, scheduler.alphas_cumprod.double().numpy(), rtol=1e-3, atol=FLOAT32_TABLE)
    predicted = {"eps": "epsilon", "x0": "sample", "v": "v_prediction"}[training.prediction]
    assert predicted == scheduler.config.prediction_type
    assert training.unused == () or set(training.unused) <= SAMPLING


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"beta_schedule": "scaled_linear"}, "beta_schedule"),
        ({"beta_schedule": "sigmoid"}, "beta_schedule"),
        ({"beta_schedule": ["linear"]}, "beta_schedule"),
        ({"beta_start": 2e-4}, "beta_start"),
        ({"beta_end": "0.02"}, "beta_end"),
        ({"beta_end": float("inf")}, "beta_end"),
        ({"beta_end": float("nan")}, "beta_end"),
        ({"num_train_timesteps": 4000}, "num_train_timesteps"),
        ({"num_train_timesteps": 1000.0}, "num_train_timesteps"),
        ({"num_train_timesteps": 10**12}, "num_train_timesteps"),
        ({"num_train_timesteps": True}, "num_train_timesteps"),
        ({"trained_betas": np.linspace(1e-3, 0.05, 1000).tolist()}, "trained_betas"),
        ({"trained_betas": [0.1, 0.2]}, "trained_betas"),
        ({"trained_betas": []}, "trained_betas"),
        ({"trained_betas": "linear"}, "trained_betas"),
        ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr"),
        ({"prediction_type": "flow_prediction"}, "prediction_type"),
        ({"prediction_type": None}, "prediction_type"),
        ({"use_flow_sigmas": True}, "use_flow_sigmas"),
        ({"timestep_type": "continuous"}, "timestep_type"),
        ({"variance_type": "learned_range"}, "variance_type"),
        ({"variance_type": "learned"}, "variance_type"),
        ({"snr_shift_scale": 3.0}, "snr_shift_scale"),
        ({"a_field_to_come": False}, "a_field_to_come"),
        ({"_class_name": "EDMEulerScheduler", "sigma_data": 0.5}, "_class_name"),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "_class_name"),
        ({"_class_name": "LCMScheduler"}, "_class_name"),
        ({"_class_name": ["DDPMScheduler"]}, "_class_name"),
        ({"_class_name": "HeunDiscreteScheduler"}, "beta_start"),  # whose defaults are those of latent diffusion
    ],
)
def test_what_our_schedule_is_not_is_refused_by_its_field(fields: dict[str, Any], named: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"_class_name": "DDPMScheduler"} | fields)
    with pytest.raises(InputError, match=named) as caught:
        read_scheduler(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_field_that_is_null_and_those_of_sampling_are_no_hindrance(tmp_path: Path) -> None:
    path = written(tmp_path, {"a_field_to_come": None, "clip_sample": True, "thresholding": False, "steps_offset": 1})
    training = read_scheduler(path)
    assert (training.schedule, training.timesteps, training.prediction) == ("linear", 1000, "eps")
    assert training.unused == ("clip_sample", "steps_offset")


def test_json_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "scheduler_config.json"
    for text in (
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"a": ' * 5000,
        b"\xff\xfe",
        b'{"beta_end": ' + b"9" * 5000 + b"}",
    ):
        path.write_bytes(text)
        with pytest.raises(InputError, match=r"scheduler_config\.json: ") as caught:
            read_scheduler(path)
        assert "\n" not in str(caught.value)
