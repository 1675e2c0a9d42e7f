"""gpu-report.json and gpu-report.md: what every part found, written after each; the next call resumes from them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.gpu.piece import PIECES, Found, Setup, piece
from bench.store import provenance
from bench.store.files import read_object, write_json, write_text
from bench.tables.markdown import markdown
from bench.tables.table import Entry, Table
from sfddm.errors import InputError

JSON, PAGE = "gpu-report.json", "gpu-report.md"
MOST_ATTEMPTS = 2  # a part that is cut off so often is recorded as failed
SAME = ("gpu", "processor", "torch", "small")  # what all numbers of a report have in common

VERDICTS = {True: "holds", False: "DOES NOT HOLD", None: "no target here"}


class Report:
    """The report in a folder, new or resumed. Raises InputError if another machine's is there."""

    def __init__(self, folder: Path, setup: Setup):
        self.folder = folder
        about = provenance.machine(setup.device) | provenance.versions() | {"small": setup.small}
        own: dict[str, Any] = {"made_on": about, "git": provenance.git_revision(), "pieces": {}}
        self.content = own
        if (folder / JSON).exists():
            self.content = read_object(folder / JSON)
            there = self.content.get("made_on", {})
            other = next((key for key in SAME if there.get(key) != about.get(key)), None)
            if other is not None:
                raise InputError(
                    f"--out: '{folder}' given, whose report was made with {other} {there.get(other)}, "
                    f"here it is {about.get(other)}; possible: a new folder"
                )

    def parts(self, name: str) -> dict[str, Any]:
        """Return what is recorded of a piece's parts."""
        parts: dict[str, Any] = self.content["pieces"].setdefault(name, {"parts": {}})["parts"]
        return parts

    def is_over(self, name: str, part: str) -> bool:
        """Tell whether a part is done, has failed, or was cut off as often as it may be."""
        entry = self.parts(name).get(part)
        return entry is not None and (entry["state"] != "begun" or entry["attempts"] >= MOST_ATTEMPTS)

    def earlier(self, name: str) -> dict[str, Any]:
        """Return the values of a piece's parts that are done."""
        return {part: entry["values"] for part, entry in self.parts(name).items() if entry["state"] == "done"}

    def begin(self, name: str, part: str) -> None:
        """Record that a part begins, so that one that is cut off is known."""
        attempts = self.parts(name).get(part, {}).get("attempts", 0) + 1
        said = f"cut off {attempts} time{'s' * (attempts > 1)} before it was done"
        self._set(name, part, {"state": "begun", "attempts": attempts, "holds": False, "said": said})

    def end(self, name: str, part: str, found: Found, seconds: float) -> None:
        """Record what a part found."""
        self._set(name, part, {"state": "done", **asdict(found), "seconds": round(seconds, 1)})

    def fail(self, name: str, part: str, reason: str, seconds: float) -> None:
        """Record that a part failed, and why."""
        self._set(name, part, {"state": "failed", "holds": False, "said": reason, "seconds": round(seconds, 1)})

    def _set(self, name: str, part: str, entry: dict[str, Any]) -> None:
        self.parts(name)[part] = entry
        self.content["pieces"][name] |= {"target": piece(name).target, "holds": self.holds(name)}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / JSON, self.content)
        write_text(self.folder / PAGE, self.page())

    def holds(self, name: str) -> bool | None:
        """Tell whether all parts of a piece that have a target hold; None if none has, or parts are left."""
        parts = self.parts(name)
        verdicts = [entry["holds"] for entry in parts.values()]
        if False in verdicts:
            return False
        whole = all(self.is_over(name, part) for part in piece(name).parts)
        return True if whole and True in verdicts else None

    def page(self) -> str:
        """Return the report as Markdown: a table for each piece."""
        made_on = self.content["made_on"]
        machine = made_on["gpu"] or f"{made_on['processor']}, without a GPU"
        size = (
            "Small networks and few iterations; without a GPU, the CPU is compared with itself."
            if made_on["small"]
            else "In full size."
        )
        tables = [self._table(name) for name in PIECES if self.content["pieces"].get(name)]
        return markdown("What a GPU says", [f"On {machine}, PyTorch {made_on['torch']}. {size}"], tables)

    def _table(self, name: str) -> Table:
        rows = []
        for part, entry in self.parts(name).items():
            verdict = VERDICTS[entry["holds"]] if entry["state"] == "done" else entry["state"]
            seconds = f"{entry['seconds']:.0f}" if "seconds" in entry else "-"
            rows.append(tuple(map(Entry, (part, verdict, entry["said"], seconds))))
        return Table(name, (piece(name).target,), ("part", "verdict", "found", "s"), tuple(rows), names=3)
