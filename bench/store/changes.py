"""Why a stage is not done: what differs from the most alike stage that was there before."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.store.store import Stage

SHOWN = 3
NOT_DONE = "not done before"


class Earlier:
    """The settings of the stages in a folder, by kind; read where first asked for."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.found: dict[str, list[dict[str, Any]]] = {}

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the `settings.json` of every readable stage folder of a kind."""
        if kind not in self.found:
            self.found[kind] = []
            for path in sorted(self.folder.glob(f"{kind}-*/settings.json")):
                try:
                    settings = json.loads(path.read_text())
                    self.found[kind].append({name: settings[name] for name in ("label", *_IDENTITY)})
                except (OSError, ValueError, KeyError, TypeError):
                    continue  # not told apart from one that is not there; computing writes it anew
        return self.found[kind]

    def why_not_done(self, stage: "Stage") -> str:
        """Return which settings or parents differ from the nearest earlier stage of the kind and label.

        Of another label (other steps, method or seed) one that differs in a single setting is near enough.
        """
        ours = json.loads(json.dumps(stage.identity))  # lists for tuples, as in the files
        if any({name: other[name] for name in _IDENTITY} == ours for other in self.of_kind(stage.kind)):
            return "started before, not finished"
        nearest: list[str] | None = None
        for other in self.of_kind(stage.kind):
            found = differences(stage, other, ours)
            near = other["label"] == stage.label or len(found) == 1
            if near and (nearest is None or len(found) < len(nearest)):
                nearest = found
        if nearest is None:
            return NOT_DONE
        more = f" and {len(nearest) - SHOWN} more" if len(nearest) > SHOWN else ""
        return ", ".join(nearest[:SHOWN]) + more


_IDENTITY = ("kind", "version", "settings", "parents")


def differences(stage: "Stage", other: dict[str, Any], ours: dict[str, Any]) -> list[str]:
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


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level of dotted names."""
    result: dict[str, Any] = {}
    for name, value in settings.items():
        result |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return result


def shown(value: Any) -> str:
    """Return a setting's value, shortened where it is long."""
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:20]}..."
