"""Why a stage is not done: what changed since the most similar stage that was there before."""

import json
from typing import TYPE_CHECKING, Any

from bench.store.files import flat
from bench.store.layout import RunFolder

if TYPE_CHECKING:
    from bench.store.stage import Stage

SHOWN = 3
NOT_DONE = "not done before"
IDENTITY = ("kind", "version", "settings", "parents")


class Earlier:
    """The settings of the stages in a run folder, by kind; read when first asked for."""

    def __init__(self, run: RunFolder):
        self.run = run
        self.found: dict[str, list[dict[str, Any]]] = {}

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the settings of every stage of a kind that can be read; computing one writes them again."""
        if kind not in self.found:
            there = [folder.settings for folder in self.run.stage_folders() if folder.kind == kind]
            self.found[kind] = [settings for settings in there if {"label", *IDENTITY} <= settings.keys()]
        return self.found[kind]

    def why_not_done(self, stage: "Stage") -> str:
        """Return which settings or parents differ from the nearest earlier stage of the kind and label.

        Of another label (other steps, method or seed) one that differs in a single setting is near enough.
        """
        ours = json.loads(json.dumps(stage.identity))  # lists for tuples, as in the files
        if any({name: other[name] for name in IDENTITY} == ours for other in self.of_kind(stage.kind)):
            return "started before, not finished"
        nearest: list[str] | None = None
        for other in self.of_kind(stage.kind):
            found = changes(stage, other, ours)
            near = other["label"] == stage.label or len(found) == 1
            if near and (nearest is None or len(found) < len(nearest)):
                nearest = found
        if nearest is None:
            return NOT_DONE
        more = f" and {len(nearest) - SHOWN} more" if len(nearest) > SHOWN else ""
        return ", ".join(nearest[:SHOWN]) + more


def changes(stage: "Stage", other: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Return `kind.setting old -> new` for each setting of a stage that differs from an earlier one's, and parents."""
    found = []
    if other["version"] != stage.version:
        found.append(f"version of {stage.kind} {other['version']} -> {stage.version}")
    old, new = flat(other["settings"]), flat(ours["settings"])
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            short = f"{stage.kind}.{name.removeprefix('train.').removeprefix('spec.')}"
            found.append(f"{short} {shown(old.get(name))} -> {shown(new.get(name))}")
    for number, parent in enumerate(stage.parents):
        if number >= len(other["parents"]) or other["parents"][number] != parent.key:
            found.append(f"parent {parent.label} changed")
    return found


def shown(value: Any) -> str:
    """Return a setting's value, shortened if it is long."""
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:20]}..."
