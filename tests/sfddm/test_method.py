"""What a method does by itself: DDIM with the teacher, on the trailing grid or the one that a setting names."""

from dataclasses import replace

import pytest
import torch
from helpers.closed_forms import smooth_teacher

from sfddm.checkpoint import DenoiserSpec
from sfddm.errors import ParameterError
from sfddm.grids import leading, trailing
from sfddm.method import Fold, Method, MethodSettings, share_budget
from sfddm.noise import ImageNoise
from sfddm.sampler import AncestralSampler, Sampler, ancestral, ddim
from sfddm.training import TrainSettings
from sfddm.unet import UNetConfig

T = 64
SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1), prediction="v", timesteps=T)
TEACHER = smooth_teacher("v", T)


def noise() -> ImageNoise:
    return ImageNoise(0, range(3), (1, 4, 4))


def fold(batch: int = 10) -> Fold:
    settings = TrainSettings(iterations=5, batch=batch)
    return Fold("a fold", SPEC, "random", settings, 4, {}, lambda *_: pytest.fail("nothing is trained here"))


class Plain(Method):
    """Nothing of its own."""

    name = "plain"
    summary = "a method with every default"


class VisitedSettings(MethodSettings):
    visited: str | list[int] = "leading"


class Visiting(Method):
    """A grid setting and a sampler of its own."""

    name = "visiting"
    summary = "a method with a grid setting"
    Settings = VisitedSettings
    grid_setting = "visited"

    @property
    def sampler(self) -> Sampler:
        return AncestralSampler()


class Distilled(Plain):
    """A student with twice as many indices as steps."""

    def folds(self, steps: int) -> list[Fold]:
        return [fold()]


@pytest.mark.parametrize("steps", [1, 3, 8, T])
def test_by_itself_a_method_samples_the_teacher_by_ddim_on_the_trailing_grid(steps: int) -> None:
    method = Plain(MethodSettings(), SPEC)
    assert (method.timesteps(steps), method.grid(steps), method.folds(steps)) == (trailing(T, steps), "trailing", [])
    assert method.sampling() == {"sampler": "ddim", "eta": 0.0, "clip": "x0"}
    assert torch.equal(method.sample(TEACHER, steps, noise()), ddim(TEACHER.respaced(trailing(T, steps)), noise()))


def test_a_grid_setting_and_a_sampler_are_all_that_another_method_needs() -> None:
    method = Visiting(VisitedSettings(), SPEC)
    assert (method.timesteps(4), method.grid(4)) == (leading(T, 4), "leading")
    assert method.sampling() == {"sampler": "ancestral", "variance": "small", "clip": "x0"}
    assert torch.equal(method.sample(TEACHER, 4, noise()), ancestral(TEACHER.respaced(leading(T, 4)), noise()))
    listed = Visiting(VisitedSettings(visited=[3, 60]), SPEC)
    assert (listed.timesteps(2), listed.grid(2)) == ([3, 60], "list")
    with pytest.raises(ParameterError, match=r"^visiting\.visited: the given list makes 2 network calls"):
        listed.timesteps(3)


@pytest.mark.parametrize("indices", [4, 8])
def test_a_student_is_sampled_on_all_its_indices(indices: int) -> None:
    student = replace(TEACHER.respaced(trailing(T, indices)), time_input=torch.arange(indices))
    images = Distilled(MethodSettings(), SPEC).sample(student, 4, noise())
    assert torch.equal(images, ddim(student, noise()))


def test_a_budget_below_one_iteration_of_each_fold_names_the_parameter_and_what_is_needed() -> None:
    assert [part.train.iterations for part in share_budget([fold(), fold(20)], 320)] == [4, 2]
    with pytest.raises(
        ParameterError, match=r"^budgets: 79 given, at least 80 needed for one iteration of each of the 2"
    ):
        share_budget([fold(), fold()], 79)
