"""The walk over a sweep's stages: each once, after those it needs; what needs a failed one never."""

import random
from itertools import pairwise

import pytest

from bench.run import walk as module
from bench.run.walk import Walk
from bench.store.stage import Stage


def stage(name: str, *parents: Stage) -> Stage:
    return Stage(name, name, {}, lambda job: None, parents)


TEACHER, OTHER = stage("teacher"), stage("other-teacher")
FOLD, SECOND = stage("fold", TEACHER), stage("second-fold", TEACHER)
BOTH = stage("both", FOLD, OTHER)
LAST = stage("last", BOTH, BOTH)
ALL = [TEACHER, FOLD, OTHER, BOTH, LAST, SECOND]


def offered(walk: Walk) -> list[str]:
    """Take all that may begin now."""
    found = []
    while taken := walk.take():
        found.append(taken.label)
    return found


def test_a_stage_is_offered_once_all_it_needs_is_done_in_the_order_of_the_plan() -> None:
    walk = Walk(ALL)
    assert offered(walk) == ["teacher", "other-teacher"]
    walk.done(OTHER)
    assert offered(walk) == []
    walk.done(TEACHER)
    assert offered(walk) == ["fold", "second-fold"]
    walk.done(FOLD)
    assert offered(walk) == ["both"]
    walk.done(BOTH)
    assert offered(walk) == ["last"]
    walk.done(LAST)
    assert len(walk) == 1
    walk.done(SECOND)
    assert not walk


def test_what_is_done_already_is_waited_for_by_nothing() -> None:
    assert offered(Walk([LAST, SECOND])) == ["last", "second-fold"]


def test_what_is_done_alone_is_taken_apart_and_the_rest_stays() -> None:
    walk = Walk(ALL, lambda one: one.kind in ("other-teacher", "fold"))
    assert walk.take(alone=True) == OTHER
    assert walk.take(alone=True) is None
    assert offered(walk) == ["teacher"]
    walk.done(TEACHER)
    assert offered(walk) == ["second-fold"]
    assert walk.take(alone=True) == FOLD


def test_each_stage_is_asked_about_once_however_many_wait() -> None:
    asked = list[str]()

    def is_alone(one: Stage) -> bool:
        asked.append(one.key)
        return one.settings["alone"]

    many = [Stage("one", str(number), {"alone": number % 2 == 0, "number": number}, print) for number in range(2000)]
    walk = Walk(many, is_alone)
    while walk:
        stage = walk.take() or walk.take(alone=True)
        assert stage is not None
        walk.done(stage)
    assert len(asked) == len(set(asked)) == len(many)


def test_what_needs_a_failed_stage_is_left_out_and_the_others_go_on() -> None:
    walk = Walk(ALL)
    assert offered(walk) == ["teacher", "other-teacher"]
    walk.failed(OTHER)
    walk.done(TEACHER)
    assert offered(walk) == ["fold", "second-fold"]
    walk.done(FOLD)
    assert offered(walk) == []
    walk.done(SECOND)
    assert not walk


def test_a_stage_that_was_put_off_is_offered_again_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    walk = Walk(ALL)
    assert offered(walk) == ["teacher", "other-teacher"]
    walk.put_off(TEACHER)
    assert offered(walk) == []
    now += module.AGAIN_SECONDS
    assert offered(walk) == ["teacher"]


@pytest.mark.parametrize("seed", range(20))
def test_every_stage_of_a_random_plan_is_offered_once_and_after_those_it_needs(seed: int) -> None:
    chance, plan = random.Random(seed), list[Stage]()
    for number in range(40):
        plan.append(stage(f"s{number}", *chance.sample(plan, min(len(plan), chance.randrange(4)))))
    walk, running, order = Walk(plan), list[Stage](), list[Stage]()
    while walk:
        while taken := walk.take():
            running.append(taken)
        ended = running.pop(chance.randrange(len(running)))
        walk.done(ended)
        order.append(ended)
    assert sorted(one.label for one in order) == sorted(one.label for one in plan)
    place = {one.key: number for number, one in enumerate(order)}
    assert all(place[parent.key] < place[one.key] for one in plan for parent in one.parents)
    assert all(one.key != other.key for one, other in pairwise(order))


def test_a_training_that_goes_on_from_another_begins_after_it_whether_that_is_done_or_fails() -> None:
    longest = stage("longest", TEACHER)
    longer = Stage("longer", "longer", {}, lambda job: None, (TEACHER,), goes_on=longest)
    short = Stage("short", "short", {}, lambda job: None, (TEACHER,), goes_on=longer)
    of_short = stage("of-short", short)
    walk = Walk([longest, longer, short, of_short])
    assert offered(walk) == ["short"]
    walk.failed(short)
    assert offered(walk) == ["longer"]
    walk.done(longer)
    assert offered(walk) == ["longest"]
    walk.done(longest)
    assert not walk
