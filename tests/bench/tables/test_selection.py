"""Tables of some methods and step counts: what is in them, in which files, and what is refused."""

from pathlib import Path

import pandas as pd
import pytest
import typer
from helpers.made_records import made, sweep, written

from bench.commands.tables import tables
from bench.commands.verify import verify
from bench.records.groups import groups
from bench.records.record import REAL
from bench.tables.published import published
from bench.tables.selection import Selection, selection
from sfddm.errors import InputError

METHODS, STEPS = ("sfddm", "pd", "ddim"), (1, 4, 16)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return written(sweep(METHODS, STEPS, (0, 1)), tmp_path)


def test_only_what_is_chosen_is_written_in_files_of_its_own_and_the_tables_of_all_stay_true(run: Path) -> None:
    tables([run])
    before = {path.name: path.read_bytes() for path in (run / "tables").iterdir()}
    tables([run], steps="4,1", methods="pd,sfddm")
    names = {path.name for path in (run / "tables").iterdir()} - set(before)
    stem = "cifar10-32-paper-methods-sfddm-pd-steps-1-4"
    assert names == {f"{stem}{ending}" for ending in (".md", ".tex", ".csv", "-summary.csv")}
    cells = pd.read_csv(run / "tables" / f"{stem}.csv")
    assert set(cells["method"]) == {REAL, "sfddm", "pd"}
    assert set(cells["steps"].dropna()) == {1, 4}
    tex = (run / "tables" / f"{stem}.tex").read_text()
    assert "16 steps" not in tex
    assert "ddim" not in tex
    assert "real data (floor)" in tex
    assert before == {name: (run / "tables" / name).read_bytes() for name in before}
    with pytest.raises(typer.Exit) as left:
        verify([run])
    assert left.value.exit_code == 0


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"methods": "ddpm"}, "--methods: 'ddpm' given (did you mean 'ddim'?), possible: sfddm, pd, ddim"),
        ({"steps": "4,8"}, "--steps: 8 given, possible: 1, 4, 16"),
        ({"steps": "x"}, "--steps: 'x' given"),
        ({"methods": "pd", "steps": "2"}, "--steps: 2 given, possible: 1, 4, 16"),
        ({"methods": ""}, "--methods: '' given"),
    ],
)
def test_what_no_record_has_is_refused_with_what_is_possible(run: Path, chosen: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as refused:
        tables([run], **chosen)
    assert str(refused.value).startswith(said)
    assert not (run / "tables").exists()


def test_a_group_with_nothing_of_what_is_chosen_is_left_out_and_a_variant_is_a_method() -> None:
    variant = "sfddm[init=teacher]"
    found = groups([made("ddim", 4, 0), made(variant, 4, 0, scale="quick"), made("sfddm", 4, 0, scale="quick")])
    (one,) = selection(["sfddm[ init = teacher ]"], None).of(found)
    assert one.stem == "cifar10-32-quick-methods-sfddm-init=teacher"
    assert [record.method for record in one.records] == [variant]


def test_published_values_are_those_of_the_chosen() -> None:
    series = selection(["pd"], [1, 2]).of_published(published())
    assert {one.method for one in series} == {"pd"}
    assert {steps for one in series for steps in one.values} <= {1, 2}
    assert Selection().of_published(published()) == published()


def test_a_long_choice_makes_no_longer_name_than_a_file_may_have() -> None:
    names = [f"sfddm[hidden_weight={k}]" for k in range(60)]
    stems = {Selection(methods=tuple(names[:count])).stem for count in (50, 60)}
    assert len(stems) == 2
    assert max(map(len, stems)) < 120
