"""The layers of a configuration and its refusals."""

import pytest

from bench.config.preset import load_preset, merged
from bench.config.resolve import parse_overrides, resolve
from sfddm.errors import InputError


def test_overrides_lie_on_the_scale_which_lies_on_the_preset() -> None:
    preset = load_preset("digits")
    plain, smoke = resolve(preset, None), resolve(preset, "smoke")
    assert (plain.scale, smoke.scale) == ("quick", "smoke")
    assert smoke.teacher.iterations < plain.teacher.iterations
    assert smoke.teacher.learning_rate == plain.teacher.learning_rate
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
