"""How stages divide a machine: from the plan alone, alone where little can be done beside them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from helpers.command_line import sfddm_bench

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.experiments.experiment import evaluations
from bench.metrics import METRICS
from bench.run import jobs
from bench.run.jobs import WORTHWHILE, divide, evaluations_of
from bench.run.sweep import Sweep, make_sweep

IMAGES = load("digits", 8, None, 0.2)
THREE = ("sfddm", "ddim", "pd")


def sweep(
    methods: Sequence[str] = ("sfddm", "ddim"),
    steps: Sequence[int] = (1, 4, 16),
    seeds: Sequence[int] = (0,),
    scale: str | None = None,
    *settings: str,
    metrics: Sequence[str] = METRICS,
    budgets: Sequence[int] = (),
) -> Sweep:
    """Return a sweep of digits, quick if nothing else is said."""
    config = resolve(load_preset("digits"), scale, list(settings), budgeted=bool(budgets))
    cells = [(method, count) for count in steps for method in methods]
    return make_sweep(config, IMAGES, cells, seeds, None, metrics, budgets=budgets)


SWEEP = sweep()


def alone(of: Sweep) -> set[str]:
    """Return the kinds of what is done alone, without the costs, which all are."""
    division = divide(of, 2, 2)
    assert all(division.is_alone(stage) for stage in of.stages if stage.kind == "cost")
    return {stage.kind for stage in of.stages if division.is_alone(stage)} - {"cost"}


@pytest.mark.parametrize("budgets", [(), (20_000, 50_000, 100_000)], ids=["no budgets", "budgets"])
def test_training_and_sampling_are_counted_as_experiments_count_them(budgets: tuple[int, ...]) -> None:
    of = sweep(THREE, seeds=(0, 1), metrics=("quality",), budgets=budgets)
    counted = evaluations(of.context.config, of.wanted, of.seeds, of.budgets)
    assert sum(evaluations_of(of).values()) == counted.training + counted.sampling


def test_the_only_teacher_is_done_alone_with_all_threads_and_folds_are_not() -> None:
    assert alone(sweep()) == {"teacher"}


def test_two_teachers_are_done_side_by_side() -> None:
    assert alone(sweep(seeds=(0, 1))) == set()


def test_a_fold_beside_which_there_is_little_to_do_is_done_alone() -> None:
    assert alone(sweep(("sfddm",), (1,))) == {"teacher", "fold"}


def test_a_training_has_nothing_beside_it_if_all_others_continue_it() -> None:
    budgets = (200_000, 400_000, 800_000)
    assert alone(sweep(("sfddm",), (1,), budgets=budgets)) == {"teacher", "fold"}
    assert alone(sweep(("sfddm",), (1, 4), budgets=budgets)) == {"teacher"}
    division = divide(sweep(("sfddm",), (1,), budgets=budgets), 2, 2)
    assert len(division.alone) == 5  # the teacher, its three folds, and the cost of sampling, which they share


def test_digits_takes_a_job_for_each_thread_and_each_has_its_share() -> None:
    assert [divide(sweep(), None, threads).jobs for threads in (1, 2, 3)] == [1, 2, 3]
    division = divide(sweep(), 2, 5)
    assert (division.jobs, division.threads) == (2, 2)
    assert divide(sweep(), 2, 1).threads == 1


@pytest.mark.parametrize(
    "of",
    [
        sweep(scale="smoke"),  # less work than processes take to start
        sweep(("ddim",), (1,)),  # nothing beside the teacher
        replace(SWEEP, context=replace(SWEEP.context, device="cuda")),
        sweep(("sfddm", "ddim"), (1, 4, 16), (0,), None, "network.dim=512"),  # as fast with all threads, in less memory
    ],
    ids=["smoke", "one cell", "cuda", "large network"],
)
def test_one_job_where_more_do_not_pay(of: Sweep) -> None:
    assert divide(of, None, 2).jobs == 1
    assert divide(of, 2, 2).jobs == 2  # but two if they are asked for


def test_memory_limits_the_jobs_and_torchrun_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "memory_bytes", lambda: 5 * 2**30)
    assert divide(sweep(), None, 64).jobs == 3
    monkeypatch.setattr(jobs, "memory_bytes", lambda: 2**30)
    assert divide(sweep(), None, 64).jobs == 1
    assert divide(sweep(), None, 64, processes=2).jobs == 1


def test_what_pays_is_what_is_done_side_by_side() -> None:
    of = sweep()
    counted = evaluations_of(of)
    beside = sum(count for key, count in counted.items() if key not in divide(of, None, 2).alone)
    assert beside >= WORTHWHILE > sum(evaluations_of(sweep(scale="smoke")).values()) / 2


@pytest.mark.parametrize("given", ["0", "-1", "abc", "1.5", "1025", "9" * 50, "²"])
def test_jobs_that_are_none_are_refused_in_one_line(given: str) -> None:
    run = sfddm_bench("run", f"--jobs={given}")
    shown = given if len(given) < 40 else f"{'9' * 20}... (50 characters)"
    assert run.stderr == f"sfddm-bench: --jobs: '{shown}' given, auto or a whole number from 1 to 1024 is possible\n"
    assert run.returncode == 2


def test_jobs_of_ray_and_torchrun_are_their_own() -> None:
    run = sfddm_bench("run", "--jobs", "2", "--executor", "ray")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "--jobs: '2' given, but it is of --executor local" in run.stderr
    run = sfddm_bench("reproduce", "any-steps", "--jobs", "2", WORLD_SIZE="2", RANK="0", LOCAL_RANK="0")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "--jobs: '2' given under torchrun" in run.stderr
