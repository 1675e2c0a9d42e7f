"""From a preset with what is laid over it to a configuration: only the whole is validated."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from bench.config import methods
from bench.config.overrides import layered
from bench.config.preset import Preset
from bench.config.settings import Config, first_fault
from sfddm.errors import InputError
from sfddm.settings import TrainSettings

CONTROLS = ("ddim", "ddpm")


def resolve(
    preset: Preset,
    scale: str | None,
    assignments: Iterable[str] = (),
    images: int | None = None,
    resolution: int | None = None,
    budgeted: bool = False,
) -> Config:
    """Return the configuration of a run; images and resolution have options of their own.

    budgeted: under budgets the preset lays what it has for them over the rest, and no chain shares a single fold's.
    """
    sections = layered(preset, scale, assignments, resolution, budgeted)
    if images is not None:
        sections["evaluation"] = sections["evaluation"] | {"images": images}
    shared = sections.pop("student", {})
    own = {name: methods.section(name, sections.pop(name, {}), budgeted) for name in methods.names()}
    for control in CONTROLS:  # the teacher on SFDDM's own sub-sequence stands beside SFDDM
        own[control] = {"grid": own["sfddm"].get("subsequence", "trailing")} | own[control]
    try:
        config = Config(**sections, methods={name: _method_settings(name, shared | own[name]) for name in own})
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
    model = methods.settings(name)
    known = {
        key: value for key, value in given.items() if key in model.model_fields or key not in TrainSettings.model_fields
    }
    try:
        return model(**known).model_dump(mode="json")
    except ValidationError as error:
        raise InputError(first_fault(error, name)) from None
