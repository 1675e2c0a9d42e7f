"""Stages: done once, checked, explained, forced; what is damaged is named and done again."""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from bench.run.worker import Worker
from bench.store.failures import Busy, StageFailed
from bench.store.files import write_json
from bench.store.layout import DONE, LOCK
from bench.store.stage import Job, Stage
from bench.store.store import Store
from sfddm.errors import InputError, WorkFailed


class Said:
    """Collects what a display would show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def give_up(self, key: str) -> None: ...

    def doing(self, key: str) -> AbstractContextManager[None]:
        return nullcontext()


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


def test_a_holder_that_was_taken_over_stops_with_a_line_and_writes_nothing_more(tmp_path: Path) -> None:
    """As after a suspended machine: another host took the lock over, and works in the folder now."""

    def work(job: Job) -> None:
        write_json(job.folder / "first", {})
        (job.folder / LOCK).write_text("another-kernel 0123")
        (job.folder / "resume-theirs").touch()
        write_json(job.folder / "second", {})

    stage = Stage("teacher", "teacher (seed 0)", {}, work)
    worker = worker_at(tmp_path)
    with pytest.raises(WorkFailed, match="another process took over while this one stood still"):
        worker.ensure(stage)
    folder = folder_of(worker, stage)
    assert {path.name for path in folder.iterdir()} == {"settings.json", "log.txt", "first", LOCK, "resume-theirs"}
    assert (folder / LOCK).read_text() == "another-kernel 0123"
    assert "failed" not in (folder / "log.txt").read_text()


def test_a_takeover_after_the_last_artefact_leaves_no_done_marker(tmp_path: Path) -> None:
    def work(job: Job) -> None:
        write_json(job.folder / "first", {})
        (job.folder / "resume-theirs").touch()
        (job.folder / LOCK).write_text("another-kernel 0123")

    worker = worker_at(tmp_path)
    stage = Stage("teacher", "teacher (seed 0)", {}, work)
    with pytest.raises(WorkFailed):
        worker.ensure(stage)
    assert not (folder_of(worker, stage) / DONE).exists()
    assert (folder_of(worker, stage) / "resume-theirs").exists()


def reading_chain(model: list[bytes], done: list[str]) -> Stage:
    """A teacher that writes a model and a clock, which is another each time; and samples that read the model alone."""

    def train(job: Job) -> None:
        done.append("teacher")
        (job.folder / "model").write_bytes(model[0])
        write_json(job.folder / "cost.json", {"seconds": len(done)})

    def sample(job: Job) -> None:
        done.append("samples")
        (job.folder / "copy").write_bytes(job.path(teacher, "model").read_bytes())

    teacher = Stage("teacher", "teacher (seed 0)", {}, train)
    return Stage("samples", "samples (seed 0)", {}, sample, (teacher,))


def test_a_marker_names_the_hashes_of_what_was_read_of_the_parents_and_carries_its_own(tmp_path: Path) -> None:
    last = reading_chain([b"one"], [])
    folder = ensured(tmp_path, last)
    (teacher,) = last.parents
    marker = json.loads((folder / DONE).read_text())
    assert marker["parents"] == {teacher.name: {"model": hashlib.sha256(b"one").hexdigest()}}
    assert len(marker["integrity"]) == 64


@pytest.mark.parametrize("same_run", [True, False])
def test_a_stage_is_done_again_if_and_only_if_what_it_read_of_a_parent_has_other_bytes(
    same_run: bool, tmp_path: Path
) -> None:
    model, done = [b"one"], []
    last = reading_chain(model, done)
    (teacher,) = last.parents
    worker = worker_at(tmp_path)
    worker.ensure(last)
    for content, expected in [(b"one", ["teacher"]), (b"two", ["teacher", "samples"])]:
        model[0] = content
        done.clear()
        worker = worker if same_run else worker_at(tmp_path)
        worker.force([teacher])
        worker.ensure(last)
        assert done == expected
    assert (folder_of(worker, last) / "copy").read_bytes() == b"two"
    line = f"{folder_of(worker, teacher) / 'model'}: not what {last.name} was made from (its sha256 differs)"
    assert any(said_line.startswith(line) for said_line in said(worker))


@pytest.mark.parametrize("change", ["seconds", "sha256", "parents", "without its seal"])
def test_a_done_marker_that_was_changed_is_a_fault_and_its_stage_is_done_again(change: str, tmp_path: Path) -> None:
    done: list[str] = []
    last = reading_chain([b"one"], done)
    path = ensured(tmp_path, last) / DONE
    marker = json.loads(path.read_text())
    if change == "sha256":  # of an artefact that was changed with it
        (path.parent / "copy").write_bytes(b"two")
        marker["sha256"]["copy"] = hashlib.sha256(b"two").hexdigest()
    elif change == "without its seal":
        del marker["integrity"]
    else:
        marker[change] = {"seconds": 99.0, "parents": {}}[change]
    path.write_text(json.dumps(marker))
    worker = worker_at(tmp_path)
    worker.ensure(last)
    assert done == ["teacher", "samples", "samples"]
    assert len([line for line in said(worker) if line.startswith(f"{path}: ")]) == 1


def test_a_marker_of_a_version_without_seals_and_parents_is_still_a_done_stage(tmp_path: Path) -> None:
    done: list[str] = []
    last = reading_chain([b"one"], done)
    path = ensured(tmp_path, last) / DONE
    marker = json.loads(path.read_text())
    path.write_text(json.dumps({name: marker[name] for name in ("seconds", "sha256", "bytes", "versions", "git")}))
    ensured(tmp_path, last)
    assert done == ["teacher", "samples"]


ODD_MARKERS = {
    "deep": "[" * 100_000,
    "no number": '{"sha256": {}, "seconds": NaN}',
    "a huge number": '{"sha256": {}, "seconds": ' + "9" * 400 + "}",
    "negative seconds": '{"sha256": {}, "seconds": -1}',
    "hashes that are none": '{"sha256": {"a": 1}}',
    "sizes that are none": '{"sha256": {}, "bytes": {"a": "1"}}',
    "sizes in a list": '{"sha256": {}, "bytes": [1]}',
    "a file elsewhere": '{"sha256": {"../../a": "0"}}',
    "a name that no file can have": '{"sha256": {"a\\u0000": "0"}}',
    "parents that are none": '{"sha256": {}, "parents": [1], "integrity": "0"}',
}


@pytest.mark.parametrize("text", ODD_MARKERS.values(), ids=ODD_MARKERS.keys())
@pytest.mark.parametrize("name", ["done.json", "settings.json"])
def test_an_odd_file_of_a_stage_is_that_stages_alone_named_and_done_again(name: str, text: str, tmp_path: Path) -> None:
    done: list[str] = []
    last = reading_chain([b"one"], done)
    (teacher,) = last.parents
    path = ensured(tmp_path, last).parent / teacher.name / name
    path.write_text(text)
    worker = worker_at(tmp_path)
    assert [worker.state(stage)[0] for stage in last.lineage] == ["compute", "reuse"]
    worker.ensure(last)
    assert done == ["teacher", "samples", "teacher"]
    assert len([line for line in said(worker) if line.startswith(f"{path}: ")]) == 1


def test_a_lineage_names_each_stage_once() -> None:
    last = chain([])
    twice = Stage("metrics", "metrics", {}, lambda *_: None, (last, *last.parents))
    assert [stage.kind for stage in twice.lineage] == ["teacher", "fold", "samples", "metrics"]
