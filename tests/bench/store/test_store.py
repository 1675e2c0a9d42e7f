"""Stages: done once, checked, explained, forced; what is damaged is named and done again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.store.failures import StageFailed
from bench.store.files import write_json
from bench.store.store import Busy, Stage, Store
from sfddm.errors import InputError


class Said:
    """Collects what a display would show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def store_at(root: Path) -> Store:
    return Store(root, "cpu", Said())  # type: ignore[arg-type]


def said(store: Store) -> list[str]:
    return store.display.lines  # type: ignore[attr-defined,no-any-return]


def chain(done: list[str], **train: object) -> Stage:
    """A teacher, its fold and the fold's samples; each notes its kind when it is done."""

    def work(kind: str) -> Callable[[Path, Store], None]:
        def write(folder: Path, store: Store) -> None:
            done.append(kind)
            (folder / "small").write_bytes(b"1" * 100)
            (folder / "large").write_bytes(bytes(2**21))
            write_json(folder / "cost.json", {"seconds": 1})

        return write

    teacher = Stage("teacher", "teacher (seed 0)", {"train": {"iterations": 2500} | train, "seed": 0}, work("teacher"))
    fold = Stage("fold", "fold (seed 0)", {"seed": 0}, work("fold"), (teacher,))
    return Stage("samples", "samples (seed 0)", {"images": 10}, work("samples"), (fold,))


def test_a_chain_is_done_once_with_a_log_and_hashes_and_what_made_it(tmp_path: Path) -> None:
    done: list[str] = []
    last = chain(done)
    folder = store_at(tmp_path).ensure(last)
    store_at(tmp_path).ensure(last)
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
    folder = store_at(tmp_path).ensure(last)
    name = {"missing": "small", "small": "small", "size": "large", "marker": "done.json"}[damage]
    if damage == "missing":
        (folder / name).unlink()
    else:
        text = {"small": b"2" * 100, "size": bytes(2**21 - 1), "marker": b'{"seconds": 1'}[damage]
        (folder / name).write_bytes(text)
    store = store_at(tmp_path)
    assert store.state(last)[0] == "compute"
    assert name in store.state(last)[1]
    store.ensure(last)
    assert done == ["teacher", "fold", "samples", "samples"]
    assert len([line for line in said(store) if str(folder / name) in line and "computed again" in line]) == 1
    assert store_at(tmp_path).is_done(last)


def test_a_flipped_byte_in_a_large_artefact_is_found_before_anything_is_computed_from_it(tmp_path: Path) -> None:
    done: list[str] = []
    last = chain(done)
    (fold,) = last.parents
    damaged = store_at(tmp_path).ensure(fold) / "large"
    content = bytearray(damaged.read_bytes())
    content[2**20] ^= 1
    damaged.write_bytes(content)
    store = store_at(tmp_path)
    assert store.is_done(fold)  # a large file's hash is not taken on every look
    store.ensure(last)
    assert done == ["teacher", "fold", "fold", "samples"]
    assert any(f"{damaged}: not what was written (its sha256 differs)" in line for line in said(store))
    assert damaged.read_bytes() == bytes(2**21)


def test_why_a_stage_is_computed_names_the_setting_or_parent_that_changed(tmp_path: Path) -> None:
    old, new = chain([]), chain([], iterations=3000)
    assert [store_at(tmp_path).state(stage) for stage in old.lineage()] == [("compute", "not done before")] * 3
    store_at(tmp_path).ensure(old)
    store = store_at(tmp_path)
    assert [store.state(stage) for stage in old.lineage()] == [("reuse", "")] * 3
    assert [store.state(stage)[1] for stage in new.lineage()] == [
        "teacher.iterations 2500 -> 3000", "parent teacher (seed 0) changed", "parent fold (seed 0) changed",
    ]  # fmt: skip
    added, *_ = chain([], learning_rate=0.1, iterations=2500).lineage()
    assert store.state(added)[1] == "teacher.learning_rate none -> 0.1"


def test_an_unfinished_stage_is_resumed_from_what_it_left(tmp_path: Path) -> None:
    last = chain([])
    store = store_at(tmp_path)
    folder = store.folder(last)
    write_json(folder / "settings.json", last.identity | {"label": last.label})
    assert store.state(last) == ("compute", "started before, not finished")
    (folder / "resume-1").touch()
    assert store.state(last) == ("resume", "from resume-1")
    store.ensure(last)
    assert not (folder / "resume-1").exists()


def test_forced_stages_are_done_again_and_unmarked_before_anything_is_computed(tmp_path: Path) -> None:
    done: list[str] = []
    last = chain(done)
    store_at(tmp_path).ensure(last)
    (fold,) = last.parents
    store = store_at(tmp_path)
    store.force([fold, last])
    assert not store_at(tmp_path).is_done(last)
    assert store.state(fold) == ("compute", "forced")
    store.ensure(last)
    assert done == ["teacher", "fold", "samples", "fold", "samples"]
    with (
        store.claims.hold(store.folder(fold)),
        pytest.raises(InputError, match="--force: another process works on fold"),
    ):
        store_at(tmp_path).force([fold])


def test_a_claimed_stage_is_busy_and_a_failed_one_fails_once_a_run(tmp_path: Path) -> None:
    tries = []

    def fail(folder: Path, store: Store) -> None:
        tries.append(1)
        raise MemoryError

    stage = Stage("teacher", "teacher (seed 0)", {}, fail)
    store = store_at(tmp_path)
    with store.claims.hold(store.folder(stage)), pytest.raises(Busy, match="teacher"):
        store_at(tmp_path).ensure(stage)
    for _ in range(2):
        with pytest.raises(StageFailed, match=r"^teacher \(seed 0\): out of memory$"):
            store.ensure(stage)
    assert len(tries) == 1
    assert "failed: out of memory" in (store.folder(stage) / "log.txt").read_text()
    with pytest.raises(StageFailed):
        store_at(tmp_path).ensure(stage)
    assert len(tries) == 2


def test_a_lineage_names_each_stage_once() -> None:
    last = chain([])
    twice = Stage("metrics", "metrics", {}, lambda *_: None, (last, *last.parents))
    assert [stage.kind for stage in twice.lineage()] == ["teacher", "fold", "samples", "metrics"]
