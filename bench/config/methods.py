"""The methods by name: ours, and those of other packages through the entry point group `sfddm_bench.methods`."""

import difflib
from functools import cache
from importlib.metadata import entry_points

from baselines.ddim import DDIM
from baselines.ddpm import DDPM
from baselines.dpm_solver import DPMSolver
from baselines.pd import ProgressiveDistillation
from baselines.pd_reference import PDReference
from baselines.scratch import Scratch
from sfddm.errors import InputError
from sfddm.method import Method
from sfddm.single_fold import SingleFold, SingleFoldReference
from sfddm.trajectory import Trajectory

BUILT_IN: tuple[type[Method], ...] = (
    SingleFold,
    SingleFoldReference,
    Trajectory,
    ProgressiveDistillation,
    PDReference,
    Scratch,
    DDIM,
    DDPM,
    DPMSolver,
)


@cache
def _all() -> dict[str, type[Method]]:
    found = {method.name: method for method in BUILT_IN}
    for entry in entry_points(group="sfddm_bench.methods"):
        method = entry.load()
        found[method.name] = method
    return found


def names() -> list[str]:
    """Return the names of all methods."""
    return list(_all())


def get(name: str) -> type[Method]:
    """Return a method's class. Raises InputError for an unknown name."""
    if name not in _all():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise InputError(f"--methods: '{name}' given{hint}, possible: {', '.join(names())}")
    return _all()[name]
