"""The cost of sampling against calls of known duration, known evaluations and known memory."""

import itertools
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bench.config import methods
from bench.config.settings import CostSettings
from bench.metrics.sampling_cost import SamplingCost
from bench.stages import cost
from bench.stages.cost import (
    compiled,
    execution,
    measure_cost,
    memory_pass,
    quantiles,
    sampling_calls,
    throughput,
    warm_up,
)
from bench.store.provenance import machine
from sfddm.checkpoint import DenoiserSpec
from sfddm.unet import UNetConfig

SLEEP = 0.02
BESIDE = 0.005  # seconds that the clock may see beside the call, at the least of several
MEBIBYTE = 2**20
PAGES = 4 * MEBIBYTE  # what the process may take beside the allocation that is looked for

TINY = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=1, heads=1, head_dim=8), timesteps=64)


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


def calls_of(network: nn.Module, evaluations: int) -> Callable[[int], Callable[[], Tensor]]:
    def prepare(batch: int) -> Callable[[], Tensor]:
        x = torch.zeros(batch, 1)

        def call() -> Tensor:
            for _ in range(evaluations):
                network(x)
            return x

        return call

    return prepare


def test_a_call_that_sleeps_has_that_latency_and_an_evaluation_its_share() -> None:
    network = Sleeper(SLEEP / 2)
    found = measure_cost(calls_of(network, 2), network, "cpu", CostSettings(seconds=0.5, repeats=10, batch=8), 4)
    latency = found["latency"]
    assert SLEEP <= latency["q25"] <= latency["median"] <= latency["q75"] <= latency["p95"]
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
    assert found["reasons"].keys() == {name for name, value in found.items() if value is None}


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
    before = memory_pass(lambda: torch.zeros(1), network, "cpu")[0]["rss_peak_bytes"]
    during = memory_pass(allocating, network, "cpu")[0]["rss_peak_bytes"]
    after = memory_pass(lambda: torch.zeros(1), network, "cpu")[0]["rss_peak_bytes"]
    assert before is not None
    assert during is not None
    assert after is not None
    assert abs(during - before - size) < PAGES
    assert abs(after - before) < PAGES


@pytest.mark.parametrize("steps", [1, 3, 8])
@pytest.mark.parametrize("name", ["ddim", "ddpm", "dpm-solver"])
def test_evaluations_of_a_method_are_counted(name: str, steps: int) -> None:
    method = methods.get(name)(methods.get(name).Settings(), TINY)
    denoiser = TINY.denoiser(TINY.fresh_network(0).eval())
    prepare = sampling_calls(method, denoiser, steps, (1, 8, 8), "cpu")
    assert memory_pass(prepare(2), denoiser.network, "cpu")[1] == steps
    images = prepare(2)()
    assert images.dtype == torch.uint8
    assert images.shape == (2, 1, 8, 8)


def test_the_warm_up_ends_when_three_medians_agree() -> None:
    # The first call, then groups of three with medians 4, 2, 1, 1, 1.
    durations = [9.0, 4, 4, 9, 2, 2, 9, 1, 1, 9, 1, 1, 1, 1, 0, 1]
    calls = iter(durations)
    found = warm_up(lambda: next(calls), limit=10.0)
    assert (found.first_seconds, found.calls, found.stable) == (9.0, len(durations), True)


def test_a_warm_up_that_never_settles_ends_and_says_so() -> None:
    growing = itertools.count(1.0)
    found = warm_up(lambda: next(growing), limit=10.0)
    assert not found.stable
    assert found.calls == 1 + cost.GROUP * cost.MOST_GROUPS
    assert warm_up(lambda: 1.0, limit=0.0).calls == 1


def test_throughput_finds_the_batch_after_which_nothing_is_gained() -> None:
    # 1 s a call plus 1 s an image beyond 8: the best is 8 images per second, at a batch of 8.
    curve, stopped = throughput(lambda n: 1.0 + max(0, n - 8), 1.0, CostSettings(seconds=1e6, batch=1024))
    assert max(curve, key=lambda size: curve[size]) == 8
    assert curve == {1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0, 16: 16 / 9, 32: 32 / 25}
    assert stopped == "no larger batch was faster"


def test_throughput_stops_at_its_limits() -> None:
    assert throughput(lambda n: 1.0, 1.0, CostSettings(seconds=1e6, batch=4)) == (
        {1: 1.0, 2: 2.0, 4: 4.0},
        "the largest batch, 4",
    )
    assert throughput(lambda n: 1.0, 1.0, CostSettings(seconds=7.0, batch=4))[0] == {1: 1.0}

    def full_at_4(batch: int) -> float:
        if batch == 4:
            raise torch.cuda.OutOfMemoryError
        return 1.0

    curve, stopped = throughput(full_at_4, 1.0, CostSettings(seconds=1e6))
    assert curve == {1: 1.0, 2: 2.0}
    assert "memory, at a batch of 4" in stopped


def test_quantiles_are_those_of_known_numbers() -> None:
    assert quantiles([float(n) for n in range(101)]) == {
        "median": 50.0,
        "q25": 25.0,
        "q75": 75.0,
        "p95": 95.0,
        "repeats": 101,
    }


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
