"""Stages: done once, checked, explained, forced; what is damaged is named and done again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.run.worker import Worker
from bench.store.failures import Busy, StageFailed
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from bench.store.store import Store
from sfddm.errors import InputError


class Said:
    """Collects what a display would show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def worker_at(root: Path) -> Worker:
    return Worker(root, "cpu", Said())  # type: ignore[arg-type]


def store_at(root: Path) -> Store:
    return worker_at(root).store


def said(worker: Worker) -> list[str]:
    return worker.display.lines  # type: ignore[attr-defined,no-any-return]


def folder_of(worker: Worker, stage: Stage) -> Path:
    return worker.store.path(stage)


def ensured(root: Path, stage: Stage) -> Path:
    """Do a stage and return its folder."""
    worker = worker_at(root)
    worker.ensure(stage)
    return folder_of(worker, stage)


def chain(done: list[str], **train: object) -> Stage:
    """A teacher, its fold and the fold's samples; each notes its kind when it is done."""

    def work(kind: str) -> Callable[[Job], None]:
        def write(job: Job) -> None:
            done.append(kind)
            (job.folder / "small").write_bytes(b"1" * 100)
            (job.folder / "large").write_bytes(bytes(2**21))
            write_json(job.folder / "cost.json", {"seconds": 1})

        return write

    teacher = Stage("teacher", "teacher (seed 0)", {"train": {"iterations": 2500} | train, "seed": 0}, work("teacher"))
    fold = Stage("fold", "fold (seed 0)", {"seed": 0}, work("fold"), (teacher,))
    return Stage("samples", "samples (seed 0)", {"images": 10}, work("samples"), (fold,))


def test_a_chain_is_done_once_with_a_log_and_hashes_and_what_made_it(tmp_path: Path) -> None:
    done: list[str] = []
    last = chain(done)
    folder = ensured(tmp_path, last)
    ensured(tmp_path, last)
    assert done == ["teacher", "fold", "samples"]
    marker = json.loads((folder / "done.json").read_text())
    assert set(marker["sha256"]) == {"settings.json", "small", "large", "cost.json"}
    assert marker["bytes"]["large"] == 2**21
    assert marker["versions"]["torch"]
    assert set(marker["git"]) == {"revision", "dirty"}
    log = [line.split(" ", 1)[1] for line in (folder / "log.txt").read_text().splitlines()]
    assert log[0] == "compute: not done before"
    assert log[1].startswith("done in ")


@pytest.mark.parametrize("damage", ["missing", "small", "size", "marker"])
def test_a_done_marker_whose_artefact_is_not_there_or_not_the_same_is_named_and_done_again(
    damage: str, tmp_path: Path
) -> None:
    done: list[str] = []
    last = chain(done)
    folder = ensured(tmp_path, last)
    name = {"missing": "small", "small": "small", "size": "large", "marker": "done.json"}[damage]
    if damage == "missing":
        (folder / name).unlink()
    else:
        text = {"small": b"2" * 100, "size": bytes(2**21 - 1), "marker": b'{"seconds": 1'}[damage]
        (folder / name).write_bytes(text)
    worker = worker_at(tmp_path)
    assert worker.state(last)[0] == "compute"
    assert name in worker.state(last)[1]
    worker.ensure(last)
    assert done == ["teacher", "fold", "samples", "samples"]
    assert len([line for line in said(worker) if str(folder / name) in line and "computed again" in line]) == 1
    assert store_at(tmp_path).is_done(last)


def test_a_flipped_byte_in_a_large_artefact_is_found_before_anything_is_computed_from_it(tmp_path: Path) -> None:
    done: list[str] = []
    last = chain(done)
    (fold,) = last.parents
    damaged = ensured(tmp_path, fold) / "large"
    content = bytearray(damaged.read_bytes())
    content[2**20] ^= 1
    damaged.write_bytes(content)
    worker = worker_at(tmp_path)
    assert worker.store.is_done(fold)  # a large file's hash is not taken on every look
    worker.ensure(last)
    assert done == ["teacher", "fold", "fold", "samples"]
    assert any(f"{damaged}: not what was written (its sha256 differs)" in line for line in said(worker))
    assert damaged.read_bytes() == bytes(2**21)


def test_why_a_stage_is_computed_names_the_setting_or_parent_that_changed(tmp_path: Path) -> None:
    old, new = chain([]), chain([], iterations=3000)
    assert [store_at(tmp_path).state(stage) for stage in old.lineage] == [("compute", "not done before")] * 3
    ensured(tmp_path, old)
    store = store_at(tmp_path)
    assert [store.state(stage) for stage in old.lineage] == [("reuse", "")] * 3
    assert [store.state(stage)[1] for stage in new.lineage] == [
        "teacher.iterations 2500 -> 3000",
        "parent teacher (seed 0) changed",
        "parent fold (seed 0) changed",
    ]
    added, *_ = chain([], learning_rate=0.1, iterations=2500).lineage
    assert store.state(added)[1] == "teacher.learning_rate none -> 0.1"


def test_an_unfinished_stage_is_resumed_from_what_it_left(tmp_path: Path) -> None:
    last = chain([])
    worker = worker_at(tmp_path)
    folder = folder_of(worker, last)
    write_json(folder / "settings.json", last.identity | {"label": last.label})
    assert worker.state(last) == ("compute", "started before, not finished")
    (folder / "resume-1").touch()
    assert worker.state(last) == ("resume", "from resume-1")
    worker.ensure(last)
    assert not (folder / "resume-1").exists()


def test_forced_stages_are_done_again_and_unmarked_before_anything_is_computed(tmp_path: Path) -> None:
    done: list[str] = []
    last = chain(done)
    ensured(tmp_path, last)
    (fold,) = last.parents
    worker = worker_at(tmp_path)
    worker.force([fold, last])
    assert not store_at(tmp_path).is_done(last)
    assert worker.state(fold) == ("compute", "forced")
    worker.ensure(last)
    assert done == ["teacher", "fold", "samples", "fold", "samples"]
    with (
        worker.locks.hold(folder_of(worker, fold)),
        pytest.raises(InputError, match="--force: another process works on fold"),
    ):
        worker_at(tmp_path).force([fold])


def test_a_locked_stage_is_busy_and_a_failed_one_fails_once_a_run(tmp_path: Path) -> None:
    tries = []

    def fail(job: Job) -> None:
        tries.append(1)
        raise MemoryError

    stage = Stage("teacher", "teacher (seed 0)", {}, fail)
    worker = worker_at(tmp_path)
    with worker.locks.hold(folder_of(worker, stage)), pytest.raises(Busy, match="teacher"):
        worker_at(tmp_path).ensure(stage)
    for _ in range(2):
        with pytest.raises(StageFailed, match=r"^teacher \(seed 0\): out of memory$"):
            worker.ensure(stage)
    assert len(tries) == 1
    assert "failed: out of memory" in (folder_of(worker, stage) / "log.txt").read_text()
    with pytest.raises(StageFailed):
        worker_at(tmp_path).ensure(stage)
    assert len(tries) == 2


def test_a_lineage_names_each_stage_once() -> None:
    last = chain([])
    twice = Stage("metrics", "metrics", {}, lambda *_: None, (last, *last.parents))
    assert [stage.kind for stage in twice.lineage] == ["teacher", "fold", "samples", "metrics"]
