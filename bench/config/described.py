"""Every setting with its value and what it means, as a dataset's preset has it: for lists and completion. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from bench.config import methods
from bench.config.preset import load_preset, merged
from bench.config.sections import ClassifierSettings, CostSettings, DataSettings, EvaluationSettings, TeacherSettings
from sfddm.errors import InputError
from sfddm.settings import PerformanceSettings, TrainSettings, UNetConfig

SECTIONS: dict[str, type[BaseModel]] = {
    "data": DataSettings,
    "network": UNetConfig,
    "teacher": TeacherSettings,
    "student": TrainSettings,
    "evaluation": EvaluationSettings,
    "classifier": ClassifierSettings,
    "cost": CostSettings,
    "performance": PerformanceSettings,
}


@dataclass(frozen=True)
class Setting:
    """One setting: its name as `--set` takes it, its value, and what it means."""

    name: str
    value: str
    meaning: str


def section_names() -> list[str]:
    """Return the sections of settings: the suite's own, then the methods."""
    return [*SECTIONS, *methods.names()]


def settings(section: str, dataset: str, scale: str | None = None) -> list[Setting]:
    """Return a section's settings with a dataset's values at a scale (None: the preset's). Raises InputError."""
    if section not in section_names():
        raise InputError.unknown("SECTION", section, section_names())
    preset = load_preset(dataset)
    laid = merged(preset.sections, preset.scales[preset.scale(scale)])
    own = laid.get(section, {})
    if section in SECTIONS:
        return described(section, SECTIONS[section], own)
    return described(section, methods.settings(section), laid.get("student", {}) | methods.section(section, own))


def described(section: str, model: type[BaseModel], values: Mapping[str, Any]) -> list[Setting]:
    """Return the settings of a model, with the values that are given and the defaults of all others."""
    found = []
    for name, info in model.model_fields.items():
        default = "needed" if info.is_required() else info.get_default(call_default_factory=True)
        found.append(Setting(f"{section}.{name}", as_written(values.get(name, default)), info.description or ""))
    return found


def as_written(value: Any) -> str:
    """Return a value as `--set` takes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(as_written, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
