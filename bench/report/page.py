"""The page: what stands in it, section by section. No torch, no network, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.claims.claims import decide
from bench.collected.archive import place_to_write
from bench.config.counts import short
from bench.records.families import families
from bench.records.groups import device_class, groups
from bench.records.pictures import Pictures
from bench.records.record import REAL, Record, read_records
from bench.records.rows import place
from bench.report.family import FamilyResults, family_results
from bench.report.html import render
from bench.report.provenance import commands, provenance
from bench.store.files import write_text
from sfddm.errors import InputError

REPORT = "report.html"


@dataclass(frozen=True)
class Section:
    """A section of the page: its heading, the template that shows it, and the family of groups if it shows one."""

    title: str
    template: str
    family: FamilyResults | None = None

    @property
    def anchor(self) -> str:
        """Its address within the page."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


def write_report(folders: Sequence[Path], to: Path | None = None) -> Path:
    """Return the path of the written page of all records under folders, by default report.html in the first.

    Raises InputError if there are no records, or if the page cannot be written.
    """
    path = to or place_to_write(folders, None, "--to") / REPORT
    if path.is_dir():
        raise InputError(f"--to: '{path}' given, a folder; name a file such as {path / REPORT}")
    records = read_records(*folders)
    try:
        return write_page(records, folders, path)
    except OSError as error:
        raise InputError(f"--to: '{path}' given, but it cannot be written ({error.strerror})") from None


def write_page(records: Sequence[Record], folders: Sequence[Path], path: Path) -> Path:
    """Return the path of the written page of records whose pictures are under folders. Raises OSError."""
    write_text(path, page(records, Pictures(sorted(folders), records)))
    return path


def page(records: Sequence[Record], pictures: Pictures) -> str:
    """Return the HTML of records with the pictures that lie beside them: the same text for the same input."""
    found = groups(records)
    shown = [family_results(family, pictures) for family in families(found)]
    verdicts = decide(records)
    sections = [
        Section("Headlines", "headlines.html"),
        *([Section("Verdicts of the claims", "verdicts.html")] if verdicts else []),
        *(Section(family.title, "family.html", family) for family in shown),
        Section("Settings and provenance", "provenance.html"),
        Section("Commands", "commands.html"),
        Section("What the words mean", "words.html"),
    ]
    return render(
        about=about(records),
        sections=sections,
        families=shown,
        verdicts=verdicts,
        provenance=provenance(found),
        commands=commands(records),
    )


def about(records: Sequence[Record]) -> dict[str, str]:
    """Return what the page is about and how much stands behind it, by name; what is not known is left out."""
    generated = [record for record in records if record.method != REAL]
    failed = sum(record.failure is not None for record in records)
    counts = sorted({record.steps for record in generated if record.steps is not None})
    facts = {
        "data": ", ".join(dict.fromkeys(f"{one.dataset} {one.resolution}×{one.resolution}" for one in records)),
        "methods": ", ".join(sorted({record.method for record in generated}, key=place)),
        "steps": ", ".join(map(str, counts)),
        "budgets of training": ", ".join(map(short, sorted({one.budget for one in records if one.budget is not None}))),
        "seeds": ", ".join(map(str, sorted({record.seed for record in records}))),
        "cells": f"{len(records) - failed} measured, {failed} failed",
        "measured on": "; ".join(dict.fromkeys(map(device_class, records))),
        "code": ", ".join(dict.fromkeys(map(revision, records))),
    }
    return {name: text for name, text in facts.items() if text}


def revision(record: Record) -> str:
    """Return the source revision of a record, for people."""
    known = str(record.git.get("revision") or "")[:12]
    if not known:
        return "no revision on record"
    return f"{known} with uncommitted changes" if record.git.get("dirty") else known
