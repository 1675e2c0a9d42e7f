"""Compiled graphs: counted, none inside a clock, limited with an error, and done without where they cannot be made."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._inductor import freezing

from bench.stages.sampling import ShardSampler, Task
from sfddm import compiling, performance
from sfddm.checkpoint import DenoiserSpec
from sfddm.compiling import compile_network, compiled, fault, forget
from sfddm.noise import ImageNoise
from sfddm.performance import Performance, set_products
from sfddm.sampler import ddim
from sfddm.unet import UNetConfig

SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1, heads=1, head_dim=8), timesteps=4)
SHAPE = (1, 8, 8)
own_compile = torch.compile


@pytest.fixture(autouse=True)
def no_graphs_before_or_after() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def traced_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have graphs traced and counted as ever, and then run as they are, without a C++ compiler."""

    def tracing(network: nn.Module, **options: object) -> object:
        return own_compile(network, backend="eager", dynamic=options["dynamic"])

    monkeypatch.setattr(torch, "compile", tracing)
    monkeypatch.setattr(performance, "fault", lambda device: None)


def task_of(fast: object) -> Task:
    denoiser = fast  # a Denoiser
    return Task(
        label="images",
        denoiser=denoiser,  # type: ignore[arg-type]
        sample=lambda noise: ddim(denoiser, noise),  # type: ignore[arg-type]
        noise=lambda images: ImageNoise(0, images, SHAPE),
        shape=SHAPE,
        count=100,
    )


@pytest.mark.usefixtures("traced_only")
def test_no_graph_is_compiled_while_the_clock_of_sampling_runs() -> None:
    """It was three: the warm-up ran under inference_mode, and its graph was never used again."""
    denoiser = SPEC.denoiser(SPEC.fresh_network(0).eval())
    with Performance(compile=True).sampling(denoiser) as fast:
        before = compiled.count
        sampler = ShardSampler(task_of(fast), "cpu")
        assert compiled.count > before
        assert sampler.seconds == 0
        warm = compiled.count
        images, shard = sampler.shard(range(100))
        assert compiled.count == warm
    assert shard.calls == 2 * 4  # two units of 64, four steps
    plain = ShardSampler(task_of(denoiser), "cpu").shard(range(100))[0]
    assert np.abs(images.astype(int) - plain).max() <= 1


@pytest.mark.usefixtures("traced_only")
def test_more_shapes_than_the_limit_are_an_error_and_not_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "MOST_GRAPHS", 2)
    network = compile_network(nn.Linear(3, 3))
    for batch in (2, 3):
        network(torch.zeros(batch, 3))
    with pytest.raises(Exception, match=r"recompile[ _]limit"):  # of torch, whose class differs by version
        network(torch.zeros(4, 3))
    forget()  # as when a stage begins
    compile_network(nn.Linear(3, 3))(torch.zeros(5, 3))


def test_where_nothing_can_be_compiled_a_network_runs_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Callable[[Tensor], Tensor]:
        def fails(x: Tensor) -> Tensor:
            raise RuntimeError("no C++ compiler\nwas found")

        return fails

    monkeypatch.setattr(torch, "compile", broken)
    fault.cache_clear()
    try:
        assert fault("cpu") == "no C++ compiler was found"
        denoiser = SPEC.denoiser(SPEC.fresh_network(0).eval())
        with Performance(compile=True).sampling(denoiser) as fast:
            assert fast.network is denoiser.network
    finally:
        fault.cache_clear()


@pytest.mark.slow
def test_a_frozen_network_on_the_cpu_is_the_same_function() -> None:
    """By the real compiler; its seconds are counted."""
    network = SPEC.fresh_network(0).eval()
    before = compiled.seconds
    fast = compile_network(network, frozen=True)
    x, t = torch.randn(16, *SHAPE, generator=torch.Generator().manual_seed(0)), torch.tensor([2])
    with torch.no_grad():
        torch.testing.assert_close(fast(x, t), network(x, t), rtol=1e-5, atol=1e-5)
    assert compiled.seconds > before


def test_the_precision_can_be_told_inside_and_after_exact_products() -> None:
    from bench.metrics.features import exact_float32

    set_products("tf32")
    try:
        with exact_float32():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        set_products("fp32")


def test_deterministic_algorithms_are_of_the_work_alone() -> None:
    denoiser = SPEC.denoiser(SPEC.fresh_network(0).eval())
    with Performance(deterministic=True).sampling(denoiser):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    assert Performance(deterministic=True).decides() == {}


@pytest.mark.slow
@pytest.mark.skipif(fault("cpu") is not None, reason="nothing can be compiled here")
def test_frozen_weights_are_constants_of_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given as an option of `torch.compile` they stayed inputs, and sampling was slower than eager."""
    own, inputs = freezing.freeze, []

    def noted(*given: Any, **named: Any) -> Any:
        graph, kept = own(*given, **named)
        inputs.append(len(kept))
        return graph, kept

    monkeypatch.setattr(freezing, "freeze", noted)
    fast = compile_network(SPEC.fresh_network(0).eval(), frozen=True)
    with torch.no_grad():
        fast(torch.randn(3, *SHAPE), torch.zeros(1, dtype=torch.long))
    assert inputs == [2]  # images and time, and no weights
