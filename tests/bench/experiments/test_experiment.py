"""The named experiments: every one resolves everywhere, costs what its stages cost, and a user's own is as good."""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from bench.commands.reproduce import reproduce
from bench.config.preset import load_preset, preset_names
from bench.config.resolve import resolve
from bench.config.sections import Scale
from bench.config.variants import base_name
from bench.datasets.dataset import Images
from bench.experiments.experiment import (
    Evaluations,
    evaluations,
    experiment_names,
    load_experiment,
    parse_experiment,
    request,
)
from bench.records.record import read_record
from bench.run.sweep import Sweep, check_cells, make_sweep
from sfddm.errors import InputError

ISSUE = {"quality", "cost", "subsequence", "loss", "initialisation", "consistency", "interpolation", "any-steps"}
ISSUE |= {"compute", "field", "hidden"}

OWN = """
title = "Mine"
question = "Does it run?"
datasets = ["digits"]
seeds = [0]
[[cells]]
methods = ["sfddm[iterations=2]", "ddim"]
steps = [2]
[scales.smoke]
seeds = [1]
set = ["teacher.iterations=3", "classifier.epochs=1", "evaluation.images=20"]
"""


def digits() -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), np.uint8)
    return Images("digits", pixels, np.arange(40) % 10, "none", "0" * 64, "test", False)


def test_the_papers_experiments_are_there() -> None:
    assert set(experiment_names()) == ISSUE


@pytest.mark.parametrize("dataset", preset_names())
@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_resolves_on_every_dataset_at_every_scale(name: str, dataset: str) -> None:
    for scale in get_args(Scale):
        asked = request(load_experiment(name), dataset, scale, None, None)
        assert asked.cells
        check_cells(resolve(load_preset(dataset), scale), asked.cells)


@pytest.mark.parametrize("name", ["loss", "any-steps"])
def test_the_cost_is_that_of_the_stages_each_counted_once(name: str) -> None:
    asked = request(load_experiment(name), "digits", "smoke", [0, 1], None)
    config = resolve(load_preset("digits"), "smoke")
    sweep: Sweep = make_sweep(config, digits(), asked.cells, asked.seeds)
    folds, samples = {}, {}
    for cell in sweep.cells:
        if cell.steps is None:
            continue
        for stage, fold in zip(cell.models[1:], config.folds(cell.kind, cell.steps), strict=True):
            folds[stage.key] = fold.total_evaluations
        samples[cell.samples.key] = cell.steps * config.evaluation.images
    teachers = 2 * 3 * config.teacher.batch * config.teacher.iterations
    assert evaluations(config, asked.cells, [0, 1]) == Evaluations(
        teachers + sum(folds.values()), sum(samples.values())
    )


def test_a_scale_lies_on_the_experiment_and_options_on_the_scale() -> None:
    own = parse_experiment("own", OWN, "own.toml")
    assert request(own, "digits", "quick", None, None).seeds == [0]
    assert request(own, "digits", "smoke", None, None).seeds == [1]
    assert request(own, "digits", "smoke", [5], None).seeds == [5]
    assert request(own, "digits", "smoke", None, None).budgets == []
    assert request(own, "digits", "smoke", None, None, [9]).budgets == [9]
    assert request(load_experiment("field"), "digits", "quick", None, None).budgets == [120_000]
    with pytest.raises(InputError, match="--scale: 'huge' given, possible: smoke, quick, paper"):
        request(own, "digits", "huge", None, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("title", "titel"), "own.toml: titel: extra inputs are not permitted"),
        (("steps = [2]", "steps = []"), "own.toml: cells.0.steps: list should have at least 1 item"),
        (("[scales.smoke]\nseeds", "[scales.smoke]\nsteps"), "own.toml: steps: extra inputs"),
        (("[scales.smoke]", "[scales.tiny]"), "own.toml: scales.tiny"),
        (('"ddim"', '"dddim"'), "own.toml: --methods: 'dddim' given (did you mean 'ddim'?)"),
        (("seeds = [0]", "seeds = [0"), "own.toml: "),
    ],
)
def test_a_fault_in_a_file_is_one_line_that_names_it(change: tuple[str, str], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        parse_experiment("own", OWN.replace(*change), "own.toml")


def test_a_name_that_is_nothing_is_refused_with_what_is_possible() -> None:
    with pytest.raises(InputError, match=r"NAME: 'qualty' given, possible: any-steps, .*, or a TOML file of your own"):
        load_experiment("qualty")


def test_the_hidden_only_student_says_what_its_head_is() -> None:
    loss = load_experiment("loss")
    assert {"sfddm[output_weight=0]", "sfddm[init=teacher,output_weight=0]"} <= {name for name, _ in loss.wanted()}
    assert "stays random" in loss.note


def test_every_student_on_another_grid_has_its_control() -> None:
    for name in ("subsequence", "initialisation"):
        config = resolve(load_preset("digits"), "smoke")
        visited: dict[str, set[tuple[int, ...]]] = {"sfddm": set(), "ddim": set()}
        for method, steps in load_experiment(name).wanted():
            visited[base_name(method)].add(tuple(config.method(method).timesteps(steps)))
        assert visited["sfddm"] == visited["ddim"]


def test_datasets_that_are_not_there_are_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {
        "scale": "smoke",
        "device": "cpu",
        "out": tmp_path / "out",
        "data_root": tmp_path / "data",
        "dry_run": True,
    }
    reproduce("quality", **given)
    said = capsys.readouterr()
    assert "samples of sfddm at 10 steps" in said.out
    for dataset in ("cifar10", "celeba_hq", "lsun_church", "lsun_bedroom"):
        assert any(line.startswith("left out: ") and dataset in line for line in said.err.splitlines())
    with pytest.raises(InputError, match="cifar10"):
        reproduce("quality", dataset="cifar10", **given)
    assert not (tmp_path / "out").exists()


def test_an_experiment_of_ones_own_runs_and_is_rendered_in_its_folder(tmp_path: Path) -> None:
    path, out = tmp_path / "mine.toml", tmp_path / "out"
    path.write_text(OWN)
    reproduce(str(path), dataset="digits", scale="smoke", device="cpu", out=out)
    found = sorted(record.name.split("-seed")[0] for record in out.glob("records/*/*.json"))
    assert found == ["ddim-2", "real-data", "sfddm-iterations=2-2"]
    (path,) = out.glob("records/*/ddim-*.json")
    assert read_record(path).config["teacher"]["iterations"] == 3
    table = (out / "experiments" / "mine" / "tables" / "digits-8-smoke.md").read_text()
    assert "| sfddm[iterations=2] |" in table
    assert (out / "experiments" / "mine" / "plots" / "digits-8-smoke-quality.png").stat().st_size > 1000
