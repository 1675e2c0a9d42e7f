"""The cost of sampling against calls of known duration, known evaluations and known memory."""

import itertools
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bench.config import methods
from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.sections import CostSettings
from bench.config.settings import Config
from bench.metrics.sampling_cost import SamplingCost
from bench.stages import cost
from bench.stages.cost import (
    Calls,
    compiled,
    execution,
    measure_cost,
    memory_pass,
    outside_the_network,
    sampling_of,
)
from bench.store.provenance import machine
from sfddm.denoiser import Denoiser
from sfddm.noise import ImageNoise

SLEEP = 0.02
BESIDE = 0.005  # seconds that the clock may see beside the call, at the least of several
MEBIBYTE = 2**20
PAGES = 4 * MEBIBYTE  # what the process may take beside the allocation that is looked for


def config() -> Config:
    """Digits at smoke scale."""
    return resolve(load_preset("digits"), "smoke", [])


class Sleeper(nn.Module):
    """A network whose one evaluation sleeps as long as it is told per image."""

    def __init__(self, fixed: float, per_image: float = 0.0):
        super().__init__()
        self.fixed, self.per_image, self.weight = fixed, per_image, nn.Parameter(torch.zeros(10))
        self.slept: list[float] = []  # on a busy machine longer than told, never shorter

    def forward(self, x: Tensor) -> Tensor:
        started = time.perf_counter()
        time.sleep(self.fixed + self.per_image * len(x))
        self.slept.append(time.perf_counter() - started)
        return x


def calls_of(network: nn.Module, evaluations: int, beside: float = 0.0) -> Calls:
    """Calls of a network so many times, that sleep beside it as well."""

    def prepare(batch: int) -> Callable[[], Tensor]:
        x = torch.zeros(batch, 1)

        def call() -> Tensor:
            for _ in range(evaluations):
                network(x)
            time.sleep(beside)
            return x

        return call

    return Calls(prepare, prepare)


def test_a_call_that_sleeps_has_that_latency_and_an_evaluation_its_share() -> None:
    network = Sleeper(SLEEP / 2)
    found = measure_cost(calls_of(network, 2), network, "cpu", CostSettings(seconds=0.5, repeats=10, batch=8), 4)
    latency = found["latency"]
    assert SLEEP <= latency["q25"] <= latency["median"] <= latency["q75"]
    assert latency["p95"] is None
    assert found["reasons"]["latency.p95"] == "fewer than 20 calls"
    first = 2 * latency["warm_up_calls"]
    slept = [sum(network.slept[first + 2 * i : first + 2 * i + 2]) for i in range(latency["repeats"])]
    beside = [seconds - own for seconds, own in zip(found["latency_samples"], slept, strict=True)]
    assert 0 <= min(beside) < BESIDE
    assert latency["repeats"] == len(found["latency_samples"]) <= 10
    assert found["first_call_seconds"] >= SLEEP
    assert found["nfe"] == 2
    assert found["seconds_per_nfe"] == latency["median"] / 2
    assert found["weights_bytes"] == 10 * 4


def test_what_is_not_there_is_none_with_a_reason() -> None:
    network = Sleeper(0.0)
    found = measure_cost(calls_of(network, 1), network, "cpu", CostSettings(seconds=0.02, repeats=3, batch=2), 1)
    for name in ("compile_seconds", "gpu_peak_bytes", "gpu_reserved_bytes", "gpu_device_bytes"):
        assert found[name] is None
        assert found["reasons"][name]
    missing = {name for name, value in found.items() if value is None}
    assert found["reasons"].keys() == missing | {"latency.p95"}


def test_the_peak_is_null_with_a_reason_where_the_system_cannot_reset_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost.memory, "reset_peak_rss", lambda: False)
    network = Sleeper(0.0)
    found = measure_cost(calls_of(network, 1), network, "cpu", CostSettings(seconds=0.02, repeats=3, batch=2), 1)
    assert found["rss_peak_bytes"] is None
    assert "reset" in found["reasons"]["rss_peak_bytes"]


def test_a_known_allocation_shows_in_the_peak_and_is_gone_from_the_next_pass() -> None:
    network, size = Sleeper(0.0), 96 * MEBIBYTE

    def allocating() -> Tensor:
        return torch.ones(size // 4).sum()

    memory_pass(allocating, network, "cpu")
    before = memory_pass(lambda: torch.zeros(1), network, "cpu")
    during = memory_pass(allocating, network, "cpu")
    after = memory_pass(lambda: torch.zeros(1), network, "cpu")
    assert abs(during["rss_peak_bytes"] - before["rss_peak_bytes"] - size) < PAGES
    assert abs(after["rss_peak_bytes"] - before["rss_peak_bytes"]) < PAGES
    assert abs(during["rss_added_bytes"] - size) < PAGES
    assert after["rss_added_bytes"] < PAGES


@pytest.mark.parametrize("steps", [1, 3, 8])
@pytest.mark.parametrize("name", ["ddim", "ddpm", "dpm-solver", "sfddm"])
def test_evaluations_of_a_method_are_counted(name: str, steps: int) -> None:
    sampling = sampling_of(config(), config().method(name), steps)
    denoiser = sampling.spec.denoiser(sampling.spec.fresh_network(0).eval())
    calls = sampling.calls(denoiser, (1, 8, 8), "cpu")
    assert outside_the_network(calls.full(2), denoiser.network, "cpu")[1] == steps
    assert outside_the_network(calls.short(2), denoiser.network, "cpu")[1] == min(steps, 2)
    images = calls.full(2)()
    assert images.dtype == torch.uint8
    assert images.shape == (2, 1, 8, 8)


def test_methods_that_make_the_same_calls_are_measured_once() -> None:
    own = config()
    alike = [sampling_of(own, own.method(name), 4).identity for name in ("sfddm", "ddim", "pd", "sfddm-trajectory")]
    assert all(identity == alike[0] for identity in alike)
    others = [("ddim", 8), ("ddpm", 4), ("dpm-solver", 4), ("ddim[clip=none]", 4)]
    different = [sampling_of(own, own.method(name), steps).identity for name, steps in others]
    assert all(identity != alike[0] for identity in different)
    assert all(one != other for one, other in itertools.combinations(different, 2))


def test_a_method_that_samples_its_own_way_is_measured_by_itself() -> None:
    class Twice(methods.get("ddim")):  # type: ignore[misc]
        name = "twice"

        def sample(self, denoiser: Denoiser, steps: int, noise: ImageNoise) -> Tensor:
            super().sample(denoiser, steps, noise)
            return super().sample(denoiser, steps, ImageNoise(0, range(2), (1, 8, 8)))

    own = config()
    twice = Twice(own.method("ddim").settings, own.teacher_spec())
    sampling = sampling_of(own, twice, 3)
    assert sampling.identity["method"] == "twice"
    denoiser = sampling.spec.denoiser(sampling.spec.fresh_network(0).eval())
    assert outside_the_network(sampling.calls(denoiser, (1, 8, 8), "cpu").full(2), denoiser.network, "cpu")[1] == 6


def test_the_overhead_is_what_a_call_does_outside_the_network() -> None:
    network = Sleeper(SLEEP)
    overhead, evaluations = outside_the_network(calls_of(network, 2, beside=SLEEP).full(1), network, "cpu")
    assert evaluations == 2
    assert SLEEP <= overhead < SLEEP + 4 * BESIDE


def test_a_batch_that_memory_would_not_hold_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Tensor] = []

    def prepare(batch: int) -> Callable[[], Tensor]:
        def call() -> Tensor:
            held[:] = [torch.ones(batch * MEBIBYTE // 4)]
            return held.pop()

        return call

    fits = cost.room_for(prepare, "cpu")
    monkeypatch.setattr(cost.memory, "available_bytes", lambda: 256 * MEBIBYTE)
    assert fits(32)
    assert not fits(256)
    monkeypatch.setattr(cost.memory, "available_bytes", lambda: None)
    assert fits(256)


def test_how_a_network_is_computed_is_read_off_the_network() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1))
    assert execution(network) == {"precision": "float32", "compile": False, "channels_last": False}
    network = network.to(torch.float64, memory_format=torch.channels_last)
    assert execution(network) == {"precision": "float64", "compile": False, "channels_last": True}
    assert compiled(torch.compile(network, backend="eager"))  # type: ignore[arg-type]
    network.compile(backend="eager")
    assert compiled(network)


def test_compile_time_is_the_first_call_beyond_a_steady_one(monkeypatch: pytest.MonkeyPatch) -> None:
    network, seconds = Sleeper(0.0), itertools.chain([5.0], itertools.repeat(0.25))

    def clock(call: Callable[[], object], device: str) -> float:
        call()
        return next(seconds)

    monkeypatch.setattr(cost, "synchronised_seconds", clock)
    network._orig_mod = None  # the mark of a compiled module
    found = measure_cost(calls_of(network, 1), network, "cpu", CostSettings(repeats=5, batch=1), 1)
    assert (found["first_call_seconds"], found["compile_seconds"]) == (5.0, 4.75)
    assert "compile_seconds" not in found["reasons"]


def test_every_cost_has_a_place_in_the_record_and_the_machine_is_described() -> None:
    network = Sleeper(0.0)
    found = measure_cost(calls_of(network, 1), network, "cpu", CostSettings(seconds=0.02, repeats=3, batch=2), 1)
    of_the_images = {"wall_seconds", "images_per_second"}  # measured while the cell's own images are sampled
    assert SamplingCost.model_fields.keys() - of_the_images <= found.keys()
    SamplingCost.model_validate({name: found[name] for name in SamplingCost.model_fields.keys() - of_the_images})
    described = machine("cpu")
    assert described["threads"] == torch.get_num_threads()
    for of_a_gpu in ("gpu", "driver", "cudnn", "tf32_matmul", "tf32_cudnn"):
        assert described[of_a_gpu] is None
