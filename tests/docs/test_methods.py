"""The table of docs/methods.md says of each method what its folds say."""

import re
from fractions import Fraction

import pytest
from helpers.command_line import ROOT

from bench.config import methods
from bench.config.variants import base_name, parse
from sfddm.checkpoint import DenoiserSpec
from sfddm.method import Fold
from sfddm.unet import UNetConfig

TEXT = (ROOT / "docs" / "methods.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \| (random|teacher) \| (\w+) \| [^|]+ \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", TEXT, re.M)
SUBSTEPS = 16  # of `sfddm-trajectory`: K, at these timesteps and steps


def folds(row: str, steps: int) -> list[Fold]:
    """Return the folds of a row of the table, each with its own settings."""
    method, own = methods.get(base_name(row)), parse(row)[1]
    teacher = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1), timesteps=64)
    return method(method.Settings.model_validate(own), teacher).folds(steps)


@pytest.mark.parametrize(("row", "begins", "predicts", "students", "costs"), ROWS)
def test_a_row_is_what_the_methods_folds_say(row: str, begins: str, predicts: str, students: str, costs: str) -> None:
    four, two = folds(row, 4), folds(row, 2)
    assert {fold.init for fold in four} == {begins}
    assert {fold.spec.prediction for fold in four} == {predicts}
    expected = SUBSTEPS + 3 if costs == "K + 3" else Fraction(costs)
    assert {fold.evaluations for fold in four} == {expected}
    same = [one.identity == other.identity for one, other in zip(four, two, strict=False)]
    assert (students == "one for all") is (all(same) and len(four) == len(two))
    assert (students == "a chain of halvings") is (len(two) == len(four) + 1 and all(same))


def test_every_method_that_trains_is_in_the_table_and_every_method_has_its_words() -> None:
    listed = {base_name(row[0]) for row in ROWS}
    assert listed == {name for name in methods.METHODS if methods.get(name).folds is not methods.get("ddim").folds}
    told = set(re.findall(r"\*\*`([\w-]+)`\*\*", TEXT))
    assert told == set(methods.METHODS)
