"""Keys: stages and records have the names that earlier versions gave them, so whatever is on disk is found again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.variants import methods_by_steps
from bench.datasets.dataset import Images
from bench.datasets.registry import load
from bench.metrics.kid import KID
from bench.run.sweep import make_sweep
from bench.stages import metrics as stages_metrics
from bench.store import provenance

# Written by revision e72ec66: the names of every stage and record of five sweeps, between them of every method. Those
# of cost stages are later: since then methods that make the same calls share one. So are those of pd and
# sfddm-trajectory: since then the head of a student whose teacher predicts eps is fitted. Those of metrics and floor,
# and with them of records, name coverage, memorisation and held-out images, and infinitely many images have the
# jackknife's distance. They are of all digits, as they were then; "held out" is of digits as they are now.
KEYS = json.loads((Path(__file__).parent / "of_old" / "keys.json").read_text())
CIFAR10 = Images("cifar10", np.zeros((60, 3, 32, 32), np.uint8), np.arange(60) % 10, "none", "0" * 64, "test", False)


@pytest.mark.parametrize("name", KEYS)
def test_stages_and_records_are_named_as_before(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    of_machine = {"processor": "a processor", "threads": 1}
    monkeypatch.setattr(provenance, "machine", lambda device: of_machine | {"device": device})
    monkeypatch.setattr(torch, "__version__", "2.0.0")
    (tmp_path / "weights.pt").write_bytes(b"not a network")
    given = KEYS[name]["given"]
    preset = load_preset(given["dataset"])
    budgets = [given["budget"]] if "budget" in given else []
    config = resolve(preset, given["scale"], given.get("set", []), given.get("images"), budgeted=bool(budgets))
    of_cifar10 = given["dataset"] == "cifar10"
    sweep = make_sweep(
        config,
        CIFAR10 if of_cifar10 else load("digits", 8, None, config.data.held_out),
        methods_by_steps(given["methods"], given["steps"]),
        given["seeds"],
        tmp_path / "weights.pt" if of_cifar10 else None,
        budgets=budgets,
    )
    assert sorted(f"{stage.name} {stage.label}" for stage in sweep.stages) == KEYS[name]["stages"]
    assert sorted(cell.record for cell in sweep.request().cells) == KEYS[name]["records"]


def test_other_held_out_images_change_what_is_measured_and_no_training() -> None:
    config = resolve(load_preset("digits"), "smoke")
    digits = load("digits", 8, None, config.data.held_out)
    assert digits.held_out is not None
    other = replace(digits, held_out=replace(digits.held_out, sha256="0" * 64))

    def named(images: Images) -> set[str]:
        return {stage.name for stage in make_sweep(config, images, [("sfddm", 4), ("pd", 4)], [0]).stages}

    assert {name.rpartition("-")[0] for name in named(digits) - named(other)} == {"held-out", "metrics", "floor"}


def test_a_metric_of_a_new_version_is_measured_again_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve(load_preset("digits"), "smoke")

    def named() -> set[str]:
        sweep = make_sweep(config, load("digits", 8, None, config.data.held_out), [("sfddm", 4)], [0])
        return {stage.name for stage in sweep.stages}

    before = named()
    monkeypatch.setattr(KID, "version", 2)
    assert {name.rpartition("-")[0] for name in before - named()} == {"metrics", "floor"}


def test_a_protocol_of_a_new_version_is_measured_again_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve(load_preset("digits"), "smoke")
    sweeps = [make_sweep(config, load("digits", 8, None, 0.0), [("ddim", 4)], [0], asked=["quality"])]
    monkeypatch.setattr(stages_metrics, "VERSION", 2)
    sweeps.append(make_sweep(config, load("digits", 8, None, 0.0), [("ddim", 4)], [0], asked=["quality"]))
    before, after = ({stage.name for stage in sweep.stages} for sweep in sweeps)
    assert {name.rpartition("-")[0] for name in before - after} == {"metrics", "floor"}
