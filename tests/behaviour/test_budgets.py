"""Several budgets in one run: a student of one fold trains once, and each budget's is that of a run of its own."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.experiments.experiment import evaluations
from bench.records.groups import groups
from bench.records.record import Record, read_records
from bench.run.local import run_sweep
from bench.run.sweep import Sweep, make_sweep
from bench.run.work import work_of
from bench.run.worker import Worker
from bench.store.layout import RunFolder
from bench.store.progress import Display
from sfddm import training

# Of those, the first whose trainings go on from one budget to the next.
GO_ON = ("sfddm", "sfddm-trajectory", "cd", "multistep-cd", "shortcut", "scratch", "pd-reference", "ct-reference")
THEIR_OWN = ("pd", "ect", "ct")
BATCH, BUDGETS = 4, (100, 200)

pytestmark = pytest.mark.slow


def sweep_of(budgets: tuple[int, ...]) -> Sweep:
    settings = [
        f"student.batch={BATCH}", "teacher.iterations=2", "teacher.batch=4", "teacher.timesteps=16",
        "classifier.epochs=1", "teacher.prediction=v",
    ]  # fmt: skip
    config = resolve(load_preset("digits"), "smoke", settings, images=12, budgeted=True)
    cells = [(name, 4) for name in (*GO_ON, *THEIR_OWN, "ddim")]
    return make_sweep(config, load("digits", 8, None, 0.2), cells, [0], asked=["quality"], budgets=budgets)


def run(folder: Path, budgets: tuple[int, ...]) -> tuple[Sweep, Worker, list[Record]]:
    sweep, worker = sweep_of(budgets), Worker(folder, "cpu", Display(quiet=True))
    return sweep, worker, run_sweep(sweep, worker)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Worker, Counter[str]]:
    """A run of all budgets, and how many iterations were made in it for each method."""
    made, step = Counter[str](), training.Step.__call__
    with pytest.MonkeyPatch.context() as patch:

        def counted(self: training.Step, *given: object) -> object:
            made[current[-1]] += 1
            return step(self, *given)  # type: ignore[arg-type]

        current = ["nothing"]
        begin = Worker._do
        patch.setattr(Worker, "_do", lambda self, stage: (current.append(stage.label), begin(self, stage))[1])
        patch.setattr(training.Step, "__call__", counted)
        sweep, worker, records = run(tmp_path_factory.mktemp("together"), BUDGETS)
    assert not [record.failure for record in records if record.failure]
    return sweep, worker, made


def iterations(sweep: Sweep, method: str, budget: int) -> list[int]:
    """The iterations of the folds of a method under a budget."""
    config = sweep.context.config.at(budget)
    return [fold.train.iterations for fold in config.folds(config.method(method), 4)]


@pytest.mark.parametrize("method", [*GO_ON, *THEIR_OWN])
def test_smaller_budgets_of_one_fold_are_free_of_training(
    together: tuple[Sweep, Worker, Counter[str]], method: str
) -> None:
    sweep, _, made = together
    folds = {stage.label for cell in sweep.cells if cell.method == method for stage in cell.models[1:]}
    each = [sum(iterations(sweep, method, budget)) for budget in BUDGETS]
    assert len(set(each)) == len(BUDGETS)
    assert sum(made[label] for label in folds) == (max(each) if method in GO_ON else sum(each))


def test_the_larger_budget_has_the_students_of_a_run_of_its_own(
    together: tuple[Sweep, Worker, Counter[str]], tmp_path: Path
) -> None:
    _, worker, _ = together
    alone = run(tmp_path, BUDGETS[-1:])[0]
    for cell in alone.cells:
        for stage in cell.models:
            own, other = (root / "stages" / stage.name / "done.json" for root in (tmp_path, worker.store.run.root))
            one, two = (json.loads(path.read_text())["sha256"]["model.safetensors"] for path in (own, other))
            assert one == two, stage.label


def test_a_cell_for_each_budget_and_one_of_what_is_not_trained(
    together: tuple[Sweep, Worker, Counter[str]],
) -> None:
    _, worker, _ = together
    found = read_records(worker.store.run.root)
    assert Counter(record.method for record in found) == dict.fromkeys([*GO_ON, *THEIR_OWN], len(BUDGETS)) | {
        "ddim": 1,
        "real data": 1,
    }
    shares = {record.budget: record.share for record in found if record.method == "sfddm"}
    assert shares == {budget: budget // (4 * BATCH) * BATCH / 8 for budget in BUDGETS}
    assert {record.init for record in found if record.method in ("cd", "pd")} == {"teacher"}
    assert all(f"-4-{record.budget}-seed0-" in record.name for record in found if record.budget)
    apart = groups(found)
    assert [group.budget for group in apart] == list(BUDGETS)
    assert [group.stem for group in apart] == [f"digits-8-smoke-{budget}" for budget in BUDGETS]
    for group in apart:
        assert {record.budget for record in group.records} == {None, group.budget}
        assert {"ddim", "real data"} < {record.method for record in group.records}


def test_what_is_ahead_counts_a_training_once(tmp_path: Path) -> None:
    sweep = sweep_of(BUDGETS)
    work = work_of(sweep, RunFolder(tmp_path), lambda stage: stage.kind == "fold")
    ahead = sum(one.evaluations for one in work.values())
    cells = [(name, 4) for name in (*GO_ON, *THEIR_OWN)]
    counted = evaluations(sweep.context.config, cells, [0], BUDGETS).training
    teacher = evaluations(sweep.context.config, [("ddim", 4)], [0]).training
    spent = {(name, budget): spent_of(sweep, name, budget) for name in (*GO_ON, *THEIR_OWN) for budget in BUDGETS}
    expected = sum(most for (name, budget), most in spent.items() if name in THEIR_OWN or budget == BUDGETS[-1])
    assert ahead == pytest.approx(expected, abs=len(GO_ON))  # the rest of a training is rounded
    assert counted - teacher == expected


def spent_of(sweep: Sweep, method: str, budget: int) -> int:
    """The network evaluations of a method's folds under a budget."""
    config = sweep.context.config.at(budget)
    return sum(fold.total_evaluations for fold in config.folds(config.method(method), 4))
