"""sfddm-trajectory's target against the teacher's own steps and progressive distillation's published formula."""

import pytest
import torch
from helpers.closed_forms import smooth_teacher

from sfddm.denoiser import Denoiser, Output, read
from sfddm.grids import timesteps
from sfddm.sampler import ddim_step
from sfddm.targets import trajectory_target
from sfddm.trajectory import path_table

ORACLE = 1e-12  # float64
SHAPE = (1, 4, 4)


def alpha_bar_at(teacher: Denoiser, index: int) -> torch.Tensor:
    return teacher.alpha_bar[index].view(1) if index >= 0 else torch.ones(1, dtype=torch.float64)


def one_step(x: torch.Tensor, x0: torch.Tensor, ab_t: torch.Tensor, ab_s: torch.Tensor) -> torch.Tensor:
    return ddim_step(x, Output(x0, read(x0, x, ab_t, "x0").eps), ab_t, ab_s)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("substeps", [2, 8, 64])
@pytest.mark.parametrize("student_index", [0, 7, 15])
def test_oracle_student_makes_in_one_step_what_the_teacher_makes_in_k(
    student_index: int, substeps: int, clip: bool
) -> None:
    teacher = smooth_teacher("v")
    path = path_table(timesteps("trailing", 1024, 16), substeps)[student_index : student_index + 1]
    x = torch.randn(1, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    expected = x
    for u, s in zip(path[0, :-1], path[0, 1:], strict=True):
        output = teacher(expected, u.view(1), clip)
        expected = ddim_step(expected, output, alpha_bar_at(teacher, int(u)), alpha_bar_at(teacher, int(s)))
    target = trajectory_target(teacher, x, path, clip)
    ab_t, ab_s = alpha_bar_at(teacher, int(path[0, 0])), alpha_bar_at(teacher, int(path[0, -1]))
    torch.testing.assert_close(one_step(x, target, ab_t, ab_s), expected, rtol=ORACLE, atol=ORACLE)


@pytest.mark.parametrize("steps", [1, 3, 7, 10, 100, 600, 1024])
def test_paths_join_up_and_step_down(steps: int) -> None:
    phi = timesteps("trailing", 1024, steps)
    paths = path_table(phi, 16)
    assert paths[:, 0].tolist() == phi
    assert paths[:, -1].tolist() == [-1, *phi[:-1]]
    assert (paths.diff(dim=1) <= 0).all()
    distinct = [len(set(row)) - 1 for row in paths.tolist()]
    assert distinct == [min(16, high - low) for high, low in zip(phi, [-1, *phi[:-1]], strict=True)]


def test_a_short_gap_in_the_batch_has_the_target_of_its_own_length() -> None:
    """Row 1 crosses two indices only; padded to K = 8 it must equal K = 2."""
    teacher = smooth_teacher("eps")
    x = torch.randn(1, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    phi = [500, 502, 900]
    padded = trajectory_target(teacher, x, path_table(phi, 8)[1:2], clip=True)
    exact = trajectory_target(teacher, x, path_table(phi, 2)[1:2], clip=True)
    torch.testing.assert_close(padded, exact, rtol=ORACLE, atol=ORACLE)
