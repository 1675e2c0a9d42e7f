"""A variant of a method: its name, its settings, and its place in a sweep."""

import pytest

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.settings import Config
from bench.config.variants import base_name, canonical, parse, split_outside_brackets
from sfddm.errors import InputError


def config(*assignments: str) -> Config:
    return resolve(load_preset("digits"), "smoke", assignments)


def test_commas_inside_brackets_belong_to_the_variant() -> None:
    text = "sfddm, sfddm[init=teacher,time_input=phi],ddim[grid=[0, 5,9]],pd"
    assert split_outside_brackets(text) == [
        "sfddm",
        "sfddm[init=teacher,time_input=phi]",
        "ddim[grid=[0, 5,9]]",
        "pd",
    ]


def test_a_variant_is_its_base_method_and_settings() -> None:
    assert parse("sfddm") == ("sfddm", {})
    assert parse("ddim[grid=[0, 5,9]]") == ("ddim", {"grid": "[0, 5,9]"})
    assert base_name("sfddm-trajectory[substeps=8]") == "sfddm-trajectory"


def test_every_spelling_of_a_variant_is_one_row() -> None:
    assert canonical("sfddm[ time_input=phi , init = teacher ]") == "sfddm[init=teacher,time_input=phi]"
    assert canonical("ddim[grid=[0, 5, 9]]") == "ddim[grid=[0,5,9]]"
    assert canonical("sfddm") == "sfddm"


@pytest.mark.parametrize(
    "name",
    [
        "sfddm[init=teacher",
        "sfddm[init]",
        "sfddm[]",
        "[init=teacher]",
        "sfddm]",
        "sfddm[=1]",
        "sfddm[init=teacher,init=random]",
        "sfddm[init=teacher]x",
    ],
)
def test_a_malformed_variant_is_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=r"--methods: .* the form of a variant is method\[setting=value,...\]"):
        parse(name)


def test_a_variants_settings_lie_on_those_of_the_configuration() -> None:
    given = config("sfddm.iterations=7", "sfddm.hidden_weight=3")
    method = given.method("sfddm[hidden_weight=0,subsequence=[3, 900]]")
    assert (method.settings.iterations, method.settings.hidden_weight, method.timesteps(2)) == (7, 0, [3, 900])
    assert given.method("sfddm").settings.hidden_weight == 3
    assert (method.name, method.label) == ("sfddm", "sfddm[hidden_weight=0,subsequence=[3, 900]]")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sfddm[hiden_weight=0]", "nearest valid name is 'hidden_weight'"),
        ("sfddm[init=warm]", "--methods: sfddm.init = 'warm' given"),
        ("sfdm[init=teacher]", "did you mean 'sfddm'"),
    ],
)
def test_an_impossible_variant_is_refused_by_name(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        config().method(name)


def test_a_variant_that_changes_nothing_trains_the_same_fold() -> None:
    plain, variant = config().method("sfddm").folds(4)[0], config().method("sfddm[init=random]").folds(4)[0]
    other = config().method("sfddm[init=teacher]").folds(4)[0]
    assert plain.identity == variant.identity
    assert plain.identity != other.identity
