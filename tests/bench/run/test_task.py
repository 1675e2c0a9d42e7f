"""What another process is given to build a sweep's stages again."""

from pathlib import Path

import pytest

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.run.sweep import make_sweep
from bench.run.task import Workplace, given_of
from bench.run.worker import Worker
from bench.store.progress import Display


def test_it_builds_the_same_stages_of_all_feature_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a workplace goes to the driver's folder
    Path("clip.pt").write_bytes(b"of another network")
    config, further = resolve(load_preset("digits"), "smoke", []), [("random-cnn", None), ("clip", Path("clip.pt"))]
    images = load("digits", 8, None, config.data.held_out)
    sweep = make_sweep(config, images, [("ddim", 1)], [0], further=further)
    assert {cell.context.config.evaluation.feature_space for cell in sweep.cells} == {
        "digits-cnn",
        "random-cnn",
        "clip",
    }
    given = given_of(sweep, Worker(tmp_path, "cpu", Display(quiet=True)), None)
    there = Workplace(given, Display(quiet=True))
    assert there.stages.keys() == {stage.key for stage in sweep.stages}
    assert len({stage.key for stage in sweep.stages if stage.kind == "samples"}) == 1
    assert len({stage.key for stage in sweep.stages if stage.kind == "cost"}) == 1
    assert len({stage.key for stage in sweep.stages if stage.kind == "metrics"}) == 3
