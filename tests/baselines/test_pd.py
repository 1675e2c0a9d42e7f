"""Progressive distillation against the published formula, the teacher's own two steps, and index arithmetic."""

from itertools import pairwise

import pytest
import torch
from helpers.closed_forms import exact_teacher, smooth_teacher

from baselines.pd import PDSettings, ProgressiveDistillation, first_steps, halving_paths
from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser, Output, read
from sfddm.errors import ParameterError
from sfddm.sampler import ddim_step
from sfddm.targets import trajectory_target
from sfddm.unet import UNetConfig

FORMULA = 1e-10  # float64, against a formula that cancels
ORACLE = 1e-12
SHAPE = (1, 4, 4)
ONE = torch.ones(1, dtype=torch.float64)


def method(timesteps: int = 1024) -> ProgressiveDistillation:
    spec = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=1), timesteps=timesteps)
    return ProgressiveDistillation(PDSettings(), spec)


def level(teacher: Denoiser, index: int) -> torch.Tensor:
    return teacher.alpha_bar[index].view(1) if index >= 0 else ONE


def two_steps(teacher: Denoiser, z: torch.Tensor, t: int, m: int, s: int) -> tuple[torch.Tensor, torch.Tensor]:
    first = ddim_step(z, teacher(z, torch.tensor([t])), level(teacher, t), level(teacher, m))
    second = teacher(first, torch.tensor([m]))
    return ddim_step(first, second, level(teacher, m), level(teacher, s)), second.x0


@pytest.mark.parametrize("students", [2**k for k in range(13)])
def test_target_equals_the_published_formula(students: int) -> None:
    """x~ = (z_s - (sigma_s/sigma_t) z) / (alpha_s - (sigma_s/sigma_t) alpha_t), and the second x0 at the end."""
    teacher = smooth_teacher("v", 2 * students)
    for j in {0, students // 3, students // 2, students - 1}:
        t, m, s = halving_paths(students)[j].tolist()
        z = torch.randn(1, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(j))
        z_s, second_x0 = two_steps(teacher, z, t, m, s)
        ratio = ((1 - level(teacher, s)) / (1 - level(teacher, t))).sqrt()
        published = (z_s - ratio * z) / (level(teacher, s).sqrt() - ratio * level(teacher, t).sqrt())
        expected = published if s >= 0 else second_x0
        ours = trajectory_target(teacher, z, torch.tensor([[t, m, s]]), clip=False)
        torch.testing.assert_close(ours, expected, rtol=FORMULA, atol=FORMULA)


@pytest.mark.parametrize("students", [1, 2, 16, 512])
@pytest.mark.parametrize("place", ["end", "middle", "start"])
def test_oracle_student_makes_in_one_step_what_the_teacher_makes_in_two(students: int, place: str) -> None:
    teacher = smooth_teacher("v", 1024).respaced(list(range(1024 // (2 * students) - 1, 1024, 1024 // (2 * students))))
    j = {"end": 0, "middle": students // 2, "start": students - 1}[place]
    t, m, s = halving_paths(students)[j].tolist()
    z = torch.randn(1, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(students))
    expected, _ = two_steps(teacher, z, t, m, s)
    x0 = trajectory_target(teacher, z, torch.tensor([[t, m, s]]), clip=False)
    eps = read(x0, z, level(teacher, t), "x0").eps
    ours = ddim_step(z, Output(x0, eps), level(teacher, t), level(teacher, s))
    torch.testing.assert_close(ours, expected, rtol=ORACLE, atol=ORACLE)


def test_every_fold_of_a_power_of_two_has_the_published_index_triples() -> None:
    """Student step j of N on a discrete T = 1024 teacher: t = c(j+1)-1, midpoint cj + c/2 - 1, s = cj - 1, c = T/N."""
    chain = method().chain(1)
    assert [len(indices) for indices in chain] == [2**k for k in range(10, -1, -1)]
    for doubled, students in pairwise(chain):
        n, c = len(students), 1024 // len(students)
        triples = [[doubled[i] if i >= 0 else -1 for i in row] for row in halving_paths(n).tolist()]
        assert triples == [[c * (j + 1) - 1, c * j + c // 2 - 1, c * j - 1] for j in range(n)]


@pytest.mark.parametrize(
    ("steps", "start", "folds"), [(10, 640, 6), (100, 800, 3), (1, 1024, 10), (600, 600, 0), (1024, 1024, 0)]
)
def test_a_chain_starts_at_the_largest_doubling_within_the_teacher(steps: int, start: int, folds: int) -> None:
    assert first_steps(1024, steps) == (start, folds)
    chain = method().chain(steps)
    assert [len(indices) for indices in chain] == [start >> k for k in range(folds + 1)]
    for indices in chain:
        assert indices[-1] == 1023
        assert all(low < high for low, high in zip([-1, *indices], indices, strict=False))


def test_an_impossible_step_count_is_refused() -> None:
    for steps in (0, 1025):
        for ask in (method().timesteps, method().chain, method().folds):
            with pytest.raises(ParameterError, match=f"^steps: {steps} given, 1 to 1024 possible"):
                ask(steps)


def test_folds_of_a_sweep_are_shared() -> None:
    to_one, to_four = method().folds(1), method().folds(4)
    assert [(fold.spec, fold.settings) for fold in to_four] == [(fold.spec, fold.settings) for fold in to_one[:8]]


def test_a_distilled_posterior_mean_reaches_the_teachers_own_two_step_result() -> None:
    """A student that stores the target of an exact teacher samples in one step what that teacher samples in two."""
    points = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    teacher = exact_teacher(points).respaced([511, 1023])
    z = torch.randn(32, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    path = halving_paths(1).expand(32, 3)
    target = trajectory_target(teacher, z, path, clip=False)
    first = teacher(z, path[:, 0])
    z_m = ddim_step(z, first, teacher.alpha_bar[path[:, 0]], teacher.alpha_bar[path[:, 1]])
    torch.testing.assert_close(target, teacher(z_m, path[:, 1]).x0, rtol=ORACLE, atol=ORACLE)
