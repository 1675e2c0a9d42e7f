"""What is left of a sweep, by a clock of its own: by time, for what is left alone, better as work is done."""

from pathlib import Path
from typing import cast

import pytest
from helpers.command_line import TINY

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.run.outlook import Outlook
from bench.run.speeds import SPEEDS, Speeds
from bench.run.sweep import Sweep, make_sweep
from bench.run.work import Calls, Work
from bench.store.layout import DONE, RunFolder
from bench.store.marker import write_marker
from bench.store.stage import Stage

TRAINING, SAMPLING = Calls("training", "network"), Calls("sampling", "network")
TRAINED, SAMPLED = 1000, 200  # amounts: a second each is the truth below, if nothing else is said


def sweep() -> Sweep:
    """Return DDIM at two step counts: a teacher, and two cells' images."""
    config = resolve(load_preset("digits"), "smoke", [word for word in TINY if "." in word], 20)
    return make_sweep(config, load("digits", 8, None, 0.2), [("ddim", 1), ("ddim", 4)], (0,), None, ())


SWEEP = sweep()
TEACHER, *_ = (stage for stage in SWEEP.stages if stage.kind == "teacher")


class Clock:
    """Seconds that grow when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def work(stage: Stage) -> Work:
    """Return work as it is easily followed: of a teacher 1,000, of images 200."""
    if stage.kind == "teacher":
        return Work("teacher", TRAINING, TRAINED, 0, evaluations=TRAINED, units=100)
    return Work("sampling", SAMPLING, SAMPLED, 0, evaluations=SAMPLED, units=20)


def outlook(root: Path, each: float | None, clock: Clock, **left: Work) -> Outlook:
    """Return the outlook on a run, of which a trial found the seconds of a call; left: other work, by key."""
    speeds = Speeds(root, {"machine": "of the test"})
    if each:
        speeds.add(TRAINING, 3 * each, 3)
    of = {stage.key: work(stage) for stage in SWEEP.stages} | left
    return Outlook(SWEEP, RunFolder(root), of, speeds, clock)


def do(of: Outlook, stage: Stage, seconds: float, clock: Clock) -> None:
    """Let a stage be done in some seconds, here."""
    with of.doing(stage.key):
        clock.now += seconds
        write_done(of.run, stage, seconds)


def write_done(run: RunFolder, stage: Stage, seconds: float) -> None:
    """Leave a stage as one that took some seconds."""
    stage.folder(run).path.mkdir(parents=True)
    write_marker(stage.folder(run).path / DONE, {"seconds": seconds, "sha256": {}, "bytes": {}, "parents": {}})


def test_the_sweep_is_a_teacher_and_two_cells_images() -> None:
    assert [stage.kind for stage in SWEEP.stages] == ["teacher", "samples", "samples"]
    assert len(SWEEP.cells) == 2


def test_a_trial_that_was_wrong_is_put_right_while_a_stage_is_done(tmp_path: Path) -> None:
    clock = Clock()
    of = outlook(tmp_path, 5.0, clock)
    truth = TRAINED + 2 * SAMPLED
    assert of.seconds_left() == 5 * truth
    assert str(of) == "about 1.9 h left for 2 cells"
    errors = []
    with of.doing(TEACHER.key):
        of.progress(0, 100)
        for done in range(1, 100):
            clock.now += TRAINED / 100
            of.progress(done, 100)
            errors.append(abs(of.seconds_left() - (truth - clock.now)))
    assert errors == sorted(errors, reverse=True)
    assert errors[20] < 0.25 * truth > errors[0] / 16
    assert errors[98] < 0.05 * truth


def test_time_passes_between_two_looks_at_the_progress(tmp_path: Path) -> None:
    clock = Clock()
    of = outlook(tmp_path, 1.0, clock)
    with of.doing(TEACHER.key):
        words = [str(of)]
        for _ in range(3):
            clock.now += 300
            words.append(str(of))
    assert words == ["about 23 min left for 2 cells", *(f"about {left} min left for 2 cells" for left in (18, 13, 8))]


def test_what_was_measured_counts_for_its_like(tmp_path: Path) -> None:
    clock = Clock()
    of = outlook(tmp_path, 1.0, clock)
    do(of, TEACHER, 500.0, clock)
    assert of.seconds_left() == pytest.approx(2 * SAMPLED * 0.5, rel=0.01)
    do(of, SWEEP.stages[1], 20.0, clock)
    assert of.seconds_left() == pytest.approx(20.0)
    assert str(of) == "about 20 s left for 1 cell"
    do(of, SWEEP.stages[2], 20.0, clock)
    assert str(of) == ""


def test_a_resumed_run_counts_what_is_left_and_its_progress_begins_there(tmp_path: Path) -> None:
    clock = Clock()
    of = outlook(tmp_path, 1.0, clock, **{TEACHER.key: work(TEACHER).left(25)})
    assert of.seconds_left() == TRAINED / 4 + 2 * SAMPLED
    with of.doing(TEACHER.key):
        of.progress(75, 100)
        assert of.seconds_left() == TRAINED / 4 + 2 * SAMPLED
        clock.now += 100
        of.progress(85, 100)
        assert of.seconds_left() == pytest.approx(15 * 10 + 2 * SAMPLED, rel=0.01)


def test_stages_that_others_do_are_seen_and_how_many_at_a_time(tmp_path: Path) -> None:
    clock = Clock()
    of = outlook(tmp_path, 1.0, clock)
    write_done(of.run, TEACHER, TRAINED)
    clock.now += TRAINED / 2  # two at a time
    assert of.seconds_left() == SAMPLED  # of two cells, side by side


def test_what_needs_a_stage_that_failed_is_not_waited_for(tmp_path: Path) -> None:
    of = outlook(tmp_path, 1.0, Clock())
    of.give_up(TEACHER.key)
    assert (of.seconds_left(), of.cells_left) == (0.0, 0)


def test_calls_of_which_nothing_is_known_are_named(tmp_path: Path) -> None:
    of = outlook(tmp_path, None, Clock())
    assert of.unknown == ["training", "sampling"]
    assert str(of).startswith("more than ")


def test_speeds_are_kept_for_each_machine_and_a_damaged_file_is_none(tmp_path: Path) -> None:
    for name, seconds in (("one", 2.0), ("other", 4.0)):
        speeds = Speeds(tmp_path, {"machine": name})
        assert not speeds.knows(TRAINING)
        speeds.add(TRAINING, seconds, 1.0)
        speeds.write()
    assert Speeds(tmp_path, {"machine": "one"}).seconds(TRAINING) == 2.0
    (tmp_path / SPEEDS).write_text('{"machines": ')
    again = Speeds(tmp_path, {"machine": "one"})
    assert again.seconds(TRAINING) is None
    again.add(TRAINING, 1.0, 1.0)
    again.write()
    assert Speeds(tmp_path, {"machine": "one"}).knows(TRAINING)


def test_what_an_earlier_run_measured_soon_gives_way(tmp_path: Path) -> None:
    earlier = Speeds(tmp_path, {"machine": "one"})
    earlier.add(TRAINING, 1000.0, 1000.0)
    earlier.write()
    now = Speeds(tmp_path, {"machine": "one"})
    now.add(TRAINING, 100.0, 1000.0)
    assert cast(float, now.seconds(TRAINING)) < 0.12
