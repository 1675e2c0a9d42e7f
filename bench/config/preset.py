"""Presets: a TOML file for each dataset, with its defaults, its scales and its resolutions."""

from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.config.sections import ANY_RESOLUTION
from bench.config.toml import parse_toml
from sfddm.errors import InputError

# Under budgets: a constant rate and an average that reaches over about a ninth of the updates so far, so that snapshots
# of one training are as good as trainings of their own; the folds of a chain are trained for each budget, as published.
BUDGETED: dict[str, dict[str, Any]] = {
    "student": {"decay": "constant", "ema": 0.999, "ema_warmup": True},
    "pd": {"decay": "linear", "ema": 0.0, "ema_warmup": False},
}


class Preset(BaseModel):
    """A preset before resolving: the configuration's sections as mappings, its defaults and its scales.

    budgeted: what is laid over it when training is measured in budgets: that of all, and over it the preset's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: list[int]
    methods: list[str]
    sections: dict[str, Any]
    scales: dict[str, dict[str, Any]]
    resolutions: dict[str, dict[str, Any]]
    budgeted: dict[str, dict[str, Any]]

    def scale(self, name: str | None) -> str:
        """Return the name of a scale: the preset's own if none is given. Raises InputError."""
        chosen: str = name or self.sections["scale"]
        if chosen not in self.scales:
            raise InputError(f"--scale: '{chosen}' given, possible: {', '.join(self.scales)}")
        return chosen

    def at(self, resolution: int | None) -> dict[str, Any]:
        """Return the sections at a resolution: the preset's own if none is given. Raises InputError."""
        own = self.sections["resolution"]
        if resolution is None or resolution == own:
            return self.sections
        if self.sections["dataset"] == ANY_RESOLUTION:
            return self.sections | {"resolution": resolution}
        if str(resolution) not in self.resolutions:
            possible = ", ".join(map(str, sorted([own, *map(int, self.resolutions)])))
            raise InputError(f"--resolution: {resolution} given, {self.sections['dataset']} has: {possible}")
        return merged(self.sections, self.resolutions[str(resolution)]) | {"resolution": resolution}


def preset_names() -> list[str]:
    """Return the datasets that have a preset."""
    return sorted(
        p.name.removesuffix(".toml")
        for p in resources.files("bench.config.presets").iterdir()
        if p.name.endswith(".toml")
    )


def load_preset(dataset: str) -> Preset:
    """Return the preset of a dataset of the catalogue. Raises InputError for an unknown one."""
    if dataset not in preset_names():
        raise InputError(f"--dataset: '{dataset}' given, possible: {', '.join(preset_names())}")
    sections = parse_toml(resources.files("bench.config.presets").joinpath(f"{dataset}.toml").read_text())
    return Preset(
        steps=sections.pop("steps"),
        methods=sections.pop("methods"),
        scales=sections.pop("scales"),
        resolutions=sections.pop("resolutions", {}),
        budgeted=merged(BUDGETED, sections.pop("budgeted", {})),
        sections=sections,
    )


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid on top, section by section."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result
