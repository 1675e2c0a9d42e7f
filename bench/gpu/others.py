"""others: training and sampling beside denoising-diffusion-pytorch as its users run it, and beside diffusers.

Its users call its own `Trainer`, with `amp=True` as its README does: float16, with its loader, clipping and EMA; ours
does the same work in bfloat16. Its sampling is its own, in float32. diffusers trains and samples as in `sfddm-bench
speed`. All in interleaved rounds at one batch; compilation is apart.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch
from PIL import Image

from bench.gpu.execution import (
    SECONDS,
    SMALL_SECONDS,
    STEPS,
    Call,
    first_calls,
    sampled,
    sampling,
    seconds_of,
    terms_of,
    training,
)
from bench.gpu.piece import NOT_ON_CPU, Earlier, Found, Part, Piece, Setup
from bench.speed.contestants import Terms, lucidrains_diffusion
from bench.speed.diffusion import diffusers_sampling, diffusers_training, lucidrains_sampling
from bench.speed.names import AGAIN, DIFFUSERS, LUCIDRAINS, MODULES, OURS
from bench.speed.rounds import interleaved, noise_floor, paired_ratio
from sfddm.files import writing
from sfddm.performance import Performance
from sfddm.words import on_one_line

Builders = dict[str, Callable[[], Call]]

WANTED = 3.0  # times as fast as denoising-diffusion-pytorch
IMAGES, SMALL_IMAGES = 10_000, 128  # files; of its loader's epochs, which are expensive to begin
LEAST_BATCH = 16  # that its Trainer takes
ITERATIONS = 10  # of training, in a round
FLOAT32 = f"{OURS}, float32"
SAME_WORK = {"ema": 0.995, "clip_gradient": 1.0, "flip": True, "warmup": 0, "decay": "constant"}  # as its Trainer's


def ours(setup: Setup) -> dict[str, Performance]:
    """Return how ours runs: in bfloat16 and in float32, with the device's defaults."""
    return {OURS: Performance(precision="bf16" if setup.cuda else "fp32"), FLOAT32: Performance()}


def lucidrains_trainer(setup: Setup, terms: Terms) -> Any:
    """Return denoising-diffusion-pytorch's Trainer on random images."""
    if not setup.cuda:
        os.environ["ACCELERATE_USE_CPU"] = "true"  # else its accelerator takes a GPU wherever there is one
    diffusion = lucidrains_diffusion(terms, STEPS)
    from denoising_diffusion_pytorch import Trainer
    from denoising_diffusion_pytorch import denoising_diffusion_pytorch as module

    module.tqdm = silent
    return Trainer(
        diffusion,
        str(image_files(setup, terms)),
        train_batch_size=terms.batch,
        train_num_steps=0,
        save_and_sample_every=10**9,  # so that training alone is timed
        amp=setup.cuda,
        calculate_fid=False,
        results_folder=str(setup.folder / "lucidrains"),
    )


def silent(*given: Any, **options: Any) -> Any:
    """Return its Trainer's progress bar, which shows nothing."""
    from tqdm import tqdm

    return tqdm(*given, **options | {"disable": True})


def image_files(setup: Setup, terms: Terms) -> Path:
    """Return a folder of random images, made once."""
    folder = setup.folder / f"images-{terms.resolution}"
    folder.mkdir(parents=True, exist_ok=True)
    count, size = SMALL_IMAGES if setup.small else IMAGES, (terms.resolution, terms.resolution)
    generator = torch.Generator().manual_seed(0)
    for number in range(len(list(folder.glob("*.png"))), count):
        pixels = torch.randint(0, 256, (*size, terms.network.channels), dtype=torch.uint8, generator=generator)
        with writing(folder / f"{number:05}.png") as file:
            Image.fromarray(pixels.numpy()).save(file, "png")
    return folder


def in_training(setup: Setup, _: Earlier) -> Found:
    """Compare training, in iterations a second."""
    terms = terms_of(setup)
    if setup.small:
        terms = replace(terms, batch=LEAST_BATCH)
    working = replace(terms, defaults=terms.defaults.model_copy(update=SAME_WORK | {"batch": terms.batch}))
    own = {name: training(working, performance) for name, performance in ours(setup).items()}
    theirs: Builders = {
        LUCIDRAINS: lambda: trained_by(lucidrains_trainer(setup, terms)),
        DIFFUSERS: lambda: diffusers_training(terms).call,
    }
    return compared(setup, own, theirs, 2 if setup.small else ITERATIONS, 1, "it/s")


def in_sampling(setup: Setup, _: Earlier) -> Found:
    """Compare sampling by DDIM in ten steps, in images a second."""
    terms = terms_of(setup)
    wide = replace(terms, batch=sampled(terms))
    own = {name: sampling(terms, performance) for name, performance in ours(setup).items()}
    theirs: Builders = {
        LUCIDRAINS: lambda: torch.inference_mode()(lucidrains_sampling(wide, STEPS).call),  # as its Trainer samples
        DIFFUSERS: lambda: diffusers_sampling(wide, STEPS).call,
    }
    return compared(setup, own, theirs, 1, wide.batch, "images/s")


def trained_by(trainer: Any) -> Call:
    """Return what has a Trainer go on for so many iterations."""

    def call(iterations: int) -> None:
        trainer.train_num_steps = trainer.step + iterations
        trainer.train()

    return call


def as_users_have_it(call: Call) -> Call:
    """Return a call for which torch multiplies as when it starts, in TF32 in cuDNN; ours sets what it needs itself."""

    def with_defaults(count: int) -> None:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = True
        call(count)

    return with_defaults


def compared(setup: Setup, own: dict[str, Call], theirs: Builders, count: int, per_unit: int, unit: str) -> Found:
    """Return everyone's rate, and how many times as fast as it ours is; who fails is left out, with the reason."""
    calls, skipped = dict(own), {}
    compile_seconds = {name: first_calls(call, setup.device) for name, call in calls.items()}
    for name, build in theirs.items():
        if find_spec(MODULES[name]) is None:
            skipped[name] = "not installed"
            continue
        try:
            call = as_users_have_it(build())
            compile_seconds[name] = first_calls(call, setup.device)
            calls[name] = call
        except Exception as error:  # another package may fail by itself, such as with a newer torch
            skipped[name] = f"failed: {on_one_line(error, 120)}"
    calls[AGAIN] = calls[OURS]
    timed = {name: partial(seconds_of, call, count, setup.device) for name, call in calls.items()}
    samples = interleaved(timed, SMALL_SECONDS if setup.small else 2 * SECONDS)
    rows: dict[str, Any] = {}
    for name, seconds in samples.items():
        ratio = paired_ratio(seconds, samples[OURS])
        rows[name] = {"rate": per_unit * count / median(seconds), "ours_faster_by": ratio.value}
        rows[name] |= {"low": ratio.low, "high": ratio.high, "compile_seconds": compile_seconds.get(name)}
    said = "; ".join(f"{name} {row['rate']:.4g} {unit} ({row['ours_faster_by']:.2f})" for name, row in rows.items())
    said += "".join(f"; {name}: {reason}" for name, reason in skipped.items())
    values = {"unit": unit, "rows": rows, "noise_floor": noise_floor(paired_ratio(samples[AGAIN], samples[OURS]))}
    if not setup.cuda:
        return Found(None, f"the target is {NOT_ON_CPU}; {said}", values)
    if skipped.get(LUCIDRAINS) == "not installed":
        return Found(None, said, values)
    return Found(LUCIDRAINS in rows and rows[LUCIDRAINS]["ours_faster_by"] >= WANTED, said, values)


PARTS: dict[str, Part] = {"training": in_training, "sampling": in_sampling}
PIECE = Piece(f"At least {WANTED:g} times as fast as {LUCIDRAINS}, in training and in sampling.", PARTS)
