"""From a preset with what is laid over it to the values of a configuration: only the whole is validated. No torch."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from bench.config import methods
from bench.config.overrides import layered, of_variant
from bench.config.preset import Preset
from bench.config.sections import Sections
from sfddm.errors import InputError
from sfddm.settings import TrainSettings

CONTROLS = ("ddim", "ddpm")


def checked(
    preset: Preset,
    scale: str | None,
    assignments: Iterable[str] = (),
    images: int | None = None,
    resolution: int | None = None,
    budgeted: bool = False,
) -> dict[str, Any]:
    """Return the values of a run's configuration, each valid; images and resolution have options of their own.

    budgeted: under budgets the preset lays what it has for them over the rest, and no chain shares a single fold's.
    Raises InputError.
    """
    sections = layered(preset, scale, assignments, resolution, budgeted)
    if images is not None:
        sections["evaluation"] = sections["evaluation"] | {"images": images}
    shared = sections.pop("student", {})
    own = {name: methods.section(name, sections.pop(name, {}), budgeted) for name in methods.names()}
    for control in CONTROLS:  # the teacher on SFDDM's own sub-sequence stands beside SFDDM
        own[control] = {"grid": own["sfddm"].get("subsequence", "trailing")} | own[control]
    values = sections | {"methods": {name: _method_settings(name, shared | own[name]) for name in own}}
    try:
        _check_network(Sections(**values))
    except ValidationError as error:
        raise InputError(first_fault(error)) from None
    return values


def _check_network(sections: Sections) -> None:
    """Raise InputError if the U-Net cannot halve the images as often as it has levels."""
    factor = 2 ** (len(sections.network.dim_mults) - 1)
    if sections.resolution % factor:
        raise InputError(
            f"--resolution: {sections.resolution} given, a multiple of {factor} is needed by network.dim_mults of "
            f"{len(sections.network.dim_mults)} levels"
        )


def _method_settings(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return a method's full settings. A method that does not train ignores the shared training settings."""
    model = methods.settings(name)
    known = {
        key: value for key, value in given.items() if key in model.model_fields or key not in TrainSettings.model_fields
    }
    try:
        return model(**known).model_dump(mode="json")
    except ValidationError as error:
        raise InputError(first_fault(error, name)) from None


def variant_settings(name: str, of_methods: Mapping[str, dict[str, Any]]) -> tuple[str, BaseModel]:
    """Return the method of a variant, and its settings: its own on top of the method's. Raises InputError."""
    base, own = of_variant(name)
    try:
        return base, methods.settings(base)(**of_methods[base] | own)
    except ValidationError as error:
        raise InputError(first_fault(error, base, option="--methods")) from None


def first_fault(error: ValidationError, section: str = "", option: str = "--set") -> str:
    """Return the first fault of a validation as one line that names the option, the key and what was given."""
    fault = error.errors()[0]
    why = fault.get("ctx", {}).get("error")
    if not fault["loc"] and isinstance(why, ValueError):  # settings that do not go together
        return f"{option}: {section}: {why}"
    key = ".".join([part for part in (section, *map(str, fault["loc"])) if part])
    return f"{option}: {key} = {fault['input']!r} given; {fault['msg'][0].lower()}{fault['msg'][1:]}"
