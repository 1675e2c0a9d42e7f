"""The methods by name: ours, and those of other packages through the entry point group `sfddm_bench.methods`. No torch.

The order of the table is that of rows and colours everywhere. A method is imported when it is first asked for.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from bench.config.plugins import METHOD_GROUP, Plugin, plugins, refuse_taken
from sfddm.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sfddm.method import Method

SINGLE_FOLD, CHAIN = "sfddm", "pd"  # the folds of the chain share the network evaluations of the single one
CONTROL = "ddim"  # the teacher itself on the same timesteps
METHODS: dict[str, str] = {
    "sfddm": "sfddm.single_fold:SingleFold",
    "sfddm-reference": "sfddm.single_fold:SingleFoldReference",
    "sfddm-trajectory": "sfddm.trajectory:Trajectory",
    "pd": "baselines.pd:ProgressiveDistillation",
    "cd": "baselines.consistency:ConsistencyDistillation",
    "ect": "baselines.consistency:EasyConsistencyTuning",
    "ct": "baselines.consistency:ConsistencyTraining",
    "multistep-cd": "baselines.multistep:MultistepCD",
    "shortcut": "baselines.shortcut:Shortcut",
    "pd-reference": "baselines.pd_reference:PDReference",
    "ct-reference": "baselines.ct_reference:CTReference",
    "scratch": "baselines.scratch:Scratch",
    "ddim": "baselines.ddim:DDIM",
    "ddpm": "baselines.ddpm:DDPM",
    "dpm-solver": "baselines.dpm_solver:DPMSolver",
}
SETTINGS: dict[str, str] = {  # and their settings, which import no torch
    "sfddm": "sfddm.settings:SingleFoldSettings",
    "sfddm-reference": "sfddm.settings:ReferenceSettings",
    "sfddm-trajectory": "sfddm.settings:TrajectorySettings",
    "pd": "baselines.settings:PDSettings",
    "cd": "baselines.settings:CDSettings",
    "ect": "baselines.settings:ECTSettings",
    "ct": "baselines.settings:CTSettings",
    "multistep-cd": "baselines.settings:MultistepSettings",
    "shortcut": "baselines.settings:ShortcutSettings",
    "pd-reference": "baselines.settings:PDReferenceSettings",
    "ct-reference": "baselines.settings:CTReferenceSettings",
    "scratch": "baselines.settings:ScratchSettings",
    "ddim": "baselines.settings:DDIMSettings",
    "ddpm": "baselines.settings:DDPMSettings",
    "dpm-solver": "baselines.settings:DPMSolverSettings",
}


def names() -> list[str]:
    """Return the names of all methods, ours first."""
    return list(dict.fromkeys([*METHODS, *_of_other_packages()]))


@cache
def get(name: str) -> "type[Method]":
    """Return a method's class. Raises InputError for an unknown name."""
    if name in _of_other_packages():
        return _of_other_packages()[name]
    if name not in METHODS:
        raise InputError.unknown("--methods", name, names())
    found: type[Method] = _imported(METHODS[name])
    return found


def settings(name: str) -> "type[BaseModel]":
    """Return the settings that a method takes. Raises InputError for an unknown name."""
    if name in SETTINGS:
        found: type[BaseModel] = _imported(SETTINGS[name])
        return found
    return get(name).Settings


def summary(name: str) -> str:
    """Return what a method is, in a line. Raises InputError for an unknown name."""
    return getattr(settings(name), "summary", None) or get(name).summary


def own_compute(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's settings with what follows from them: iterations given are those of each fold of a chain."""
    follows = {"compute": "each"} if "iterations" in given and "compute" in settings(name).model_fields else {}
    return {**follows, **given}


def section(name: str, given: Mapping[str, Any], budgeted: bool = False) -> dict[str, Any]:
    """Return a method's own section as a run has it: without a budget a chain shares the single fold's compute."""
    shared = {"compute": "shared"} if name == CHAIN and not budgeted else {}
    return shared | own_compute(name, given)


def _imported(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


@cache
def _of_other_packages() -> "dict[str, type[Method]]":
    """Return the methods of other packages by the name of their class. Raises InputError if one is the suite's own."""
    return {name: method for name, (method, _) in _plugged().items()}


@cache
def _plugged() -> "dict[str, tuple[type[Method], Plugin]]":
    """Return the methods of other packages, each with what brought it, by the name of their class."""
    found = {}
    for plugin in plugins(METHOD_GROUP, METHODS).values():
        method = plugin.load()
        refuse_taken(METHOD_GROUP, method.name, METHODS)
        found[method.name] = method, plugin
    return found


def identity(name: str) -> dict[str, str]:
    """Return what of a method's origin decides its stages: the package of a plug-in with its version.

    Nothing for the suite's own: what they compute is told by the settings and versions of their stages.
    """
    return {"distribution": _plugged()[name][1].distribution} if name in _plugged() else {}


def place(name: str) -> int:
    """Return where a method stands among rows: ours by the table, all others after them."""
    return list(METHODS).index(name) if name in METHODS else len(METHODS)
