"""The cost of a run's cells in their records, and the parts that the run's own wall clock is made of."""

import json
import time
from pathlib import Path

import pytest
from helpers.command_line import TINY, records, sfddm_bench

pytestmark = pytest.mark.slow

SHARE = 0.02  # of the wall clock, that may be in no part
STAGE_SHARE = 0.02  # of a part, that its stage's own clock does not see: the writing of done.json
MILLISECONDS = 0.05


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    out = tmp_path_factory.mktemp("run")
    started = time.perf_counter()
    words = ["run", "--out", str(out), "--steps", "2", "--seeds", "0,1", "--methods", "sfddm,ddim", *TINY]
    process = sfddm_bench(*words, draws=True)
    assert process.returncode == 0, process.stderr
    return out, time.perf_counter() - started


def test_the_parts_of_a_run_add_up_to_its_wall_clock(run: tuple[Path, float]) -> None:
    out, from_outside = run
    timing = json.loads((out / "timing.json").read_text())
    assert sum(timing["parts"].values()) == pytest.approx(timing["wall_seconds"], rel=SHARE)
    assert timing["wall_seconds"] <= from_outside
    assert {"start and imports", "set-up", "records and pictures", "tables and plots"} < timing["parts"].keys()


def test_each_stage_is_a_part_of_the_run_with_its_own_seconds(run: tuple[Path, float]) -> None:
    out, _ = run
    parts = json.loads((out / "timing.json").read_text())["parts"]
    stages = {}
    for done in out.glob("stages/*/done.json"):
        label = json.loads((done.parent / "settings.json").read_text())["label"]
        stages[f"stage: {label}"] = json.loads(done.read_text())["seconds"]
    assert stages == {
        name: pytest.approx(seconds, rel=STAGE_SHARE, abs=MILLISECONDS)
        for name, seconds in parts.items()
        if name.startswith("stage: ")
    }
    for record in records(out).values():
        assert record["durations"] == {label: stages[f"stage: {label}"] for label in record["durations"]}
        assert record["durations"].keys() == record["parents"].keys()


def test_the_cost_of_the_same_calls_is_measured_once_for_all_methods_and_seeds(run: tuple[Path, float]) -> None:
    out, _ = run
    assert len(list(out.glob("stages/cost-*"))) == 1
    cells = [record for record in records(out).values() if record["steps"]]
    assert len(cells) == 4
    for record in cells:
        for name in ("first_call_seconds", "latency", "throughput", "noise", "rss_peak_bytes", "weights_bytes"):
            assert record["sampling_cost"][name] == cells[0]["sampling_cost"][name]
            assert record["sampling_cost"][name]
        assert record["sampling_cost.seconds_per_nfe"] == record["sampling_cost.latency.median"] / 2
    assert len({record["sampling_cost.wall_seconds"] for record in cells}) == 4


def test_what_a_record_lacks_has_a_reason_and_its_machine_says_how_it_computed(run: tuple[Path, float]) -> None:
    for record in records(run[0]).values():
        if not record["steps"]:
            assert record["reasons"]["cost"]
            continue
        for name in ("compile_seconds", "gpu_peak_bytes", "gpu_reserved_bytes", "gpu_device_bytes"):
            assert record["sampling_cost"][name] is None
            assert record["reasons"][f"sampling_cost.{name}"]
        assert (record["machine"]["precision"], record["machine"]["compile"]) == ("float32", False)
        assert record["machine"]["channels_last"] is False
        assert record["machine"]["threads"] == 1
