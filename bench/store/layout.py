"""A run folder: where its stages, records, sweeps, tables and plots are, and what a stage's folder says. No torch.

<run>/stages/<kind>-<key>/    settings.json, the artefacts, log.txt, and done.json, written last
<run>/records/<set>/          one JSON file per cell, with its pictures
<run>/sweeps/                 what each command asked for
<run>/events.jsonl            what happened, a line each
<run>/packages/               the packages that were installed, by the hash that records have
<run>/tables/, <run>/plots/   what is rendered from the records
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.store.files import file_sha256, read_object
from bench.store.marker import Marker, read_marker
from sfddm.errors import InputError

KEY_LENGTH = 16
STAGE_NAME = re.compile(rf"([a-z][a-z-]*)-([0-9a-f]{{{KEY_LENGTH}}})")
RECORD_NAME = re.compile(r".+-seed\d+-[0-9a-f]{8}\.json")
DONE, SETTINGS, LOG, RESUME = "done.json", "settings.json", "log.txt", "resume"
LOCK, OLD_LOCK = "lock", "claim"  # versions before 0.2 named the lock file otherwise
NO_ARTEFACTS = (LOG, LOCK, OLD_LOCK, DONE)
SMALL_BYTES = 2**20  # files up to this size are hashed whenever they are looked at


def split_stage_name(name: str) -> tuple[str, str]:
    """Return the (kind, key) of a stage's name, `kind-key`."""
    kind, _, key = name.rpartition("-")
    return kind, key


@dataclass(frozen=True)
class StageFolder:
    """The folder of one stage, done or not."""

    path: Path

    @property
    def kind(self) -> str:
        """What kind of work the stage is."""
        return split_stage_name(self.path.name)[0]

    @property
    def key(self) -> str:
        """The hash of all that decides the stage."""
        return split_stage_name(self.path.name)[1]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What the stage declared when it began; empty if that cannot be read."""
        try:
            return read_object(self.path / SETTINGS)
        except InputError:
            return {}

    @property
    def label(self) -> str | None:
        """What people call the stage."""
        label = self.settings.get("label")
        return label if isinstance(label, str) else None

    @property
    def parents(self) -> list[str]:
        """The keys of the stages that it was made from."""
        parents = self.settings.get("parents", [])
        return [key for key in parents if isinstance(key, str)] if isinstance(parents, list) else []

    @property
    def is_done(self) -> bool:
        """Whether the stage says that it is done."""
        return (self.path / DONE).exists()

    def resume_files(self) -> list[Path]:
        """Return what an interrupted stage left to resume from, in order."""
        return sorted(self.path.glob(f"{RESUME}*"))

    def marker(self) -> Marker:
        """Return what `done.json` says. Raises InputError naming the file."""
        return read_marker(self.path / DONE)

    def checked(self, every_hash: bool) -> Marker:
        """Return what `done.json` says. Raises InputError, in one line naming the file, if it is no longer so.

        Existence and size are checked of all artefacts, the hash of all or only of small ones; and that the parents are
        still those that it was made from, byte by byte.
        """
        marker = self.marker()
        if fault := self._artefact_fault(marker, every_hash) or self._parent_fault(marker):
            raise InputError(fault)
        return marker

    def fault(self, every_hash: bool) -> str | None:
        """Return what is wrong with a done stage, as `checked` says it; None if all is well."""
        try:
            self.checked(every_hash)
        except InputError as error:
            return str(error)
        return None

    def _artefact_fault(self, marker: Marker, every_hash: bool) -> str | None:
        sizes = marker.get("bytes", {})
        for name, sha256 in marker["sha256"].items():
            path = self.path / name
            if not path.is_file():
                return f"{path}: missing"
            size = path.stat().st_size
            if size != sizes.get(name, size):
                return f"{path}: has {size} bytes, {sizes[name]} were written"
            if (every_hash or size <= SMALL_BYTES) and file_sha256(path) != sha256:
                return f"{path}: not what was written (its sha256 differs)"
        return None

    def _parent_fault(self, marker: Marker) -> str | None:
        """A parent that is not done is no fault of this stage: done again, it may have the same bytes."""
        for name, read in marker.get("parents", {}).items():
            parent = StageFolder(self.path.parent / name)
            try:
                now = parent.marker()["sha256"]
            except InputError:
                continue
            for artefact, sha256 in read.items():
                if now.get(artefact) != sha256:
                    return f"{parent.path / artefact}: not what {self.path.name} was made from (its sha256 differs)"
        return None

    def hashes(self) -> dict[str, Any]:
        """Return the sha256 and the size in bytes of every artefact, by relative path."""
        paths = [p for p in sorted(self.path.rglob("*")) if p.is_file() and p.name not in NO_ARTEFACTS]
        names = [path.relative_to(self.path).as_posix() for path in paths]
        return {
            "sha256": dict(zip(names, map(file_sha256, paths), strict=True)),
            "bytes": {name: path.stat().st_size for name, path in zip(names, paths, strict=True)},
        }

    def log(self, line: str) -> None:
        """Append a line to the stage's log; it is no artefact, so a full disk does not matter to it."""
        with suppress(OSError), (self.path / LOG).open("a") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one or more runs."""

    root: Path

    @property
    def stages(self) -> Path:
        """Where the stages are."""
        return self.root / "stages"

    @property
    def records(self) -> Path:
        """Where the sets of records are."""
        return self.root / "records"

    @property
    def sweeps(self) -> Path:
        """Where it stands what each command asked for."""
        return self.root / "sweeps"

    @property
    def events(self) -> Path:
        """The file of what happened."""
        return self.root / "events.jsonl"

    @property
    def packages(self) -> Path:
        """Where the lists of installed packages are."""
        return self.root / "packages"

    @property
    def tables(self) -> Path:
        """Where the tables are."""
        return self.root / "tables"

    @property
    def plots(self) -> Path:
        """Where the plots are."""
        return self.root / "plots"

    def stage(self, name: str) -> StageFolder:
        """Return the folder of a stage by its name."""
        return StageFolder(self.stages / name)

    def stage_folders(self) -> Iterator[StageFolder]:
        """Yield the folders of stages, in the order of their names; links and other names are left out."""
        for path in sorted(self.stages.glob("*-*")):
            if STAGE_NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                yield StageFolder(path)

    def stages_by_key(self) -> dict[str, StageFolder]:
        """Return the folders of stages by key."""
        return {folder.key: folder for folder in self.stage_folders()}


def record_paths(root: Path) -> list[Path]:
    """Return the files of all records under a folder, in order.

    The folder may be that of a run or of several, or the `records` folder itself, or one set of records in it.
    """
    found = [path for path in root.rglob("*.json") if path.relative_to(root).parts[-3:-2] == ("records",)]
    run = RunFolder(root)
    if found or run.stages.is_dir() or run.sweeps.is_dir():
        return sorted(found)
    place = root.absolute()
    if place.name == "records":
        return sorted(root.glob("*/*.json"))
    if place.parent.name == "records":
        return sorted(path for path in root.glob("*.json") if RECORD_NAME.fullmatch(path.name))
    return []


def run_folders(root: Path) -> list[RunFolder]:
    """Return the run folders at and under a path: those that hold records or stages."""
    found = {path.parents[2] for path in record_paths(root)}
    if RunFolder(root).stages.is_dir():
        found.add(root)
    return [RunFolder(path) for path in sorted(found)]
