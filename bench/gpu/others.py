"""others: training and sampling beside denoising-diffusion-pytorch as its users run it, and beside diffusers.

Its users call its own `Trainer`, with `amp=True` as its README does: float16, its loader, clipping and EMA; ours does the
same work in bfloat16. Its images are sampled from the Trainer's EMA. diffusers trains and samples as in
`sfddm-bench speed`. All in interleaved rounds at one batch; compilation is apart.
"""

import os
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
from bench.speed.contestants import AGAIN, DIFFUSERS, LUCIDRAINS, MODULES, OURS, Terms, lucidrains_diffusion
from bench.speed.diffusion import diffusers_sampling, diffusers_training
from bench.speed.rounds import interleaved, noise_floor, paired_ratio
from sfddm.files import writing
from sfddm.performance import Performance

WANTED = 3.0  # times as fast as denoising-diffusion-pytorch: issue 19
IMAGES, SMALL_IMAGES = 10_000, 128  # files; of its loader's epochs, which are expensive to begin
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

    return Trainer(
        diffusion,
        str(image_files(setup, terms)),
        train_batch_size=terms.batch,
        gradient_accumulate_every=1 if terms.batch >= 16 else -(-16 // terms.batch),  # it refuses less than 16 together
        train_num_steps=0,
        save_and_sample_every=10**9,  # so that training alone is timed
        amp=setup.cuda,
        calculate_fid=False,
        results_folder=str(setup.folder / "lucidrains"),
    )


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
        terms = Terms(terms.network, terms.resolution, 16, terms.device, terms.timesteps, terms.defaults)
    same = terms.defaults.model_copy(update=SAME_WORK)
    working = Terms(terms.network, terms.resolution, terms.batch, terms.device, terms.timesteps, same)
    calls: dict[str, Call] = {name: training(working, performance) for name, performance in ours(setup).items()}
    if is_there(LUCIDRAINS):
        trainer = lucidrains_trainer(setup, terms)

        def train(iterations: int) -> None:
            trainer.train_num_steps = trainer.step + iterations
            trainer.train()

        calls[LUCIDRAINS] = train
    if is_there(DIFFUSERS):
        calls[DIFFUSERS] = diffusers_training(terms).call
    return compared(setup, calls, 2 if setup.small else ITERATIONS, 1, "it/s")


def in_sampling(setup: Setup, _: Earlier) -> Found:
    """Compare sampling by DDIM in ten steps, in images a second."""
    terms = terms_of(setup)
    batch = sampled(terms)
    wide = Terms(terms.network, terms.resolution, batch, terms.device, terms.timesteps, terms.defaults)
    calls: dict[str, Call] = {name: sampling(terms, performance) for name, performance in ours(setup).items()}
    if is_there(LUCIDRAINS):
        diffusion = lucidrains_diffusion(terms, STEPS).eval()

        @torch.inference_mode()  # as its Trainer samples
        def sample(batches: int) -> None:
            for _ in range(batches):
                (diffusion.sample(batch_size=batch) * 255).round().to(torch.uint8)

        calls[LUCIDRAINS] = sample
    if is_there(DIFFUSERS):
        calls[DIFFUSERS] = diffusers_sampling(wide, STEPS).call
    return compared(setup, calls, 1, batch, "images/s")


def compared(setup: Setup, calls: dict[str, Call], count: int, per_unit: int, unit: str) -> Found:
    """Return everyone's rate, and how many times as fast as each other ours is."""
    compile_seconds = {name: first_calls(call, setup.device) for name, call in calls.items()}
    calls = calls | {AGAIN: calls[OURS]}
    timed = {name: partial(seconds_of, call, count, setup.device) for name, call in calls.items()}
    samples = interleaved(timed, SMALL_SECONDS if setup.small else 2 * SECONDS)
    rows: dict[str, Any] = {}
    for name, seconds in samples.items():
        ratio = paired_ratio(seconds, samples[OURS])
        rows[name] = {"rate": per_unit * count / median(seconds), "ours_faster_by": ratio.value}
        rows[name] |= {"low": ratio.low, "high": ratio.high, "compile_seconds": compile_seconds.get(name)}
    skipped = [name for name in (LUCIDRAINS, DIFFUSERS) if name not in calls]
    said = "; ".join(f"{name} {row['rate']:.4g} {unit} ({row['ours_faster_by']:.2f})" for name, row in rows.items())
    said += "".join(f"; {name} is not installed" for name in skipped)
    values = {"unit": unit, "rows": rows, "noise_floor": noise_floor(paired_ratio(samples[AGAIN], samples[OURS]))}
    if not setup.cuda:
        return Found(None, f"the target is {NOT_ON_CPU}; {said}", values)
    return Found(rows[LUCIDRAINS]["ours_faster_by"] >= WANTED if LUCIDRAINS in rows else None, said, values)


def is_there(name: str) -> bool:
    """Tell whether a package is installed."""
    return find_spec(MODULES[name]) is not None


PARTS: dict[str, Part] = {"training": in_training, "sampling": in_sampling}
PIECE = Piece(f"At least {WANTED:g} times as fast as {LUCIDRAINS}, in training and in sampling.", PARTS)
