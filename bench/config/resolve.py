"""From a preset with what is laid over it to a configuration."""

from collections.abc import Iterable

from bench.config.checked import checked
from bench.config.preset import Preset
from bench.config.settings import Config


def resolve(
    preset: Preset,
    scale: str | None,
    assignments: Iterable[str] = (),
    images: int | None = None,
    resolution: int | None = None,
    budgeted: bool = False,
) -> Config:
    """Return the configuration of a run, as `checked` lays it together. Raises InputError."""
    return Config(**checked(preset, scale, assignments, images, resolution, budgeted))
