"""The layers of a configuration and its refusals."""

import pytest

from bench.config.overrides import parse_overrides
from bench.config.preset import load_preset, merged, preset_names
from bench.config.resolve import resolve
from bench.experiments.experiment import evaluations
from sfddm.errors import InputError


def test_overrides_lie_on_the_scale_which_lies_on_the_preset() -> None:
    preset = load_preset("digits")
    plain, smoke = resolve(preset, None), resolve(preset, "smoke")
    assert (plain.scale, smoke.scale) == ("quick", "smoke")
    assert smoke.teacher.iterations < plain.teacher.iterations
    assert smoke.teacher.decay == plain.teacher.decay
    over = resolve(preset, "smoke", ["teacher.iterations=7", "sfddm.subsequence=[0, 5]", "ddim.clip=none"], images=33)
    assert over.teacher.iterations == 7
    assert over.methods["sfddm"]["subsequence"] == [0, 5]
    assert over.methods["ddim"]["clip"] == "none"
    assert over.evaluation.images == 33


def test_student_section_reaches_every_trained_method_but_its_own_section_wins() -> None:
    config = resolve(load_preset("digits"), None, ["student.iterations=11", "pd.iterations=5"])
    assert config.methods["sfddm"]["iterations"] == config.methods["scratch"]["iterations"] == 11
    assert config.methods["pd"]["iterations"] == 5
    assert "iterations" not in config.methods["ddim"]


@pytest.mark.parametrize(
    ("assignment", "nearest"),
    [
        ("teacher.iteration=5", "teacher.iterations"),
        ("techer.iterations=5", "teacher.iterations"),
        ("sfddm.subsequense=leading", "sfddm.subsequence"),
        ("pd.wieght=snr", "pd.weight"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_valid_name(assignment: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"nearest valid name is '{nearest}'"):
        resolve(load_preset("digits"), None, [assignment])


@pytest.mark.parametrize(
    "assignment", ["teacher.iterations=0", "teacher.ema=1.5", "ddim.eta=-0.1", "pd.weight=none", "network.dim=3"]
)
def test_an_impossible_value_is_refused_by_name(assignment: str) -> None:
    key = assignment.split("=")[0]
    with pytest.raises(InputError, match=key):
        resolve(load_preset("digits"), None, [assignment])


def test_values_are_toml_and_a_bare_word_is_a_string() -> None:
    assert parse_overrides(["a.b=1", "a.c=[1, 2]", "a.d=word", "a.e=true"]) == {
        "a": {"b": 1, "c": [1, 2], "d": "word", "e": True}
    }


def test_merging_leaves_its_inputs_alone() -> None:
    base = {"a": {"b": 1, "c": 2}}
    assert merged(base, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}
    assert base == {"a": {"b": 1, "c": 2}}


def test_a_chain_shares_the_evaluations_of_the_single_fold_by_default() -> None:
    config = resolve(load_preset("digits"), None)
    shared = sum(fold.total_evaluations for fold in config.folds(config.method("sfddm"), 4))
    chain = config.folds(config.method("pd"), 4)
    assert len(chain) == 8
    # Less by at most what one iteration of each of its folds needs.
    least = shared - len(chain) * chain[0].evaluations * chain[0].train.batch
    assert least < sum(fold.total_evaluations for fold in chain) <= shared


@pytest.mark.parametrize("own", [["pd.iterations=7"], ["pd.compute=each", "student.iterations=7"]])
def test_a_chain_whose_iterations_are_given_has_them_for_each_fold(own: list[str]) -> None:
    config = resolve(load_preset("digits"), None, own)
    assert {fold.train.iterations for fold in config.folds(config.method("pd"), 4)} == {7}


def test_a_variant_of_a_chain_may_have_iterations_of_its_own() -> None:
    config = resolve(load_preset("digits"), None)
    assert {fold.train.iterations for fold in config.folds(config.method("pd[iterations=9]"), 4)} == {9}


def test_under_a_budget_a_chain_shares_the_budget_and_keeps_its_keys() -> None:
    config = resolve(load_preset("digits"), None, budgeted=True).at(500_000)
    assert "compute" not in config.methods["pd"]
    assert sum(fold.total_evaluations for fold in config.folds(config.method("pd"), 4)) <= 500_000


def test_too_little_for_a_chain_to_share_says_what_to_do() -> None:
    config = resolve(load_preset("digits"), None, ["student.iterations=1"])
    with pytest.raises(InputError, match=r"^pd.compute: 'shared' given, .* 10 folds of pd to 1 step; possible: more"):
        config.folds(config.method("pd"), 1)


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
def test_every_preset_compares_with_pd_and_can_be_planned(name: str, scale: str) -> None:
    preset = load_preset(name)
    config = resolve(preset, scale)
    assert preset.methods == ["sfddm", "pd", "ddim"]
    assert all(config.folds(config.method("pd"), steps) for steps in preset.steps)


@pytest.mark.parametrize("name", preset_names())
def test_quick_is_quicker_than_paper(name: str) -> None:
    preset = load_preset(name)
    cells = [(method, steps) for method in preset.methods for steps in preset.steps]
    smoke, quick, paper = (evaluations(resolve(preset, scale), cells, [0]) for scale in ("smoke", "quick", "paper"))
    assert smoke.training < quick.training < paper.training
