"""From a preset to a configuration: a resolution and a scale laid over it, and --set on top.

Every layer is a plain nested mapping; only the result is validated, and an unknown key is refused with the nearest
valid name.
"""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from bench.config import methods
from bench.config.preset import Preset, merged
from bench.config.settings import Config, first_fault, toml_value
from bench.config.toml import DEPTH
from sfddm.errors import InputError
from sfddm.training import TrainSettings

CONTROLS = ("ddim", "ddpm")


def parse_overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """Return the nested mapping of `section.key=value` strings; values are TOML, a bare word is a string."""
    overrides: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise InputError(f"--set: '{assignment}' given, the form is section.key=value")
        if len(keys) > DEPTH:
            raise InputError(f"--set: a key of {len(keys)} parts given, the form is section.key=value")
        nested = toml_value(text)
        for key in reversed(keys):
            nested = {key: nested}
        overrides = merged(overrides, nested)
    return overrides


def resolve(
    preset: Preset,
    scale: str | None,
    assignments: Iterable[str] = (),
    images: int | None = None,
    budget: int | None = None,
    resolution: int | None = None,
) -> Config:
    """Return the configuration of a run; images, budget and resolution have options of their own."""
    scale = scale or preset.sections["scale"]
    if scale not in preset.scales:
        raise InputError(f"--scale: '{scale}' given, possible: {', '.join(preset.scales)}")
    sections = merged(preset.at(resolution), preset.scales[scale]) | {"scale": scale}
    overrides = parse_overrides(assignments)
    _check_keys(overrides)
    sections = merged(sections, overrides)
    if images is not None:
        sections["evaluation"] = sections["evaluation"] | {"images": images}
    shared = sections.pop("student", {})
    own = {name: methods.section(name, sections.pop(name, {}), budget) for name in methods.names()}
    for control in CONTROLS:  # the teacher on SFDDM's own sub-sequence stands beside SFDDM
        own[control] = {"grid": own["sfddm"].get("subsequence", "trailing")} | own[control]
    try:
        config = Config(
            **sections, budget=budget, methods={name: _method_settings(name, shared | own[name]) for name in own}
        )
    except ValidationError as error:
        raise InputError(first_fault(error)) from None
    _check_network(config)
    return config


def _check_network(config: Config) -> None:
    """Raise InputError if the U-Net cannot halve the images as often as it has levels."""
    factor = 2 ** (len(config.network.dim_mults) - 1)
    if config.resolution % factor:
        raise InputError(
            f"--resolution: {config.resolution} given, a multiple of {factor} is needed by network.dim_mults of "
            f"{len(config.network.dim_mults)} levels"
        )


def _method_settings(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return a method's full settings. A method that does not train ignores the shared training settings."""
    model = methods.get(name).Settings
    known = {
        key: value for key, value in given.items() if key in model.model_fields or key not in TrainSettings.model_fields
    }
    try:
        return model(**known).model_dump(mode="json")
    except ValidationError as error:
        raise InputError(first_fault(error, name)) from None


def _fields(model: type[BaseModel], prefix: str) -> list[str]:
    return [f"{prefix}.{name}" for name in model.model_fields]


def setting_names() -> list[str]:
    """Return every key that --set takes."""
    sections = {name: info.annotation for name, info in Config.model_fields.items()}
    models = {n: m for n, m in sections.items() if isinstance(m, type) and issubclass(m, BaseModel)}
    models |= {"student": TrainSettings} | {name: methods.get(name).Settings for name in methods.names()}
    return [field for name, model in models.items() for field in _fields(model, name)]


def _check_keys(overrides: dict[str, Any]) -> None:
    known = setting_names()
    for section, value in overrides.items():
        given = [f"{section}.{key}" for key in value] if isinstance(value, dict) and value else [section]
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
                raise InputError(f"--set: unknown key '{key}'; the nearest valid name is '{near}'")
