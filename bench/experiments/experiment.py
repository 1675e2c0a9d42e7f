"""Experiments: named sets of cells in TOML files that anyone can read, copy and change; and what they cost.

title, question, note       what it is
datasets, seeds, metrics    as the options of `run`; and so budgets, as whole numbers
[[cells]] methods, steps    every method at every step count; as many such tables as it takes
[scales.smoke]              what is different at a scale
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.config import methods
from bench.config.numbers import Count, PositiveCount
from bench.config.preset import merged
from bench.config.sections import Scale
from bench.config.toml import parse_toml
from bench.config.variants import base_name, methods_by_steps
from bench.run.request import Request, preset_of
from bench.store.files import digest
from bench.store.names import check_name
from sfddm.errors import InputError

if TYPE_CHECKING:
    from bench.config.settings import Config


class Block(BaseModel):
    """Every one of some methods at every one of some step counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: list[str] = Field(min_length=1)
    steps: list[PositiveCount] = Field(min_length=1)


class Experiment(BaseModel):
    """An experiment. `scales` is laid over the rest by `at`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    question: str
    note: str = ""
    datasets: list[str] = Field(min_length=1)
    seeds: list[Count] = Field(min_length=1)
    metrics: list[str] = ["quality"]
    budgets: list[PositiveCount] = []
    set: list[str] = []
    cells: list[Block] = Field(min_length=1)
    scales: dict[Scale, dict[str, Any]] = {}

    def at(self, scale: Scale) -> "Experiment":
        """Return the experiment at a scale. Raises ValidationError."""
        plain = self.model_dump(exclude={"scales"})
        return Experiment.model_validate(merged(plain, self.scales.get(scale, {})))

    def wanted(self) -> list[tuple[str, int]]:
        """Return its cells as (method, steps), without repeats."""
        found = [cell for block in self.cells for cell in methods_by_steps(block.methods, block.steps)]
        return list(dict.fromkeys(found))


def experiment_names() -> list[str]:
    """Return the experiments that come with the package."""
    folder = resources.files("bench.experiments")
    return sorted(path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml"))


def load_experiment(name: str) -> Experiment:
    """Return an experiment by its name, or from a user's TOML file by its path. Raises InputError."""
    if name in experiment_names():
        return parse_experiment(name, resources.files("bench.experiments").joinpath(f"{name}.toml").read_text(), name)
    path = Path(name)
    if path.suffix != ".toml" or not path.is_file():
        possible = ", ".join(experiment_names())
        raise InputError(f"NAME: '{name}' given, possible: {possible}, or a TOML file of your own")
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"NAME: '{name}' given, but it cannot be read ({error})") from None
    return parse_experiment(path.stem, text, name)


def parse_experiment(name: str, text: str, source: str) -> Experiment:
    """Return the experiment in a TOML text, checked at every scale; `source` names it in an InputError."""
    try:
        experiment = Experiment.model_validate({"name": name, **parse_toml(text)})
        check_name("name", experiment.name)
        for scale in experiment.scales:
            experiment.at(scale)
        for method, _ in experiment.wanted():
            methods.settings(base_name(method))
    except ValidationError as error:
        faults = error.errors()
        fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])  # a misspelt key first
        where = ".".join(map(str, fault["loc"]))
        raise InputError(f"{source}: {where}: {fault['msg'][0].lower()}{fault['msg'][1:]}") from None
    except ValueError as error:  # InputError is one
        raise InputError(f"{source}: {error}") from None
    return experiment


def request(
    experiment: Experiment,
    dataset: str,
    scale: str | None,
    seeds: Sequence[int] | None,
    data_root: Path | None,
    budgets: Sequence[int] | None = None,
) -> Request:
    """Return what an experiment asks for on one dataset at a scale (None: the dataset's). Raises InputError.

    seeds, budgets: in place of the experiment's own, if they are given.
    """
    chosen = preset_of(dataset, data_root).scale(scale)
    there = experiment.at(next(one for one in get_args(Scale) if one == chosen))
    return Request(
        dataset,
        there.wanted(),
        seeds or there.seeds,
        scale=chosen,
        budgets=budgets or there.budgets,
        assignments=there.set,
        metrics=there.metrics,
    )


@dataclass(frozen=True)
class Evaluations:
    """Network evaluations, counted from a configuration: forward 1, backward 2, per image."""

    training: int
    sampling: int

    def __add__(self, other: "Evaluations") -> "Evaluations":
        return Evaluations(self.training + other.training, self.sampling + other.sampling)


def evaluations(
    config: "Config", wanted: Sequence[tuple[str, int]], seeds: Sequence[int], budgets: Sequence[int] = ()
) -> Evaluations:
    """Return what cells cost from nothing: each teacher, fold and set of samples once, however many cells share it.

    Where one training serves several budgets, it is counted once, with the largest.
    """
    from sfddm.method import BACKWARD, FORWARD  # with torch, which a name that is none is refused without

    trained: dict[str, int] = {}
    sampled: dict[str, int] = {}
    if config.teacher.weights is None:
        trained["teacher"] = (FORWARD + BACKWARD) * config.teacher.batch * config.teacher.iterations
    for (name, steps), budget in product(wanted, tuple(sorted(budgets)) or (None,)):
        method, model = config.method(name), "teacher"
        for number, fold in enumerate(config.at(budget).folds(method, steps)):
            parent, model = model, digest({"parent": model, **fold.identity})
            open_ended = number == 0 and fold.open_ended
            any_length = digest({"parent": parent, **fold.identity, "train": None, "name": fold.name})
            trained[any_length if open_ended else model] = fold.total_evaluations
        visited = method.timesteps(steps)
        samples = digest({"model": model, "method": method.name, "timesteps": visited, **method.sampling()})
        sampled[samples] = len(visited) * config.evaluation.images
    return Evaluations(sum(trained.values()) * len(seeds), sum(sampled.values()) * len(seeds))
