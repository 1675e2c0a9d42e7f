"""Every way to run a network against the plain one."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from baselines.consistency import ConsistencyDistillation, EasyConsistencyTuning
from baselines.multistep import MultistepCD
from baselines.self_taught import SelfTaught
from baselines.shortcut import Shortcut
from sfddm import performance
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss
from sfddm.denoiser import Denoiser
from sfddm.errors import InputError
from sfddm.performance import Fast, Performance
from sfddm.single_fold import SingleFoldSettings, single_fold_loss
from sfddm.training import Loss, Moment, Step, Training, TrainSettings, train
from sfddm.trajectory import path_table, trajectory_loss
from sfddm.unet import UNetConfig

CONFIG = UNetConfig(dim=16, dim_mults=(1, 2), channels=1, heads=2, head_dim=8)
SPEC = DenoiserSpec(network=CONFIG, timesteps=64)
FEW = SPEC.model_copy(update={"indices": tuple(range(7, 64, 8)), "time_input": "phi", "prediction": "v"})
ROUNDING = 1e-5  # of float32 gradients, relative to the largest of a tensor: sums in another order
X0 = torch.rand(10, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(autouse=True)
def precision_as_before() -> Iterator[None]:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


def teacher_case() -> tuple[Denoiser, Loss]:
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    return denoiser, ddpm_loss(denoiser)


def single_fold_case() -> tuple[Denoiser, Loss]:
    few = FEW.model_copy(update={"prediction": "eps"})
    teacher, student = SPEC.denoiser(SPEC.fresh_network(0)), few.denoiser(SPEC.fresh_network(1))
    return student, single_fold_loss(teacher.respaced(range(7, 64, 8)), student, SingleFoldSettings())


def trajectory_case() -> tuple[Denoiser, Loss]:
    teacher, student = SPEC.denoiser(SPEC.fresh_network(0)), FEW.denoiser(SPEC.fresh_network(1))
    return student, trajectory_loss(teacher, student, path_table(range(7, 64, 8), 2), "truncated-snr", True)


def self_taught_case(kind: type[SelfTaught], **settings: int) -> Callable[[], tuple[Denoiser, Loss]]:
    def case() -> tuple[Denoiser, Loss]:
        (fold,) = kind(kind.Settings(**settings), SPEC.model_copy(update={"prediction": "v"})).folds(4)
        student = fold.spec.denoiser(fold.spec.fresh_network(1))
        if hasattr(student.network, "span") and student.network.span is not None:
            nn.init.normal_(student.network.span.second.weight, std=0.1, generator=torch.Generator().manual_seed(2))
        return student, fold.loss(SPEC.denoiser(SPEC.fresh_network(0)), student)

    return case


CASES = {
    "teacher": teacher_case,
    "sfddm": single_fold_case,
    "sfddm-trajectory": trajectory_case,
    "cd": self_taught_case(ConsistencyDistillation, points=4),
    **{kind.name: self_taught_case(kind) for kind in (EasyConsistencyTuning, MultistepCD, Shortcut)},
}


def gradients(case: Callable[[], tuple[Denoiser, Loss]], performance: Performance) -> tuple[float, dict]:
    """Return the loss of one iteration and the gradient of every weight."""
    denoiser, loss = case()
    training = Training(denoiser.network, TrainSettings(batch=len(X0)), 5, performance)
    value = Step(training, loss, "cpu")(X0).item()
    return value, {name: weights.grad for name, weights in denoiser.network.named_parameters()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize(
    "performance",
    [
        Performance(micro_batch=4),
        Performance(micro_batch=1),
        Performance(checkpointing=True),
        Performance(channels_last=True),
    ],
    ids=["parts of 4", "parts of 1", "checkpointing", "channels last"],
)
def test_gradients_equal_the_plain_ones(case: Callable[[], tuple[Denoiser, Loss]], performance: Performance) -> None:
    value, fast = gradients(case, performance)
    expected, plain = gradients(case, Performance())
    assert value == pytest.approx(expected, rel=ROUNDING)
    largest = max(gradient.abs().max().item() for gradient in plain.values())
    for name, gradient in plain.items():
        scale = max(gradient.abs().max().item(), 1e-3 * largest)  # a bias before a norm has none but rounding
        torch.testing.assert_close(fast[name], gradient, rtol=0, atol=ROUNDING * scale, msg=name)


class Watched(nn.Module):
    """A network that notes in which dtype its convolutions compute."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = SPEC.fresh_network(0)
        self.seen: set[torch.dtype] = set()
        self.inner.stem.register_forward_hook(lambda *args: self.seen.add(args[2].dtype))

    def forward(self, x: torch.Tensor, t: torch.Tensor, return_hidden: bool = False) -> object:
        return self.inner(x, t, return_hidden)


def test_bf16_is_around_the_network_only() -> None:
    network = Watched()
    training = Training(network, TrainSettings(iterations=3, batch=4, ema=0.5), 0, Performance(precision="bf16"))
    denoiser = SPEC.denoiser(network)
    seen: list[torch.dtype] = []

    def loss(inner: nn.Module, x0: torch.Tensor, moment: Moment) -> torch.Tensor:
        assert not torch.is_autocast_enabled("cpu")
        assert isinstance(inner, Fast)
        assert all(part.dtype == torch.float32 for part in inner(x0, torch.zeros(len(x0)), return_hidden=True))
        value = ddpm_loss(denoiser)(inner, x0, moment)
        seen.append(value.dtype)
        return value

    train(training, loss, torch.zeros(5, 1, 8, 8, dtype=torch.uint8), "cpu")
    assert network.seen == {torch.bfloat16}
    assert set(seen) == {torch.float32}
    state = [*network.parameters(), *training.result.parameters()]
    state += [value for slot in training.optimizer.state.values() for value in slot.values()]
    assert {tensor.dtype for tensor in state} == {torch.float32}


def test_bf16_gives_the_output_within_its_rounding_and_not_that_of_float32() -> None:
    network, t = SPEC.fresh_network(0), torch.arange(10)
    fast = Performance(precision="bf16").network(network)(X0, t)
    plain = network(X0, t)
    assert not torch.equal(fast, plain)
    torch.testing.assert_close(
        fast, plain, rtol=0, atol=0.05 * plain.abs().max().item()
    )  # 2^-8 a layer, some 40 layers


def test_only_precision_decides_numbers_and_only_off_its_default() -> None:
    assert Performance(compile=True, channels_last=True, micro_batch=2, checkpointing=True).decides() == {}
    assert Performance(precision="bf16").decides() == {"precision": "bf16"}
    assert Performance(precision="tf32").decides() == {"precision": "tf32"}


def test_a_device_fills_in_what_is_not_chosen() -> None:
    assert Performance().on("cuda:0") == Performance(compile=True, channels_last=False)
    for precision in ("tf32", "bf16"):
        assert Performance(precision=precision).on("cuda:0").channels_last
    assert Performance().on("cpu") == Performance(compile=False, channels_last=False)
    assert Performance(compile=False).on("cuda").compile is False


def test_the_precision_of_float32_products_is_set() -> None:
    Performance(precision="tf32").network(SPEC.fresh_network(0))
    assert torch.get_float32_matmul_precision() == "high"
    assert torch.backends.cudnn.allow_tf32
    network = SPEC.fresh_network(0)
    assert Performance().network(network) is network
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cudnn.allow_tf32


def test_checkpointing_of_a_network_that_cannot_is_refused() -> None:
    with pytest.raises(InputError, match="checkpointing: this network cannot"):
        Performance(checkpointing=True).network(nn.Conv2d(1, 1, 1))


def test_a_compiled_network_is_the_same_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced without a C++ compiler: what is compiled is compared with what is not."""
    traced: list[nn.Module] = []

    def tracing(network: nn.Module, compiler: Callable = torch.compile, **options: object) -> object:
        traced.append(network)
        return compiler(network, backend="eager", dynamic=options["dynamic"])

    monkeypatch.setattr(torch, "compile", tracing)
    small = SPEC.model_copy(update={"network": UNetConfig(dim=8, dim_mults=(1,), channels=1, heads=1, head_dim=8)})
    network, t = small.fresh_network(0), torch.arange(10)
    monkeypatch.setattr(performance, "fault", lambda device: None)
    fast = Performance(compile=True).network(network, frozen=True)
    assert traced == [network]
    for one, other in zip(fast(X0, t, return_hidden=True), network(X0, t, return_hidden=True), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
