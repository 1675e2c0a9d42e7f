"""Every piece on the CPU, small: it holds, or says that a CPU cannot tell; and each is missed by what it is to find."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.gpu import execution, graphs, memory, others, out_of_memory, parity, precision, processes, resume, waits
from bench.gpu.piece import NOT_ON_CPU, Found, Setup, piece
from bench.gpu.same_noise import same_noise
from bench.stages.sampling import ShardSampler
from sfddm.noise import part_generator


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup("cpu", True, tmp_path)


def found(name: str, setup: Setup) -> dict[str, Found]:
    """Return what each part of a piece finds."""
    results: dict[str, Found] = {}
    for part, work in piece(name).parts.items():
        results[part] = work(setup, {key: value.values for key, value in results.items()})
    return results


@pytest.mark.parametrize("name", ["parity", "resume", "out_of_memory", "processes"])
def test_holds_on_the_cpu(name: str, setup: Setup) -> None:
    assert {part: one.said for part, one in found(name, setup).items() if not one.holds} == {}


def test_a_device_that_rounds_to_bfloat16_has_no_parity(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    own, calls = parity.numbers, []

    def rounded(*given: Any) -> dict[str, torch.Tensor]:
        calls.append(given)
        values = own(*given)
        return values if len(calls) == 1 else {key: value.bfloat16() for key, value in values.items()}

    monkeypatch.setattr(parity, "numbers", rounded)
    one = piece("parity").parts["sfddm"](setup, {})
    assert one.holds is False
    assert 1e-4 < one.values["images"] < 1e-2


def test_a_state_that_is_loaded_otherwise_is_found(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    own = resume.load_state

    def damaged(*given: Any) -> Any:
        state = own(*given)
        assert state is not None
        for slots in state["optimizer"]["state"].values():
            slots["exp_avg_sq"] *= 1.5
        return state

    monkeypatch.setattr(resume, "load_state", damaged)
    one = piece("resume").parts["contiguous"](setup, {})
    assert one.holds is False
    assert one.values["loss"] > resume.TOLERANCE


def test_the_same_noise_is_drawn_for_another_kind_of_device() -> None:
    class Elsewhere(torch.Generator):  # of the CPU, that says it is another device's
        device = torch.device("meta")

    plain = part_generator(3, 4, range(2), 2)
    wanted = torch.randint(9, (2,), generator=plain), torch.randn(2, generator=plain)
    drawn = []
    generator = Elsewhere()
    generator.manual_seed(plain.initial_seed())
    own = torch.Tensor.to

    def noted(value: torch.Tensor, *given: Any) -> torch.Tensor:
        drawn.append(value)
        return own(value, *given)

    with same_noise(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "to", noted)
        assert torch.randint(9, (2,), generator=generator, device=generator.device).device.type == "meta"
        assert torch.randn(2, generator=generator, device=generator.device).device.type == "meta"
    assert [torch.equal(one, other) for one, other in zip(drawn, wanted, strict=True)] == [True, True]
    assert torch.randn(2, generator=torch.Generator().manual_seed(0)).device.type == "cpu"


def test_memory_of_a_known_tensor(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.known_tensor(setup, {}).holds
    monkeypatch.setattr(memory, "memory_pass", doubled(memory.memory_pass))
    assert memory.known_tensor(setup, {}).holds is False


def doubled(own: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def doubled_peaks(*given: Any) -> dict[str, Any]:
        return {key: value and 2 * value for key, value in own(*given).items()}

    return doubled_peaks


def test_what_a_cpu_cannot_say_is_said(setup: Setup) -> None:
    one = piece("memory").parts["ddim"](setup, {})
    assert one.holds is None
    assert NOT_ON_CPU in one.said
    two = piece("waits").parts["teacher"](setup, {})
    assert (two.holds, two.values["others"]) == (None, {})


def test_the_line_that_reads_the_loss_is_the_one_that_waits() -> None:
    name, _, line = waits.reading_the_loss().partition(":")
    assert ".item()" in (Path(__file__).parents[3] / name).read_text().splitlines()[int(line) - 1]


def test_memory_that_holds_everything_halves_nothing(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_of_memory, "simulated", lambda task: task)
    one = piece("out_of_memory").parts["sampling"](setup, {})
    assert (one.holds, one.values["unit"]) == (False, one.values["full"])


def test_losses_of_two_processes_that_differ_are_found(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    own = processes.trained
    monkeypatch.setattr(processes, "trained", lambda *given: [1.1 * value for value in own(*given)])
    assert piece("processes").parts["two on one device"](setup, {}).holds is False


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have graphs traced and counted as ever, and then run as they are, without a C++ compiler."""
    own = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, **given: own(network, backend="eager", dynamic=False))


def cold(sampler: ShardSampler, size: int) -> None:
    """Take the size of a unit, and warm nothing up."""
    sampler.size = size


@pytest.mark.usefixtures("tracing")
def test_graphs_are_compiled_before_the_clock(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    results = found("graphs", setup)
    assert {part: one.said for part, one in results.items() if not one.holds} == {}
    assert results["sampling"].values["before"] > 0
    monkeypatch.setattr(graphs.ShardSampler, "_warm_up", cold)  # it compiles outside the clock
    graphs.forget()
    assert piece("graphs").parts["sampling"](setup, {}).holds is False


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("part", ["training, bf16", "sampling, bf16"])
def test_ways_to_execute_are_timed(part: str, setup: Setup) -> None:
    one = piece("execution").parts[part](setup, {})
    rows = one.values["rows"]
    ways = ["eager", "eager, channels_last", "compiled", "compiled, channels_last", execution.AGAIN]
    assert (one.holds, list(rows)) == (True, ways)
    assert rows["eager"]["faster_by"] == 1
    assert all(row["rate"] > 0 and row["low"] <= row["faster_by"] <= row["high"] for row in rows.values())
    assert (rows["compiled"]["compile_seconds"] > 0) == part.startswith("sampling")  # all that compiles on a CPU


def test_each_precision_stands_beside_float32(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "SEEDS", (0, 1))
    monkeypatch.delitem(precision.WAYS, "tf32")  # on a CPU it is fp32
    earlier = {"features": precision.features(setup, {}).values}
    for name, way in precision.WAYS.items():
        for seed in precision.SEEDS:
            part = precision.part(name, seed)
            earlier[part] = precision.trained_in(setup, earlier, way, seed).values
    assert earlier["fp32, seed 0"]["fd"] == earlier["fp32 again, seed 0"]["fd"] != earlier["bf16, seed 0"]["fd"]
    assert precision.beside_float32(setup, earlier, "bf16").holds
    assert precision.beside_float32(setup, earlier, precision.AGAIN).values["same_seed"] == [0, 0]
    for seed in precision.SEEDS:
        earlier[precision.part("bf16", seed)]["fd"] += 1000
    assert precision.beside_float32(setup, earlier, "bf16").holds is False


@pytest.mark.parametrize("part", ["training", "sampling"])
def test_other_packages_work_beside_ours(part: str, setup: Setup) -> None:
    one = piece("others").parts[part](setup, {})
    assert list(one.values["rows"]) == [
        "sfddm-bench",
        "sfddm-bench, float32",
        "denoising-diffusion-pytorch",
        "diffusers",
        "sfddm-bench (again)",
    ]
    assert (one.holds, NOT_ON_CPU in one.said) == (None, True)


def test_other_packages_that_are_missing_or_fail_are_left_out(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("no such\nattribute")

    monkeypatch.setitem(others.MODULES, "diffusers", "not_a_module")
    monkeypatch.setattr(others, "lucidrains_sampling", fails)
    said = piece("others").parts["sampling"](setup, {}).said
    assert said.endswith("; denoising-diffusion-pytorch: failed: no such attribute; diffusers: not installed")


def test_its_trainer_multiplies_as_torch_does_by_default() -> None:
    seen = []
    torch.backends.cudnn.allow_tf32 = False
    others.as_users_have_it(lambda count: seen.append((count, torch.backends.cudnn.allow_tf32)))(3)
    torch.backends.cudnn.allow_tf32 = False
    assert seen == [(3, True)]
