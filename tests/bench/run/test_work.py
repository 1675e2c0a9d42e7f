"""The work of a sweep's stages: counted from settings alone, against what a run wrote and what is left of one."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.command_line import TINY
from helpers.small_transformers import WIDTH, dinov2_tensors, write

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.metrics import extractors
from bench.metrics.network_files import VIT_L
from bench.run.estimate import cells_bytes, try_out
from bench.run.outlook import Outlook
from bench.run.speeds import Speeds
from bench.run.sweep import Sweep, make_sweep
from bench.run.trials import extractor_to_try
from bench.run.work import COUNTED, Counting, feature_sizes, what_is_left, whole_work, work_of
from bench.stages.context import make_context
from bench.store.layout import RunFolder
from bench.store.stage import Stage

IMAGES = load("digits", 8, None, 0.2)
WITHIN = 0.1  # of the bytes that a run wrote
FEW = 1000  # bytes by which a stage may differ besides: what it says of itself


def tiny() -> Sweep:
    """Return the sweep of the run that tests share."""
    settings = [word for word in TINY if "." in word]
    config = resolve(load_preset("digits"), "smoke", settings, 20)
    return make_sweep(config, IMAGES, [(method, steps) for steps in (1, 4) for method in ("sfddm", "ddim")], (0,))


SWEEP = tiny()
WORK = whole_work(SWEEP)


def first(kind: str) -> Stage:
    """Return a stage of a kind."""
    return next(stage for stage in SWEEP.stages if stage.kind == kind)


def size(folder: Path) -> int:
    """Return the bytes of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_every_kind_of_stage_is_counted() -> None:
    assert {stage.kind for stage in SWEEP.stages} == set(COUNTED)


def test_the_bytes_of_stages_are_those_that_a_run_writes(digits_run: Path) -> None:
    stages = digits_run / "stages"
    assert {path.name for path in stages.iterdir()} == {stage.name for stage in SWEEP.stages}
    for stage in SWEEP.stages:
        assert WORK[stage.key].kept == pytest.approx(size(stages / stage.name), rel=WITHIN, abs=FEW), stage.label
    assert sum(work.kept for work in WORK.values()) == pytest.approx(size(stages), rel=WITHIN)


def test_the_bytes_of_records_and_what_is_rendered_are_those_that_a_run_writes(digits_run: Path) -> None:
    written = sum(size(digits_run / name) for name in ("records", "sweeps", "tables", "plots"))
    assert cells_bytes(SWEEP, len(SWEEP.cells)) == pytest.approx(written, rel=0.15)


def test_nothing_is_left_of_a_finished_run_and_all_of_none(digits_run: Path, tmp_path: Path) -> None:
    for root, left in ((digits_run, {}), (tmp_path, WORK)):
        assert work_of(SWEEP, run := RunFolder(root), lambda stage: not stage.folder(run).is_done) == left


def test_a_training_that_was_interrupted_counts_what_is_left(tmp_path: Path) -> None:
    whole = WORK[first("teacher").key]
    for iteration in (1, 3):
        (tmp_path / f"resume-{iteration:09}-0123456789abcdef.pt").write_bytes(bytes(100))
    left = what_is_left(whole, tmp_path)
    assert (whole.units, left.units) == (4, 1)
    assert left.evaluations == whole.evaluations // 4
    assert left.amount == whole.amount / 4
    assert left.passing == whole.passing - 200


def test_sampling_that_was_interrupted_counts_what_is_left(tmp_path: Path) -> None:
    whole = WORK[first("samples").key]
    (tmp_path / "resume-0-8.shard").write_bytes(bytes(10))
    (tmp_path / "resume-8-15.shard").write_bytes(bytes(10))
    left = what_is_left(whole, tmp_path)
    assert left.units == whole.units - 15 == 5
    assert left.evaluations == whole.evaluations // 4


def test_a_kind_that_nobody_counts_has_no_evaluations() -> None:
    other = replace(first("samples"), kind="another")
    work = Counting(SWEEP.context).work(SWEEP.cells[1], other)
    assert (work.evaluations, work.units, work.trial) == (0, 0, None)


@pytest.mark.parametrize(("space", "sizes"), [("random-cnn", (64, 0)), ("pixels", (64, 0)), ("digits-cnn", (64, 10))])
def test_the_features_of_every_space_of_ours_are_counted_and_tried(space: str, sizes: tuple[int, int]) -> None:
    config = resolve(load_preset("digits"), "smoke", [f"evaluation.feature_space={space}"])
    context = make_context(config, IMAGES)
    assert feature_sizes(context) == sizes
    assert extractor_to_try(context, "cpu")(context.pixels[:2])[0].shape == (2, sizes[0])


def test_a_network_from_a_file_is_tried_if_the_file_is_here_and_else_named_as_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractors, "cache_folder", lambda: tmp_path)
    config = resolve(load_preset("digits"), "smoke", ["evaluation.feature_space=dinov2"], 20)
    here = make_context(config, IMAGES, write(tmp_path / "small.pt", dinov2_tensors()))
    assert extractor_to_try(here, "cpu")(here.pixels[:2])[0].shape == (2, WIDTH)
    assert feature_sizes(make_context(config, IMAGES)) == (VIT_L.width, 0) == (1024, 0)

    for file, unknown in ((here.weights, []), (None, ["features (dinov2, 1x8x8)"])):
        first = resolve(load_preset("digits"), "smoke", [], 20)
        both = make_sweep(first, IMAGES, [("ddim", 1)], (0,), further=[("dinov2", file)])
        work, speeds = whole_work(both), Speeds(tmp_path, {})
        try_out({key: one for key, one in work.items() if one.calls.kind == "features"}, speeds, "cpu", 0.2)
        for one in work.values():
            if one.calls.kind != "features":
                speeds.add(one.calls, 1.0, one.amount)
        assert Outlook(both, RunFolder(tmp_path), work, speeds).unknown == unknown
