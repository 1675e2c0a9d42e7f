"""Students that learn from themselves: fixed points on Gaussian data, and losses against the published forms.

On Gaussian data every map is linear, and the student that its own targets leave as it is is known in closed form.
"""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from helpers.closed_forms import VARIANCE, Linear, Smooth, gaussian, smooth_teacher
from helpers.moments import moment
from torch import Tensor

from baselines.bootstrap import Jump, Row, bootstrap_loss, two_in_one
from baselines.consistency import ConsistencyDistillation, ConsistencyTraining, EasyConsistencyTuning
from baselines.multistep import MultistepCD, segment_ends
from baselines.points import karras_point, nearest_index, noise_levels, trailing_point
from baselines.self_taught import SelfTaught
from baselines.shortcut import Shortcut
from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser, read
from sfddm.errors import ParameterError
from sfddm.grids import timesteps
from sfddm.sampler import ddim_step
from sfddm.targets import CLEAN, bootstrap_target, trajectory_target, with_clean
from sfddm.unet import UNetConfig

EXACT = 1e-12
SHAPE = (1, 4, 4)
SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=1), prediction="v")
TEACHER = gaussian("teacher")
LEVELS = noise_levels(TEACHER.alpha_bar)


def drawn(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def jump(t: int, m: int, s: int) -> Jump:
    return Jump(torch.tensor([t]), torch.tensor([m]), torch.tensor([s]))


def product_of_factors(points: list[int]) -> float:
    """Return what DDIM over the points makes of a latent of spread one, as a share of the data's: in closed form."""
    k = [0.0, *LEVELS[points].tolist()]  # sigma / alpha, the clean end first
    factors = [1 + (below - at) * at / (VARIANCE + at**2) for below, at in pairwise(k)]
    return math.prod(factors) * math.sqrt(k[-1] ** 2 + 1) / math.sqrt(VARIANCE)


@pytest.mark.parametrize(("count", "share"), [(2, 0.421), (8, 0.825), (32, 0.949), (128, 0.986), (1024, 0.998)])
@pytest.mark.parametrize("first", ["ddim", "image"])
def test_the_fixed_point_of_consistency_is_ddim_over_its_points(first: str, count: int, share: float) -> None:
    """Each point's target needs those below it alone, so one pass from the clean end finds the fixed point.

    Where distillation has the teacher's prediction, training has the mean of x0 given x_t: targets are linear.
    """
    points = timesteps("trailing", 1024, count)
    gain, x = torch.zeros(1024, dtype=torch.float64), drawn(1)
    student = replace(TEACHER, network=Linear(gain))
    for m, t in zip([CLEAN, *points[:-1]], points, strict=True):
        mean = TEACHER(x, torch.tensor([t])).x0
        target = two_in_one(Row(first, lambda _: jump(0, 0, 0)), TEACHER, student, x, mean, jump(t, m, CLEAN))
        gain[t] = (target / x).mean()
    made = float(gain[1023]) / math.sqrt(VARIANCE)
    assert made == pytest.approx(product_of_factors(points), rel=1e-9)
    assert made == pytest.approx(share, abs=6e-4)


def test_with_one_point_consistency_distillation_is_regression_on_the_teacher() -> None:
    x = drawn(1)
    target = two_in_one(Row("ddim", lambda _: jump(0, 0, 0)), TEACHER, TEACHER, x, x, jump(1023, CLEAN, CLEAN))
    assert torch.equal(target, TEACHER(x, torch.tensor([1023])).x0)


def test_segments_of_two_teacher_steps_have_progressive_distillations_fixed_point() -> None:
    """In the lower half of a segment the target is the teacher; the upper half's is then that of two teacher steps."""
    x, teacher = drawn(2), smooth_teacher("v")
    row = Row("ddim", lambda _: jump(0, 0, 0))
    for t, m, s in ((1023, 767, 511), (511, 255, CLEAN)):
        lower = two_in_one(row, teacher, smooth_teacher("eps"), x, x, jump(m, s, s))
        torch.testing.assert_close(lower, teacher(x, torch.tensor([m])).x0, rtol=EXACT, atol=EXACT)
        target = two_in_one(row, teacher, teacher, x, x, jump(t, m, s))
        path = torch.tensor([[t, m, s]])
        torch.testing.assert_close(target, trajectory_target(teacher, x, path, False), rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(("t", "m", "s"), [(1000, 999, 767), (900, 899, 767), (200, 100, CLEAN)])
def test_the_target_is_tracts(t: int, m: int, s: int) -> None:
    """x~ = (z_s sigma_t - z_t sigma_s) / (alpha_s sigma_t - alpha_t sigma_s): the authors' expression."""
    x, teacher, student = drawn(3), smooth_teacher("v"), smooth_teacher("eps")
    alpha_bar = with_clean(teacher.alpha_bar)
    ours = two_in_one(Row("ddim", lambda _: jump(0, 0, 0)), teacher, student, x, x, jump(t, m, s))

    def moved(z: Tensor, by: Denoiser, a: int, b: int) -> Tensor:
        x0 = by(z, torch.tensor([a])).x0
        alpha, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        return alpha[b] * x0 + sigma[b] / sigma[a] * (z - alpha[a] * x0)

    z_s = moved(moved(x, teacher, t, m), student, m, s)
    alpha, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    theirs = (z_s * sigma[t] - x * sigma[s]) / (alpha[s] * sigma[t] - alpha[t] * sigma[s])
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=EXACT * 1e3)


def spread_by(first: str, count: int) -> float:
    """Return the spread of what a solver's steps make over a trailing grid, as a share of the data's."""
    points, x = timesteps("trailing", 1024, count), drawn(1)
    z = x * 1.0
    row = Row(first, lambda _: jump(0, 0, 0))
    for t, m in zip(reversed(points), reversed([CLEAN, *points[:-1]]), strict=True):
        x1 = two_in_one(row, TEACHER, TEACHER, z, z, jump(t, m, m))
        alpha_bar = with_clean(TEACHER.alpha_bar)[[t, m]]
        z = ddim_step(z, read(x1, z, alpha_bar[:1], "x0"), alpha_bar[:1], alpha_bar[1:])
    return float((z / x).mean()) / math.sqrt(VARIANCE)


@pytest.mark.parametrize(("count", "plain", "heun"), [(8, 0.825, 0.936), (16, 0.905, 0.968), (64, 0.973, 0.992)])
def test_heun_with_a_ddim_step_across_the_last_gap_is_nearer_than_ddim(count: int, plain: float, heun: float) -> None:
    assert spread_by("ddim", count) == pytest.approx(plain, abs=6e-4)
    assert spread_by("heun", count) == pytest.approx(heun, abs=6e-4)


@pytest.mark.parametrize("count", [1, 3, 10, 64, 1000, 1024])
def test_points_that_are_drawn_are_those_of_the_trailing_grid(count: int) -> None:
    i = torch.arange(-1, count)
    assert trailing_point(i, count, 1024).tolist() == [CLEAN, *timesteps("trailing", 1024, count)]


@pytest.mark.parametrize("count", [3, 18, 40, 151])
def test_points_of_karras_are_those_of_the_table_whose_logarithms_are_nearest(count: int) -> None:
    wanted = [(0.002 ** (1 / 7) + i / (count - 1) * (80 ** (1 / 7) - 0.002 ** (1 / 7))) ** 7 for i in range(count)]
    table = [math.log(0.002), *LEVELS.log().tolist()]
    nearest = [min(range(len(table)), key=lambda j: abs(table[j] - math.log(level))) - 1 for level in wanted]
    points = karras_point(torch.arange(count), count, LEVELS).tolist()
    assert points == nearest
    assert (points[0], points[-1]) == (CLEAN, 1022)


def test_the_nearest_index_is_that_of_the_logarithm() -> None:
    index = torch.arange(1024)
    assert torch.equal(nearest_index(LEVELS * 1.0001, LEVELS), index)
    assert nearest_index(torch.tensor([0.0, -3.0, 0.002, 1e6], dtype=torch.float64), LEVELS).tolist() == [
        -1,
        -1,
        -1,
        1023,
    ]


def method(kind: type[SelfTaught], spec: DenoiserSpec = SPEC, **settings: object) -> SelfTaught:
    return kind(kind.Settings(**{"batch": 4, "iterations": 100, **settings}), spec)


ALL = [
    (ConsistencyDistillation, {}, 5),
    (ConsistencyDistillation, {"solver": "heun", "points": 18}, 6),
    (ConsistencyTraining, {}, 4),
    (EasyConsistencyTuning, {}, 4),
    (MultistepCD, {}, 5),
    (MultistepCD, {"target_ema": 0.5}, 5),
    (Shortcut, {"share": 0.25}, 4.25),
    (Shortcut, {"share": 0.5, "source": "images"}, 4.0),
    (Shortcut, {"middle": "next"}, 5),
]
NAMES = [f"{kind.name} {settings}" for kind, settings, _ in ALL]


@pytest.mark.parametrize(("kind", "settings", "cost"), ALL, ids=NAMES)
def test_an_update_costs_the_network_evaluations_that_its_fold_says(kind: type, settings: dict, cost: float) -> None:
    """Counted by hooks: images forward through the teacher, the target and the student, the last two times more."""
    (fold,) = method(kind, **settings).folds(4)
    assert float(fold.evaluations) == cost
    parent = SPEC.denoiser(SPEC.fresh_network(0))
    student = fold.student(parent, seed=0)
    target = fold.spec.fresh_network(1)
    seen = dict.fromkeys(("teacher", "target", "student"), 0)

    def counting(name: str, network: torch.nn.Module) -> None:
        def count(_: torch.nn.Module, given: tuple[Tensor, ...]) -> None:
            seen[name] += len(given[0])

        network.register_forward_pre_hook(count)

    for name, network in (("teacher", parent.network), ("target", target), ("student", student.network)):
        counting(name, network)
    value = fold.loss(parent, student)(student.network, torch.zeros(4, 1, 8, 8), moment(0, 40, 4, target, 100))
    assert torch.isfinite(value)
    assert seen["student"] == 4
    assert seen["teacher"] + seen["target"] + 3 * seen["student"] == cost * 4
    value.backward()
    assert all(weights.grad is None for network in (parent.network, target) for weights in network.parameters())


@pytest.mark.parametrize(("kind", "settings", "cost"), ALL, ids=NAMES)
def test_one_fold_serves_all_step_counts_but_for_segments(kind: type, settings: dict, cost: float) -> None:
    one, other = (method(kind, **settings).folds(steps)[0] for steps in (1, 16))
    assert (one.identity == other.identity) == (one.name == other.name)
    assert (one.name == other.name) == (kind is not MultistepCD)


@pytest.mark.parametrize(("kind", "settings", "cost"), ALL, ids=NAMES)
@pytest.mark.parametrize("iteration", [0, 50, 99])
def test_jumps_lead_down_and_stay_in_the_schedule(kind: type, settings: dict, cost: float, iteration: int) -> None:
    own = method(kind, **settings)
    t, m, s = own.row(10, LEVELS).draw(moment(0, iteration, 4000, total=100))
    assert (t > m).all()
    assert (m >= s).all()
    assert (s >= CLEAN).all()
    assert (t < 1024).all()
    if kind is MultistepCD:
        ends = [CLEAN, *timesteps("trailing", 1024, 10)]
        assert set(s.tolist()) <= set(ends)
        assert torch.equal(s, segment_ends(timesteps("trailing", 1024, 10))[t])


def test_a_segments_start_belongs_to_the_segment_below_it() -> None:
    assert segment_ends([2, 5]).tolist() == [-1, -1, -1, 2, 2, 2]


@pytest.mark.parametrize(("last", "there"), [(None, 1024), (256, 256), (64, 64)])
def test_a_segments_points_grow_to_the_last_of_them(last: int | None, there: int) -> None:
    own = method(MultistepCD, first_points=64, last_points=last, annealed=0.5)
    seen = {it: own.row(4, LEVELS).draw(moment(0, it, 20_000, total=100)).t.unique().tolist() for it in (0, 50, 99)}
    assert seen[0] == timesteps("trailing", 1024, 64)
    assert seen[50] == seen[99] == timesteps("trailing", 1024, there)
    assert own.folds(4)[0].anytime == (seen[0] == seen[99])  # a smaller budget is taken on the way to a larger one


def test_shortcuts_are_powers_of_two_and_halved() -> None:
    t, m, s = method(Shortcut, share=0.5).row(1, LEVELS).draw(moment(0, 0, 4000))
    length, some = t - s, 2000
    assert set(length[:some].tolist()) == {2**j for j in range(1, 11)}
    assert torch.equal((t - m)[:some] * 2, length[:some])
    assert set(length[some:].tolist()) == {1}
    assert torch.equal((t + 1) % length, torch.zeros_like(t))
    assert int(t.max()) == 1023


def test_consistency_trainings_schedules_are_the_published_ones() -> None:
    own = method(ConsistencyTraining)
    assert isinstance(own, ConsistencyTraining)
    assert [own.points(u) for u in (0.0, 0.25, 0.5, 1.0)] == [2, 76, 107, 151]
    assert own.target_decay(0.0) == pytest.approx(0.9**2)  # exp(s0 ln mu0 / N') with N' = 1
    assert own.target_decay(1.0) == pytest.approx(0.9 ** (2 / 150))


@pytest.mark.parametrize(("stage", "index", "below"), [(0, 800, 396), (0, 1000, 945), (3, 400, 323), (5, 1020, 1019)])
def test_easy_consistency_tunings_mapping_is_the_published_one_on_the_table(stage: int, index: int, below: int) -> None:
    own = method(EasyConsistencyTuning)
    assert isinstance(own, EasyConsistencyTuning)
    r = own.below(LEVELS[[index]], (stage + 0.5) / 8)
    assert abs(int(nearest_index(r, LEVELS).clamp(max=index - 1)) - below) <= 1


def test_easy_consistency_tuning_draws_the_published_lognormal() -> None:
    """P(k < k_0) = 6.9 %, P(k < k[100]) = 40 %, P(k > 20) = 2.0 %, of which the even draws are left out."""
    t = method(EasyConsistencyTuning, uniform=0.0).row(1, LEVELS).draw(moment(3, 0, 100_000)).t
    assert float((LEVELS[t] > 20).double().mean()) == pytest.approx(0.020, abs=0.002)
    assert float((t < 100).double().mean()) == pytest.approx(0.40, abs=0.01)
    assert int(method(EasyConsistencyTuning, uniform=1.0).row(1, LEVELS).draw(moment(3, 0, 10_000)).t.min()) < 5


class TwoTimes(Smooth):
    """A smooth function that also depends on where a step ends."""

    def forward(self, x: Tensor, t: Tensor, end: Tensor | None = None) -> Tensor:
        value = super().forward(x, t)
        return value if end is None else value + torch.sin(end.to(x) / 50).view(-1, 1, 1, 1)


def published(kind: str, x0: Tensor, eps: Tensor, t: Tensor, m: Tensor, s: Tensor) -> Tensor:
    """Return each method's loss written anew on y = x / alpha and sigma = k, as its paper writes it, float64."""
    k = torch.cat([LEVELS, LEVELS.new_zeros(1)])
    k_t, k_m, k_s = (k[index].view(-1, 1, 1, 1) for index in (t, m, s))
    network, teach = TwoTimes(), Smooth()

    def predict(net: torch.nn.Module, y: Tensor, at: Tensor, level: Tensor, **end: Tensor) -> Tensor:
        scale = 1 / (1 + level**2).sqrt()  # alpha
        return scale**2 * y - level * scale * net(y * scale, at, **end)  # x0 of v

    y_t = x0 + k_t * eps
    if kind in ("ct", "ect"):
        slope = (y_t - x0) / k_t
    else:
        end = {"end": m} if kind == "shortcut" else {}
        slope = (y_t - predict(network if end else teach, y_t, t, k_t, **end)) / k_t
    y_m = y_t + (k_m - k_t) * slope
    there, end = m.clamp(min=0), {"end": s} if kind == "shortcut" else {}
    there_k = torch.where(k_m == 0, LEVELS[0], k_m)
    at_m = predict(network, y_m, there, there_k, **end)
    y_s = torch.where(k_m == k_s, y_m, y_m + (k_s - k_m) * (y_m - at_m) / there_k)
    target = y_t - k_t * (y_s - y_t) / (k_s - k_t)
    target = torch.where(k_s == 0, torch.where(k_m == 0, y_m, at_m), target)
    error = predict(network, y_t, t, k_t, **end) - target
    if kind == "ect":
        norm = (error.square().flatten(1).sum(1) + 1e-8).sqrt() - 1e-4
        return (norm / (k_t - k_m).flatten().clamp(max=80)).mean()
    weight = 1.0 if kind == "ct" else 1 + 1 / k_t**2
    return (weight * error.square()).mean()


@pytest.mark.parametrize("name", ["cd", "ct", "ect", "multistep-cd", "shortcut"])
def test_a_loss_equals_the_published_form_on_equal_weights_and_draws(name: str) -> None:
    kind = {one.name: one for one, _, _ in ALL}[name]
    own = method(kind, **({"middle": "half", "share": 0.99} if name == "shortcut" else {}))
    two_times = name == "shortcut"
    teacher = smooth_teacher("v")
    student = replace(teacher, network=TwoTimes(), two_times=two_times)
    row = own.row(4, LEVELS)
    now = moment(5, 60, 16, student.network, 100)
    t, m, s = row.draw(now)
    eps = now.generator.normal(SHAPE).double()
    x0 = drawn(16, 9).clamp(-1, 1)
    again = moment(5, 60, 16, student.network, 100)
    original = again.generator.normal
    again.generator.normal = lambda shape=(): original(shape).double()  # type: ignore[method-assign]
    ours = bootstrap_loss(teacher, student, row)(student.network, x0, again)
    torch.testing.assert_close(ours, published(name, x0, eps, t, m, s), rtol=1e-8, atol=1e-8)


def test_the_clean_end_is_given_to_a_student_of_two_times() -> None:
    student = replace(smooth_teacher("v"), network=TwoTimes(), two_times=True)
    few = student.respaced([100, 500, 1023])
    assert few.end(torch.tensor([-1, 0, 1]))["end"].tolist() == [-1, 100, 500]


def test_bootstrap_target_of_equal_predictions_is_the_prediction() -> None:
    x1 = drawn(1)
    rho = 1 / LEVELS
    torch.testing.assert_close(bootstrap_target(x1, x1, rho[[900]], rho[[500]], rho[[2]]), x1, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(("kind", "settings", "cost"), ALL[::2], ids=NAMES[::2])
def test_every_setting_decides_something(kind: type, settings: dict, cost: float) -> None:
    """Each value that differs from the default gives another fold, or another sampler."""
    others: dict[str, object] = {
        "iterations": 7, "batch": 8, "optimizer": "radam", "learning_rate": 0.5, "warmup": 3, "decay": "linear",
        "ema": 0.5, "ema_warmup": True, "clip_gradient": 2.0, "flip": True, "prediction": "x0", "dropout": 0.5,
        "weight": "truncated-snr", "clip_target": True, "target_ema": 0.25, "sampler": "ddim", "solver": "heun",
        "points": 5, "first_points": 4, "last_points": 200, "first_decay": 0.5, "mean": 0.0, "spread": 1.0,
        "uniform": 0.5, "ratio": 3.0, "stages": 2, "annealed": 1.0, "source": "images", "middle": "next", "share": 0.25,
    }  # fmt: skip
    plain = method(kind)
    for name in kind.Settings.model_fields:
        init = "teacher" if plain.settings.init == "random" else "random"
        other = method(kind, **{name: init if name == "init" else others[name]})
        assert (other.folds(4)[0].identity, other.sampling()) != (plain.folds(4)[0].identity, plain.sampling()), name


def test_more_steps_than_there_are_levels_to_begin_at_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"^steps: 1024 given, 1 to 1023 possible: ect begins to sample where"):
        method(EasyConsistencyTuning).folds(1024)
