"""Grids against their definitions in the literature and the errors that keep a step count honest."""

import numpy as np
import pytest

from sfddm.errors import InputError, ParameterError
from sfddm.grids import AUTHORS_LISTS, timesteps

T = 1024
STEPS = [1, 2, 3, 7, 10, 100, 128, 1000, 1024]


@pytest.mark.parametrize("steps", STEPS)
def test_trailing_is_the_rounded_one_based_subsequence(steps: int) -> None:
    indices = timesteps("trailing", T, steps)
    assert indices[-1] == T - 1
    assert len(indices) == steps
    assert np.all(np.diff([-1, *indices]) >= 1)
    # phi_t = c t for t = 1..T', 0-based; at most half an index away if c is no integer.
    np.testing.assert_allclose(np.array(indices) + 1, np.arange(1, steps + 1) * T / steps, atol=0.5)


@pytest.mark.parametrize("steps", [1, 2, 128, 1024])
def test_trailing_equals_progressive_distillation_indices(steps: int) -> None:
    c = T // steps
    assert timesteps("trailing", T, steps) == [c * (j + 1) - 1 for j in range(steps)]


@pytest.mark.parametrize("steps", STEPS)
def test_leading_is_the_authors_zero_based_subsequence(steps: int) -> None:
    indices = timesteps("leading", T, steps)
    assert indices[0] == 0
    assert len(indices) == steps
    assert indices == [int(np.floor(np.float64(i) * T / steps)) for i in range(steps)]


def test_leading_never_reaches_the_last_timestep() -> None:
    assert timesteps("leading", T, 128)[-1] == T - 8


def test_quad_equals_the_ddim_authors_rule() -> None:
    assert timesteps("quad", 1000, 10) == [int(s) for s in np.linspace(0, np.sqrt(1000 * 0.8), 10) ** 2]


def test_uniform_that_would_make_other_calls_is_refused_with_their_number() -> None:
    with pytest.raises(InputError, match="67 network calls when 64 steps"):
        timesteps("uniform", 1000, 64)


def test_quad_with_duplicates_is_refused() -> None:
    with pytest.raises(InputError, match="not strictly increasing"):
        timesteps("quad", 1000, 100)


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_authors_lists_are_valid_at_sixteen_steps(name: str) -> None:
    assert timesteps(name, T, 16) == AUTHORS_LISTS[name]
    with pytest.raises(InputError, match="16 network calls when 8"):
        timesteps(name, T, 8)


@pytest.mark.parametrize(
    ("kind", "steps", "message"),
    [
        ("trailing", 0, "1 to 1024 possible"),
        ("trailing", 2000, "1 to 1024 possible"),
        ("zigzag", 4, "possible: trailing"),
        ([1, 2, 1024], 3, "possible 0..1023"),
        ([1, 3, 2], 3, "not strictly increasing"),
    ],
)
def test_bad_grid_names_what_is_possible(kind: str | list[int], steps: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        timesteps(kind, T, steps)


def test_an_error_names_its_parameter_and_nothing_of_a_command_line() -> None:
    for kind, steps, parameter in [("trailing", 2000, "steps"), ("zigzag", 4, "ddim.grid"), ("A", 4, "ddim.grid")]:
        with pytest.raises(ParameterError) as caught:
            timesteps(kind, T, steps, "ddim.grid")
        assert caught.value.parameter == parameter
        assert str(caught.value).startswith(f"{parameter}: ")
    with pytest.raises(ParameterError, match=r"^grid: 'trailling' given \(did you mean 'trailing'\?\), possible: "):
        timesteps("trailling", T, 4)
