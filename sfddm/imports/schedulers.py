"""What a scheduler's configuration of diffusers says of training: the schedule by our name, T and what is predicted.

A scheduler is made for sampling, and most of its fields are about that only; they are not used here. The others are
read, or have one value that is possible. A field in neither table is refused, because what it does is not known.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from sfddm.denoiser import Prediction
from sfddm.errors import InputError
from sfddm.json_files import read_json
from sfddm.schedule import ScheduleName, alpha_bar_table
from sfddm.unet2d import Rule, check_field, number, one_of, or_null, sequence, whole
from sfddm.words import on_one_line

LONGEST = 1_000_000  # timesteps
PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
FORMULAS: dict[str, ScheduleName] = {"linear": "linear", "squaredcos_cap_v2": "cosine"}
LINEAR_ENDS = (1e-4, 0.02)  # at T = 1000; ours are these times 1000 / T
SAME_NUMBER = 1e-9  # relative; of beta_start and beta_end, which are written as decimals
SAME_BETA = 1e-5  # relative; float32 tables are within 1e-6
SAME_ALPHA = 1e-4  # relative, of 1 - beta, which in float32 loses digits where beta is 0.999

# What a field that is absent means, by class: the defaults of diffusers' signatures. Only classes of a discrete,
# variance-preserving process whose network is given the noisy image itself; EDM, consistency and flow models are not.
USUAL: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "trained_betas": None,
    "prediction_type": "epsilon",
}
LATENT = USUAL | {"beta_start": 0.00085, "beta_end": 0.012}
CLASSES: dict[str, dict[str, Any]] = {
    "DDIMInverseScheduler": USUAL,
    "DDIMParallelScheduler": USUAL,
    "DDIMScheduler": USUAL,
    "DDPMParallelScheduler": USUAL,
    "DDPMScheduler": USUAL,
    "DEISMultistepScheduler": USUAL,
    "DPMSolverMultistepInverseScheduler": USUAL,
    "DPMSolverMultistepScheduler": USUAL,
    "DPMSolverSDEScheduler": LATENT,
    "DPMSolverSinglestepScheduler": USUAL,
    "EulerAncestralDiscreteScheduler": USUAL,
    "EulerDiscreteScheduler": USUAL,
    "HeunDiscreteScheduler": LATENT,
    "KDPM2AncestralDiscreteScheduler": LATENT,
    "KDPM2DiscreteScheduler": LATENT,
    "LMSDiscreteScheduler": USUAL,
    "PNDMScheduler": USUAL,
    "RePaintScheduler": USUAL,
    "SASolverScheduler": USUAL,
    "UniPCMultistepScheduler": USUAL,
}
FIELDS: Mapping[str, Rule] = {
    "num_train_timesteps": whole(1, LONGEST),
    "beta_start": number(0, 1),
    "beta_end": number(0, 1),
    "beta_schedule": one_of(*FORMULAS),
    "trained_betas": or_null(sequence(number(0, 1), LONGEST)),
    "prediction_type": one_of(*PREDICTIONS),
    "rescale_betas_zero_snr": one_of(False, None),  # True: the last alpha_bar is 0, ours never is
    "use_flow_sigmas": one_of(False, None),  # True: a flow, not a diffusion process
    "timestep_type": one_of("discrete", None),  # continuous: the network is given a noise level as time
    "variance_type": one_of("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", None),
}
# About sampling, at any value.
SAMPLING = frozenset(
    "algorithm_type clip_sample clip_sample_range corrector_order disable_corrector dynamic_thresholding_ratio eta "
    "euler_at_final final_sigmas_type flow_shift interpolation_type lambda_min_clipped lower_order_final "
    "noise_sampler_seed predict_x0 predictor_order sample_max_value set_alpha_to_one shift_terminal sigma_max "
    "sigma_min skip_prk_steps solver_order solver_p solver_type steps_offset tau_func tensor_format thresholding "
    "time_shift_type timestep_spacing use_beta_sigmas use_dynamic_shifting use_exponential_sigmas use_karras_sigmas "
    "use_lu_lambdas variance_type".split()
)


@dataclass(frozen=True)
class Training:
    """What a teacher was trained on. unused: the fields that are about sampling and were set."""

    schedule: ScheduleName
    timesteps: int
    prediction: Prediction
    unused: tuple[str, ...] = ()


ASSUMED = Training("linear", 1000, "eps")  # of the published models, where a folder has no scheduler


def read_scheduler(path: Path) -> Training:
    """Return what a scheduler_config.json says of training. Raises InputError, naming the field."""
    given = read_json(path, "a scheduler's configuration")
    kind = given.get("_class_name", "DDPMScheduler")
    if not isinstance(kind, str) or kind not in CLASSES:
        raise InputError(f"{path}: _class_name {on_one_line(kind, 80)} given, possible: {', '.join(sorted(CLASSES))}")
    usual = CLASSES[kind]
    try:
        for name, value in given.items():
            if not name.startswith("_") and (name in FIELDS or name not in SAMPLING):
                check_field(name, value, FIELDS)
        fields = usual | {name: given[name] for name in usual if name in given}
        schedule = _trained(fields) if fields["trained_betas"] is not None else _formula(fields)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    unused = sorted(name for name in SAMPLING & given.keys() if given[name] not in (None, False))
    return Training(schedule, fields["num_train_timesteps"], PREDICTIONS[fields["prediction_type"]], tuple(unused))


def _formula(fields: Mapping[str, Any]) -> ScheduleName:
    name, timesteps = fields["beta_schedule"], fields["num_train_timesteps"]
    ends = (fields["beta_start"], fields["beta_end"])
    ours = tuple(end * 1000 / timesteps for end in LINEAR_ENDS)
    near = all(math.isclose(one, other, rel_tol=SAME_NUMBER) for one, other in zip(ends, ours, strict=True))
    if name == "linear" and not (near and ours[1] <= 1):
        field = "beta_start" if not math.isclose(ends[0], ours[0], rel_tol=SAME_NUMBER) else "beta_end"
        raise InputError(
            f"{field}: beta_schedule linear {ends[0]}..{ends[1]} with num_train_timesteps {timesteps} given, possible: "
            f"linear 0.0001..0.02 times 1000 / num_train_timesteps, or squaredcos_cap_v2"
        )
    return FORMULAS[name]


def _trained(fields: Mapping[str, Any]) -> ScheduleName:
    given = np.array(fields["trained_betas"], dtype=float)
    if len(given) != fields["num_train_timesteps"]:
        raise InputError(
            f"trained_betas of {len(given)} given, possible: as many as num_train_timesteps, "
            f"{fields['num_train_timesteps']}"
        )
    for name in get_args(ScheduleName):
        alpha_bar = alpha_bar_table(name, len(given))
        alphas = alpha_bar / np.concatenate([[1.0], alpha_bar[:-1]])
        if np.allclose(given, 1 - alphas, rtol=SAME_BETA, atol=0) and np.allclose(1 - given, alphas, SAME_ALPHA, 0):
            return name
    raise InputError(
        f"trained_betas of {len(given)} numbers given that are no schedule of this suite, possible: null, or those of "
        f"{', '.join(get_args(ScheduleName))}"
    )
