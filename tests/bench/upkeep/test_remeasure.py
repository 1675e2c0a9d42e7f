"""Committed records measured again: once for the same calls, written at once, and left if that was done."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.metrics.sampling_cost import Noise
from bench.records.record import Record, read_record, write_record
from bench.store import provenance
from bench.store.layout import RunFolder
from bench.store.progress import Display
from bench.upkeep import remeasure
from sfddm.errors import InputError

# Committed once as results, with costs of sampling.
RESULTS = Path(__file__).parent / "of_old" / "digits-8-paper"
WORDS = {"nfe": 1, "reasons": {"compile_seconds": "nothing is compiled"}, "execution": {"compile": False}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three methods at one step and one at four, of one seed, as if they had been measured on this machine."""
    records = tmp_path / "records" / RESULTS.name
    records.mkdir(parents=True)
    for stem in ("ddim-1-", "sfddm-1-", "ddpm-1-", "ddim-4-"):
        for path in RESULTS.glob(f"{stem}seed0*"):
            shutil.copy(path, records)
    machine = next(iter(read(tmp_path).values())).machine
    monkeypatch.setattr(provenance, "machine", lambda device: {k: machine.get(k) for k in ("processor", "threads")})
    return tmp_path


def read(folder: Path) -> dict[str, Record]:
    return {path.name.split("-seed")[0]: read_record(path) for path in folder.glob("records/*/*.json")}


def measured(monkeypatch: pytest.MonkeyPatch, fails_at: int = 99) -> list[str]:
    """Have measuring give made-up values, and return the list of what was measured."""
    done: list[str] = []

    def made_up(config: object, sampling: remeasure.Sampling, shape: object, device: str) -> dict[str, Any]:
        if len(done) == fails_at:
            raise KeyboardInterrupt
        done.append(sampling.label)
        latency = {"median": float(len(done)), "q25": 0.5, "q75": 9.0, "p95": None, "repeats": 3}
        return WORDS | {"latency": latency, "throughput": {"images_per_second": 1e6, "batch": 2, "lower_bound": True}}

    monkeypatch.setattr(remeasure, "measure", made_up)
    return done


def do(folder: Path, force: bool = False) -> int:
    with Display() as display:
        found = remeasure.measurements([RunFolder(folder)], "cpu", display.say)
        return remeasure.remeasure(found, "cpu", force, display)


def test_the_same_calls_are_measured_once_and_the_rest_of_a_record_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, done = read(folder), measured(monkeypatch)
    assert do(folder) == 4
    assert sorted(done) == [
        f"cost of sampling by {name}" for name in ("ancestral in 1 step", "ddim in 1 step", "ddim in 4 steps")
    ]
    after = read(folder)
    assert after["ddim-1"].sampling_cost == after["sfddm-1"].sampling_cost.model_copy(  # type: ignore[union-attr]
        update={name: getattr(after["ddim-1"].sampling_cost, name) for name in remeasure.OWN_IMAGES}
    )
    of_costs = {"sampling_cost", "reasons", "machine", "parents", "durations"}
    for name, record in after.items():
        assert record.sampling_cost is not None
        assert record.sampling_cost.throughput is not None
        assert record.sampling_cost.throughput.lower_bound
        assert record.parents.keys() == record.durations.keys()
        assert record.model_dump(exclude=of_costs) == before[name].model_dump(exclude=of_costs)
        assert record.machine["cost_measured"]["versions"]["torch"]


def test_what_an_interruption_left_is_measured_by_the_next_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measured(monkeypatch, fails_at=1)
    with pytest.raises(KeyboardInterrupt):
        do(folder)
    second = measured(monkeypatch)
    do(folder)
    assert len(first + second) == len({*first, *second}) == 3
    assert do(folder) == 0
    assert do(folder, force=True) == 4


def test_what_was_measured_on_a_busy_machine_is_measured_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = measured(monkeypatch)
    do(folder)
    (path,) = folder.glob("records/*/ddpm-1-*.json")
    record = read_record(path)
    assert record.sampling_cost is not None
    noise = Noise(latency=1.0, throughput=1.0, others=0.5)
    write_record(
        folder, record.model_copy(update={"sampling_cost": record.sampling_cost.model_copy(update={"noise": noise})})
    )
    done.clear()
    assert do(folder) == 1
    assert done == ["cost of sampling by ancestral in 1 step"]


def test_records_with_stages_or_of_another_machine_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "machine", lambda device: {"processor": "another", "threads": 64})
    said: list[str] = []
    with pytest.raises(InputError, match="without a record whose sampling cost can be measured here"):
        remeasure.measurements([RunFolder(folder)], "cpu", said.append)
    assert len(said) == 4
    assert "this is CPU (another, 64 threads)" in said[0]
    stage = folder / "stages" / ("teacher-" + "0" * 16)
    stage.mkdir(parents=True)
    (stage / "settings.json").write_text(json.dumps({"label": "teacher"}))
    with pytest.raises(InputError, match="--force cost"):
        remeasure.measurements([RunFolder(folder)], "cpu", said.append)
