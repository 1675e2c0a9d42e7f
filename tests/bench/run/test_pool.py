"""Worker processes that cannot work, and what is said of those that end."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.run.pool import Pool, ended_by
from bench.run.sweep import Sweep, make_sweep
from bench.run.task import Outcome, given_of
from bench.run.worker import Worker
from bench.store.progress import Display

POLL_SECONDS = 5.0


@pytest.fixture
def sweep() -> Sweep:
    return make_sweep(resolve(load_preset("digits"), "smoke", []), load("digits", 8, None, 0.2), [("ddim", 1)], [0])


def test_a_process_that_cannot_work_says_why_for_each_stage_and_stays(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFDDM_DATA", str(tmp_path))
    given = replace(given_of(sweep, Worker(tmp_path, "cpu", Display(quiet=True)), None), dataset="nothing-of-it")
    with Pool(given, 1, Display(quiet=True)) as pool:
        numbers = set()
        for stage in sweep.stages[:2]:
            assert pool.has_room
            pool.give(stage)
            assert not pool.has_room
            assert not pool.is_idle
            ended: list = []
            while not ended:
                ended = list(pool.wait(POLL_SECONDS))
            ((which, outcome),) = ended
            assert which is stage
            assert outcome.failed is not None
            assert outcome.failed.startswith(f"{stage.label}: ")
            assert "nothing-of-it" in outcome.failed
            assert pool.is_idle
            numbers |= {hand.process.pid for hand in pool.hands}
        assert len(numbers) == 1
        (process,) = [hand.process for hand in pool.hands]
    assert process.exitcode == 0


def test_a_process_that_was_killed_while_it_had_nothing_to_do_is_replaced(sweep: Sweep, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", Display(quiet=True))
    (first,) = [stage for stage in sweep.stages if stage.kind == "classifier"]
    (second,) = [stage for stage in sweep.stages if stage.kind == "reference"]
    with Pool(given_of(sweep, worker, None), 1, worker.display) as pool:
        for stage in (first, second):
            pool.give(stage)
            ended: list = []
            while not ended:
                ended = list(pool.wait(POLL_SECONDS))
            assert ended == [(stage, Outcome())]
            pool.hands[0].process.kill()
            pool.hands[0].process.join()
    assert worker.store.is_done(second)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-9, "killed by SIGKILL (out of memory?)"),
        (-11, "killed by SIGSEGV"),
        (-1000, "killed by signal 1000"),
        (3, "ended with exit code 3"),
        (None, "ended with exit code None"),
    ],
)
def test_how_a_process_ended_is_said(code: int | None, said: str) -> None:
    assert ended_by(code) == said
