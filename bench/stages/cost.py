"""cost: what sampling costs on a device: first call, latency, throughput, overhead, memory.

The weights do not matter, the calls do: a network, a sampler and a step count are measured once, with fresh weights,
for all methods and seeds that sample so. Every time is of one call from latents to uint8 images, synchronised; the
latents are drawn before the clock starts. Memory is measured in a pass of its own. What cannot be measured is None,
with the reason.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter as clock
from typing import Any

import torch
from torch import Tensor, nn

from bench.config import methods
from bench.config.sections import CostSettings
from bench.config.settings import Config
from bench.records.measured import COST
from bench.stages.context import Context
from bench.stages.timed import LEAST_OF_P95, again, quantiles, repeat, throughput, warm_up
from bench.store import memory, provenance
from bench.store.files import write_json
from bench.store.neighbours import Neighbours
from bench.store.stage import Job, Stage
from bench.store.timing import synchronise, synchronised_seconds
from sfddm import grids
from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.performance import Fast
from sfddm.sampler import to_uint8
from sfddm.words import plural

SHORT_STEPS = 2  # of the calls that look for the best batch: one network call and one step between
SPARE = 0.5  # of the memory that is free, which a larger batch may take

Prepare = Callable[[int], Callable[[], Tensor]]  # batch -> the call from its latents to its images


@dataclass(frozen=True)
class Calls:
    """The calls of a sampler: `full` with all steps, `short` with few, in the same way."""

    full: Prepare
    short: Prepare


@dataclass(frozen=True)
class Sampling:
    """What is measured once: a way of sampling in a number of steps, whichever methods do it.

    method: one of them. identity: all that decides what its calls cost.
    """

    method: Method
    spec: DenoiserSpec
    steps: int
    identity: dict[str, Any]
    label: str

    def calls(self, denoiser: Denoiser, shape: tuple[int, int, int], device: str) -> Calls:
        """Return the calls on a denoiser of its specification."""
        method, steps = self.method, self.steps
        if samples_its_own_way(method):
            full = prepared(lambda noise: method.sample(denoiser, steps, noise), shape, device)
            return Calls(full, full)
        sampler = method.sampler
        few = denoiser.respaced(range(min(SHORT_STEPS, steps)))
        return Calls(
            prepared(lambda noise: sampler(denoiser, noise), shape, device),
            prepared(lambda noise: sampler(few, noise), shape, device),
        )


def sampling_of(config: Config, method: Method, steps: int) -> Sampling:
    """Return how a method samples: its network and its sampler; of one that samples its own way, all that it is."""
    folds = config.folds(method, steps)
    spec = folds[-1].spec if folds else config.teacher_spec()
    identity: dict[str, Any] = {"network": spec.network.model_dump(), "steps": steps, **method.sampling()}
    if samples_its_own_way(method):
        own = {"method": method.name, "spec": spec.model_dump(), "timesteps": method.timesteps(steps)}
        label = f"cost of {method.label} at {plural(steps, 'step')}"
        return Sampling(method, spec, steps, identity | own | methods.identity(method.name), label)
    # Which timesteps it visits and what it predicts change no call's cost.
    visited = tuple(grids.timesteps("trailing", max(spec.timesteps, steps), steps))
    spec = DenoiserSpec(network=spec.network, timesteps=max(spec.timesteps, steps), indices=visited)
    label = f"cost of sampling by {method.sampling()['sampler']} in {plural(steps, 'step')}"
    return Sampling(method, spec, steps, identity, label)


def samples_its_own_way(method: Method) -> bool:
    """Tell whether a method does not just call a sampler of ours: it has its own way, or is of another package."""
    own = type(method).sample is not Method.sample or "sampler" not in method.sampling()
    return own or bool(methods.identity(method.name))


def prepared(sample: Callable[[ImageNoise], Tensor], shape: tuple[int, int, int], device: str) -> Prepare:
    """Return what makes the call of sampling a batch: its latents are drawn, its sampling not begun."""

    def prepare(batch: int) -> Callable[[], Tensor]:
        noise = ImageNoise(0, range(batch), shape, device)
        return lambda: to_uint8(sample(noise))

    return prepare


def stage(context: Context, method: Method, steps: int) -> Stage:
    """Measure what a method's way of sampling costs on the context's device."""
    config, shape = context.config, context.shape
    sampling = sampling_of(config, method, steps)
    settings = identity(config, sampling, shape, context.device)

    def work(job: Job) -> None:
        write_json(job.folder / COST, measure(config, sampling, shape, job.device))

    return Stage("cost", sampling.label, settings, work, version=2)  # 2: once for all methods that sample alike


def identity(config: Config, sampling: Sampling, shape: tuple[int, int, int], device: str) -> dict[str, Any]:
    """Return all that decides a measurement on a device."""
    performance = config.performance
    chosen = performance.on(device).model_dump(include={"compile", "channels_last"})
    return {
        **sampling.identity,
        "shape": shape,
        "batch": config.evaluation.batch,
        "limits": config.cost.model_dump(),
        "torch": torch.__version__,
        "machine": provenance.machine(device),
        **performance.decides(),
        **{name: value for name, value in chosen.items() if value},
    }


def measure(config: Config, sampling: Sampling, shape: tuple[int, int, int], device: str) -> dict[str, Any]:
    """Return all costs of a way of sampling on a device, with fresh weights."""
    denoiser = sampling.spec.denoiser(sampling.spec.fresh_network(seed=0).eval()).to(device)
    with config.performance.sampling(denoiser) as fast:
        calls = sampling.calls(fast, shape, device)
        return measure_cost(calls, fast.network, device, config.cost, config.evaluation.batch)


def measure_cost(calls: Calls, network: nn.Module, device: str, settings: CostSettings, batch: int) -> dict[str, Any]:
    """Return all costs of the calls of a network; memory is of a call of `batch` images."""

    def full(count: int) -> float:
        return synchronised_seconds(calls.full(count), device)

    def short(count: int) -> float:
        return synchronised_seconds(calls.short(count), device)

    neighbours = Neighbours()
    warm = warm_up(lambda: full(1), settings.seconds)
    latencies = repeat(lambda: full(1), settings)
    steady = median(latencies)
    found = throughput(short, full, settings, room_for(calls.short, device))
    others = neighbours.share()
    overhead, nfe = outside_the_network(calls.full(1), network, device)
    peaks = memory_pass(calls.full(batch), network, device)
    is_compiled = compiled(network)
    latency = quantiles(latencies) | {"warm_up_calls": warm.calls}
    reasons = {name: reason for name, reason in _missing(device).items() if peaks[name] is None}
    if not is_compiled:
        reasons["compile_seconds"] = "nothing is compiled"
    if latency["p95"] is None:
        reasons["latency.p95"] = f"fewer than {LEAST_OF_P95} calls"
    return {
        "nfe": nfe,
        "first_call_seconds": warm.first_seconds,
        "compile_seconds": max(warm.first_seconds - steady, 0.0) if is_compiled else None,
        "warm_up_stable": warm.stable,
        "latency": latency,
        "latency_samples": latencies,
        "throughput": {
            "images_per_second": found.images_per_second,
            "batch": found.batch,
            "stopped": found.stopped,
            "lower_bound": found.lower_bound,
        },
        "throughput_samples": found.seconds,
        "throughput_curve": {str(size): rate for size, rate in found.curve.items()},
        "noise": {"latency": again(latencies), "throughput": again(found.seconds), "others": others},
        "seconds_per_nfe": steady / nfe,
        "overhead_seconds": overhead,
        "memory_batch": batch,
        **peaks,
        "execution": execution(network),
        "reasons": reasons,
    }


def room_for(short: Prepare, device: str) -> Callable[[int], bool]:
    """Return what tells whether memory holds a batch; on a GPU it is tried, for a GPU that is full says so.

    On a CPU the memory that half the batch took is measured, and twice that must be well below what is free: a process
    that takes more is killed.
    """

    def fits(batch: int) -> bool:
        free = memory.available_bytes()
        before = memory.rss_bytes()
        if free is None or not memory.reset_peak_rss():
            return True
        short(batch // 2)()
        return 2 * (memory.peak_rss_bytes() - before) < SPARE * free

    return (lambda batch: True) if device.startswith("cuda") else fits


def outside_the_network(call: Callable[[], Tensor], network: nn.Module, device: str) -> tuple[float, int]:
    """Return the seconds of a call that are not the network's, and its network evaluations, counted.

    The device is synchronised around each evaluation, so that what runs in it is told apart.
    """
    inside, evaluations, began = 0.0, 0, 0.0

    def before(*_: object) -> None:
        nonlocal began
        synchronise(device)
        began = clock()

    def after(*_: object) -> None:
        nonlocal inside, evaluations
        synchronise(device)
        inside += clock() - began
        evaluations += 1

    hooks = [network.register_forward_pre_hook(before), network.register_forward_hook(after)]
    try:
        total = synchronised_seconds(call, device)
    finally:
        for hook in hooks:
            hook.remove()
    return max(total - inside, 0.0), evaluations


def memory_pass(call: Callable[[], Tensor], network: nn.Module, device: str) -> dict[str, int | None]:
    """Return the peaks of one call in bytes, None if they cannot be measured.

    rss_added_bytes is what the process has more than before the call. gpu_device_bytes is what the device has less
    while the call's memory is held: what PyTorch reserved, and what CUDA's libraries took beside it; without the CUDA
    context, which was there before.
    """
    gc.collect()
    memory.release_free_memory()
    resettable = memory.reset_peak_rss()
    idle = memory.peak_rss_bytes() if resettable else 0
    if device.startswith("cuda"):
        gpu = _gpu_peaks(call, device)
    else:
        call()
        gpu = dict.fromkeys(("gpu_peak_bytes", "gpu_reserved_bytes", "gpu_device_bytes"))
    peak = memory.peak_rss_bytes() if resettable else None
    added = None if peak is None else max(peak - idle, 0)
    return {**gpu, "rss_peak_bytes": peak, "rss_added_bytes": added, "weights_bytes": weights_bytes(network)}


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
    of_a_gpu = ("gpu_peak_bytes", "gpu_reserved_bytes", "gpu_device_bytes")
    rss = "this system cannot reset a process's peak memory, so that of one pass is not known"
    return dict.fromkeys(of_a_gpu, f"measured on {device}, which has no GPU memory") | dict.fromkeys(
        ("rss_peak_bytes", "rss_added_bytes"), rss
    )


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
