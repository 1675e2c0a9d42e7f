"""The registry, third-party methods, and the equal-compute budget."""

from pathlib import Path

import pytest
from helpers.command_line import TINY, records, sfddm_bench
from helpers.third_party import install

from bench.config import methods
from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.settings import Config
from sfddm.errors import InputError
from sfddm.settings import TrainSettings

TRAINED = [
    "sfddm", "sfddm-reference", "sfddm-trajectory", "pd", "cd", "ect", "ct", "multistep-cd", "shortcut", "pd-reference",
    "ct-reference", "scratch",
]  # fmt: skip
TRAINING_FREE = ["ddim", "ddpm", "dpm-solver"]


def config(*assignments: str, budget: int | None = None) -> Config:
    return resolve(load_preset("digits"), "smoke", assignments, budgeted=budget is not None).at(budget)


def test_every_method_is_known_by_its_name() -> None:
    assert set(methods.names()) >= {*TRAINED, *TRAINING_FREE}
    with pytest.raises(InputError, match="did you mean 'dpm-solver'"):
        methods.get("dpmsolver")


@pytest.mark.parametrize("name", TRAINED)
def test_a_methods_own_default_of_a_training_setting_keeps_its_bounds(name: str) -> None:
    own = methods.settings(name).model_fields
    assert {key: own[key].metadata for key in TrainSettings.model_fields} == {
        key: field.metadata for key, field in TrainSettings.model_fields.items()
    }


@pytest.mark.parametrize(
    "given",
    [
        "sfddm-trajectory.clip_gradient=-1",
        "sfddm-trajectory.substeps=0",
        "sfddm.hidden_weight=-1",
        "sfddm.output_weight=-1",
        "ct.first_points=1",
    ],
)
def test_a_setting_that_trains_nothing_sensible_is_refused_before_anything_is_trained(given: str) -> None:
    with pytest.raises(InputError, match=f"--set: {given.partition('=')[0]} = .* given; input should be greater than"):
        config(given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            ["sfddm.output_weight=0", "sfddm.hidden_weight=0"],
            "sfddm: output_weight and hidden_weight are both 0, ",
        ),
        (["ct.first_points=200"], "ct: last_points is at least first_points, which is 200"),
        (["multistep-cd.last_points=20"], "multistep-cd: last_points is at least first_points, which is 64"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_in_a_line(given: list[str], why: str) -> None:
    with pytest.raises(InputError, match=f"^--set: {why}"):
        config(*given)


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("steps", [2, 4, 10])
def test_a_budget_is_spent_evenly_and_not_exceeded(name: str, steps: int) -> None:
    budget = 1_000_000
    given = config(budget=budget)
    folds = given.folds(given.method(name), steps)
    total = sum(fold.total_evaluations for fold in folds)
    one_more = sum(fold.evaluations * fold.train.batch for fold in folds)
    assert budget - one_more < total <= budget
    assert len({fold.total_evaluations - fold.before for fold in folds}) == 1


def test_a_budget_too_small_for_one_iteration_of_each_fold_is_refused() -> None:
    given = config(budget=100)
    with pytest.raises(
        InputError, match=r"budgets: 100 given, at least 1856 needed for one iteration of each of the 10 folds"
    ):
        given.folds(given.method("pd"), 1)


@pytest.mark.parametrize("name", TRAINING_FREE)
def test_training_free_methods_have_no_folds(name: str) -> None:
    given = config(budget=100)
    assert given.folds(given.method(name), 4) == []


def test_evaluations_are_counted_as_forward_one_and_backward_two() -> None:
    expected = {"sfddm": 4, "sfddm-reference": 4, "pd": 5, "pd-reference": 4, "scratch": 3, "sfddm-trajectory": 16 + 3}
    for name, evaluations in expected.items():
        assert {fold.evaluations for fold in config().method(name).folds(4)} == {evaluations}


THIRD_PARTY = '''
from sfddm.method import Method
from sfddm.sampler import ddim


class TopHalf(Method):
    """DDIM on the noisier half of the teacher."""

    name = "top-half"
    summary = "a method of another package"

    def timesteps(self, steps):
        return list(range(self.teacher.timesteps - steps, self.teacher.timesteps))

    def grid(self, steps):
        return "last"

    def sample(self, denoiser, steps, noise):
        return ddim(denoiser.respaced(self.timesteps(steps)), noise)
'''


@pytest.mark.slow
def test_a_third_party_package_adds_a_method_by_its_entry_point(tmp_path: Path) -> None:
    environment = install(
        tmp_path / "site", "top_half", THIRD_PARTY, "[sfddm_bench.methods]\ntop-half = top_half:TopHalf\n"
    )
    out = tmp_path / "out"
    run = sfddm_bench("run", "--out", str(out), "--methods", "top-half", "--steps", "2", *TINY, **environment)
    assert run.returncode == 0, run.stderr
    (record,) = (record for record in records(out).values() if record["method"] == "top-half")
    assert (record["timesteps"], record["grid"]) == ([62, 63], "last")
    assert (record["nfe"], record["training_cost.folds"]) == (2, 0)
