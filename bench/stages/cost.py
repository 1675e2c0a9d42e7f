"""cost: what a method's sampling costs on a device: first call, latency, throughput, memory.

The weights do not matter, the network does: it is measured with fresh ones, once for all seeds. Every time is of one
call from latents to uint8 images, synchronised; the latents are drawn before the clock starts. Memory is measured in a
pass of its own. What cannot be measured is None, with the reason.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.config import methods
from bench.config.settings import CostSettings
from bench.records.measured import COST
from bench.stages.context import Context
from bench.store import memory, provenance
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from bench.store.timing import synchronise, synchronised_seconds
from sfddm.denoiser import Denoiser
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.performance import Fast
from sfddm.sampler import to_uint8
from sfddm.words import plural

GROUP = 3  # calls whose median is one look at the warm-up
AGREE = 0.02  # relative spread of three such medians, one after the other, that ends the warm-up
MOST_GROUPS = 16
LEAST_REPEATS = 3
GAIN = 1.02  # a batch size improves the throughput if it gives this much more
PATIENCE = 2  # batch sizes without a gain that end the search

Prepare = Callable[[int], Callable[[], Tensor]]  # batch -> the call from its latents to its images


def stage(context: Context, method: Method, steps: int) -> Stage:
    """Measure what a method's sampling costs on the context's device."""
    config, shape, device = context.config, context.shape, context.device
    folds = config.folds(method, steps)
    spec = folds[-1].spec if folds else config.teacher_spec()
    settings = {
        "method": method.name,
        "spec": spec.model_dump(),
        "steps": steps,
        **method.sampling(),
        "timesteps": method.timesteps(steps),
        "shape": shape,
        "batch": config.evaluation.batch,
        "limits": config.cost.model_dump(),
        "torch": torch.__version__,
        "machine": provenance.machine(device),
        **_execution_settings(context),
        **methods.identity(method.name),
    }
    label = f"cost of {method.label} at {plural(steps, 'step')}"

    def work(job: Job) -> None:
        denoiser = spec.denoiser(spec.fresh_network(seed=0).eval()).to(job.device)
        job.display.say(label)
        with config.performance.sampling(denoiser) as fast:
            calls = sampling_calls(method, fast, steps, shape, job.device)
            measured = measure_cost(calls, fast.network, job.device, config.cost, config.evaluation.batch)
        write_json(job.folder / COST, measured)

    return Stage("cost", label, settings, work)


def _execution_settings(context: Context) -> dict[str, Any]:
    """Return what besides the network decides the cost of a call of it, if it is not the plainest."""
    performance = context.config.performance
    chosen = performance.on(context.device).model_dump(include={"compile", "channels_last"})
    return performance.decides() | {name: value for name, value in chosen.items() if value}


def sampling_calls(method: Method, denoiser: Denoiser, steps: int, shape: tuple[int, int, int], device: str) -> Prepare:
    """Return what makes the call of a method's sampling for a batch: its latents are drawn, its sampling not begun."""

    def prepare(batch: int) -> Callable[[], Tensor]:
        noise = ImageNoise(0, range(batch), shape, device)
        return lambda: to_uint8(method.sample(denoiser, steps, noise))

    return prepare


@dataclass(frozen=True)
class WarmUp:
    """The first call's seconds, how many calls it took until the medians agreed, and whether they did."""

    first_seconds: float
    calls: int
    stable: bool


def measure_cost(
    prepare: Prepare, network: nn.Module, device: str, settings: CostSettings, batch: int
) -> dict[str, Any]:
    """Return all costs of the calls that `prepare` makes of a network; memory is of a call of `batch` images."""

    def seconds_of(count: int) -> float:
        return synchronised_seconds(prepare(count), device)

    warm = warm_up(lambda: seconds_of(1), settings.seconds)
    latencies = repeat(lambda: seconds_of(1), settings)
    steady = median(latencies)
    curve, stopped = throughput(seconds_of, steady, settings)
    memory, nfe = memory_pass(prepare(batch), network, device)
    best = max(curve, key=lambda size: curve[size])
    is_compiled = compiled(network)
    reasons = {name: reason for name, reason in _missing(device).items() if memory[name] is None}
    if not is_compiled:
        reasons["compile_seconds"] = "nothing is compiled"
    return {
        "nfe": nfe,
        "first_call_seconds": warm.first_seconds,
        "compile_seconds": max(warm.first_seconds - steady, 0.0) if is_compiled else None,
        "warm_up_stable": warm.stable,
        "latency": quantiles(latencies) | {"warm_up_calls": warm.calls},
        "latency_samples": latencies,
        "throughput": {"images_per_second": curve[best], "batch": best},
        "throughput_curve": {str(size): rate for size, rate in curve.items()},
        "throughput_stopped": stopped,
        "seconds_per_nfe": steady / nfe,
        "memory_batch": batch,
        **memory,
        "execution": execution(network),
        "reasons": reasons,
    }


def warm_up(seconds_of_call: Callable[[], float], limit: float) -> WarmUp:
    """Call until the medians of three groups of calls in a row agree, or until a time limit or 48 calls."""
    began = time.perf_counter()
    first = seconds_of_call()
    medians: list[float] = []
    stable, calls = False, 1
    while not stable and len(medians) < MOST_GROUPS and time.perf_counter() - began < limit:
        medians.append(median(seconds_of_call() for _ in range(GROUP)))
        calls += GROUP
        last = medians[-3:]
        stable = len(last) == 3 and max(last) - min(last) <= AGREE * min(last)
    return WarmUp(first, calls, stable)


def repeat(seconds_of_call: Callable[[], float], settings: CostSettings) -> list[float]:
    """Return the seconds of `settings.repeats` calls; of fewer, but at least three, if the time limit comes first."""
    began = time.perf_counter()
    samples: list[float] = []
    while len(samples) < settings.repeats:
        if len(samples) >= LEAST_REPEATS and time.perf_counter() - began > settings.seconds:
            break
        samples.append(seconds_of_call())
    return samples


def quantiles(samples: list[float]) -> dict[str, float | int]:
    """Return the median, quartiles and 95th percentile of seconds, and how many there are."""
    q25, middle, q75, p95 = (float(value) for value in np.quantile(samples, [0.25, 0.5, 0.75, 0.95]))
    return {"median": middle, "q25": q25, "q75": q75, "p95": p95, "repeats": len(samples)}


def throughput(
    seconds_of: Callable[[int], float], of_one: float, settings: CostSettings
) -> tuple[dict[int, float], str]:
    """Return images per second by batch size 1, 2, 4, .., and why the search stopped; `of_one` is batch 1's seconds.

    A size is tried once untimed and three times timed. One that would go beyond the time limit is not begun.
    """
    began = time.perf_counter()
    curve, seconds, size, best, without_gain = {1: 1 / of_one}, of_one, 1, 1 / of_one, 0
    while without_gain < PATIENCE:
        size *= 2
        if size > settings.batch:
            return curve, f"the largest batch, {settings.batch}"
        foreseen = 2 * seconds * (1 + GROUP)
        if time.perf_counter() - began + foreseen > settings.seconds:
            return curve, f"the time limit, {settings.seconds:g} s"
        try:
            seconds_of(size)
            seconds = median(seconds_of(size) for _ in range(GROUP))
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            return curve, f"the device's memory, at a batch of {size}"
        curve[size] = size / seconds
        without_gain = 0 if curve[size] > GAIN * best else without_gain + 1
        best = max(best, curve[size])
    return curve, "no larger batch was faster"


def memory_pass(call: Callable[[], Tensor], network: nn.Module, device: str) -> tuple[dict[str, int | None], int]:
    """Return the peaks of one call in bytes, None if they cannot be measured, and its network evaluations, counted.

    gpu_device_bytes is what the device has less while the call's memory is held: what PyTorch reserved, and what
    CUDA's libraries took beside it; without the CUDA context, which was there before.
    """
    evaluations = 0

    def count(*_: object) -> None:
        nonlocal evaluations
        evaluations += 1

    hook = network.register_forward_pre_hook(count)
    gc.collect()
    memory.release_free_memory()
    resettable = memory.reset_peak_rss()
    if device.startswith("cuda"):
        gpu = _gpu_peaks(call, device)
    else:
        call()
        gpu = dict.fromkeys(("gpu_peak_bytes", "gpu_reserved_bytes", "gpu_device_bytes"))
    hook.remove()
    rss = memory.peak_rss_bytes() if resettable else None
    return {**gpu, "rss_peak_bytes": rss, "weights_bytes": weights_bytes(network)}, evaluations


def _gpu_peaks(call: Callable[[], Tensor], device: str) -> dict[str, int | None]:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    synchronise(device)
    held, free = torch.cuda.memory_reserved(device), torch.cuda.mem_get_info(device)[0]
    images = call()
    synchronise(device)
    taken = free - torch.cuda.mem_get_info(device)[0]
    del images
    return {
        "gpu_peak_bytes": torch.cuda.max_memory_allocated(device),
        "gpu_reserved_bytes": torch.cuda.max_memory_reserved(device),
        "gpu_device_bytes": held + taken,
    }


def _missing(device: str) -> dict[str, str]:
    """Why each kind of memory may be missing."""
    names = ("gpu_peak_bytes", "gpu_reserved_bytes", "gpu_device_bytes")
    rss = "this system cannot reset a process's peak memory, so that of one pass is not known"
    return dict.fromkeys(names, f"measured on {device}, which has no GPU memory") | {"rss_peak_bytes": rss}


def weights_bytes(network: nn.Module) -> int:
    """Return the bytes of a network's parameters and buffers."""
    return sum(tensor.numel() * tensor.element_size() for tensor in (*network.parameters(), *network.buffers()))


def compiled(network: nn.Module) -> bool:
    """Tell whether torch.compile has been put over a network."""
    inner = network.inner if isinstance(network, Fast) else network
    return hasattr(inner, "_orig_mod") or getattr(inner, "_compiled_call_impl", None) is not None


def execution(network: nn.Module) -> dict[str, Any]:
    """Return how a network is computed: in which dtype, compiled or not, and its convolutions' layout."""
    bf16 = isinstance(network, Fast) and network.performance.precision == "bf16"
    kernels = [weight for weight in network.parameters() if weight.ndim == 4 and weight[0, 0].numel() > 1]
    channels_last = bool(kernels) and all(k.is_contiguous(memory_format=torch.channels_last) for k in kernels)
    return {
        "precision": "bfloat16" if bf16 else str(next(network.parameters()).dtype).removeprefix("torch."),
        "compile": compiled(network),
        "channels_last": channels_last,
    }
