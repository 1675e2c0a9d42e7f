"""What is laid over a preset: a resolution, a scale, and --set; and which keys --set takes. No torch.

Every layer is a plain nested mapping; an unknown key is refused with the nearest valid name.
"""

import difflib
from collections.abc import Iterable
from typing import Any

from bench.config import methods, variants
from bench.config.described import SECTIONS
from bench.config.preset import Preset, merged
from bench.config.toml import DEPTH, parse_toml
from sfddm.errors import InputError


def layered(
    preset: Preset,
    scale: str | None,
    assignments: Iterable[str] = (),
    resolution: int | None = None,
    budgeted: bool = False,
) -> dict[str, Any]:
    """Return a preset's sections at a resolution and a scale (None: its own) with --set on top. Raises InputError.

    budgeted: with what the preset has for budgets below --set.
    """
    name = preset.scale(scale)
    overrides = parse_overrides(assignments)
    check_keys(overrides)
    sections = merged(preset.at(resolution), preset.scales[name]) | {"scale": name}
    return merged(merged(sections, preset.budgeted if budgeted else {}), overrides)


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


def toml_value(text: str) -> Any:
    """Return the value that a setting's text stands for: TOML, or a bare word as a string."""
    try:
        tables = parse_toml(f"value = {text}")
    except ValueError:
        return text.strip()
    return tables["value"] if len(tables) == 1 else text.strip()  # a line break may begin another key


def setting_names() -> list[str]:
    """Return every key that --set takes."""
    models = SECTIONS | {name: methods.settings(name) for name in methods.names()}
    return [f"{section}.{key}" for section, model in models.items() for key in model.model_fields]


def check_keys(overrides: dict[str, Any]) -> None:
    """Raise InputError for a key that --set does not take."""
    known = setting_names()
    for section, value in overrides.items():
        given = [f"{section}.{key}" for key in value] if isinstance(value, dict) and value else [section]
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
                raise InputError(f"--set: unknown key '{key}'; the nearest valid name is '{near}'")


def of_variant(name: str) -> tuple[str, dict[str, Any]]:
    """Return the method of a variant, and its own settings. Raises InputError for an unknown method or setting."""
    base, given = variants.parse(name)
    fields = methods.settings(base).model_fields
    unknown = next((key for key in given if key not in fields), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, fields, n=1, cutoff=0)
        hint = f"the nearest valid name is '{near[0]}'" if near else f"{base} has no settings"
        raise InputError(f"--methods: '{name}' given; unknown setting '{unknown}'; {hint}")
    return base, methods.own_compute(base, {key: toml_value(text) for key, text in given.items()})
