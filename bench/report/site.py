"""A site of results: a page for each data set and an index of them. No torch, no network, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

from bench.claims.claims import decide
from bench.claims.verdicts import Verdict
from bench.records.families import families
from bench.records.groups import Group, groups
from bench.records.pictures import Pictures
from bench.records.record import Record, read_records
from bench.report.all_cells import all_cells
from bench.report.family import FamilyResults, family_results
from bench.report.html import Form, kind_of, render
from bench.report.page import Section, about
from bench.report.provenance import commands, provenance
from bench.report.results import SortableTable
from bench.report.site_folder import check_is_free, write_site_folder
from bench.store.files import check_writable
from bench.tables.published import Series, published
from sfddm.words import plural

INDEX = "index.html"
PICTURES = "pictures"
PICTURES_FROM = "'self' file: data:"  # beside the pages, on a host or on a disk
OF_DISTANCE = ("quality", "time", "training")  # the plots that stand first: the distance by what it costs


@dataclass
class Site:
    """The files of a site by their paths in it: pages, and pictures under names that say what is in them."""

    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def form(self) -> Form:
        """The form of its pages; a picture that is given an address becomes one of the files."""
        return Form(("style.css", "site.css"), ("sort.js", "filter.js"), self.address, PICTURES_FROM)

    def address(self, picture: bytes) -> str:
        """Return the address of a picture, seen from a page."""
        name = f"{PICTURES}/{sha256(picture).hexdigest()[:20]}.{kind_of(picture)}"
        self.files[name] = picture
        return name

    def add(self, name: str, template: str, **values: object) -> None:
        """Add a page, and the pictures that it shows."""
        self.files[name] = render(template, self.form, **values).encode()


@dataclass(frozen=True)
class PartSection(Section):
    """A section that shows one part of each group; part: the template of it."""

    part: str = ""


@dataclass(frozen=True)
class DatasetResults:
    """What the site shows of a data set at a resolution."""

    name: str
    title: str
    records: Sequence[Record]
    groups: Sequence[Group]
    facts: Mapping[str, str]
    families: Sequence[FamilyResults]
    cells: SortableTable
    verdicts: Sequence[Verdict]

    @property
    def address(self) -> str:
        """The address of its page, seen from the index."""
        return f"{self.name}.html"


@dataclass(frozen=True)
class DatasetSection(Section):
    """The section of the index on a data set."""

    dataset: DatasetResults | None = None


def write_site(folders: Sequence[Path], out: Path, tell: Callable[[str], None]) -> list[Path]:
    """Return the paths of the pages of a site of all records under folders, the index first, written into a folder.

    tell: is told of each data set before its page is made, which takes seconds. Raises InputError if there are no
    records, or if the folder holds other things or cannot be written.
    """
    check_is_free(out)
    records = read_records(*folders)
    check_writable(out)
    files = site(records, Pictures(sorted(folders), records), tell)
    write_site_folder(out, files)
    return [out / name for name in files if name.endswith(".html")]


def site(
    records: Sequence[Record], pictures: Pictures, tell: Callable[[str], None] = lambda line: None
) -> dict[str, bytes]:
    """Return the files of the site by path, the index first: the same bytes for the same input."""
    by_dataset: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        by_dataset.setdefault((record.dataset, record.resolution), []).append(record)
    series, made, datasets = published(), Site(), []
    made.files[INDEX] = b""
    for number, own in enumerate(by_dataset.values(), 1):
        tell(f"{number} of {plural(len(by_dataset), 'data set')}: {title(own[0])}, {plural(len(own), 'record')}")
        datasets.append(dataset_results(own, pictures, series))
        add_dataset(made, datasets[-1])
    add_index(made, records, datasets)
    return made.files


def dataset_results(records: Sequence[Record], pictures: Pictures, series: Sequence[Series]) -> DatasetResults:
    """Return the results of the records of one data set at one resolution, with the pictures beside them."""
    first, found = records[0], groups(records)
    family = first.config.get("dataset", first.dataset)
    concerning = [one for one in series if (one.dataset, one.resolution) == (family, first.resolution)]
    return DatasetResults(
        name=f"{first.dataset}-{first.resolution}",
        title=title(first),
        records=records,
        groups=found,
        facts=facts(records),
        families=[family_results(family, pictures) for family in families(found)],
        cells=all_cells(found, concerning),
        verdicts=decide(records),
    )


def title(record: Record) -> str:
    """Return what a record's data set is called."""
    return f"{record.dataset} {record.resolution}×{record.resolution}"


def facts(records: Sequence[Record]) -> dict[str, str]:
    """Return how much stands behind the records of a data set, or of all, by name."""
    return {"records": f"{len(records):,}"} | {name: text for name, text in about(records).items() if name != "data"}


def add_dataset(made: Site, dataset: DatasetResults) -> None:
    """Add the page of a data set to a site."""
    shown = [group for family in dataset.families for group in family.groups]
    part = partial(PartSection, template="parts.html")
    plotted = any(plot.name in OF_DISTANCE for group in shown for plot in group.plots)
    sections = [
        Section("Headlines", "headlines.html"),
        *([part("Frontiers", part="frontier_and_plots.html")] if plotted else []),
        Section("All cells", "cells.html"),
        *([part("Samples side by side", part="samples.html")] if any(group.samples for group in shown) else []),
        *([Section("Verdicts of the claims", "verdicts.html")] if dataset.verdicts else []),
        part("Every measure", part="measures.html"),
        Section("Settings and provenance", "provenance.html"),
        Section("Commands", "commands.html"),
        Section("What the words mean", "words.html"),
    ]
    made.add(
        dataset.address,
        "dataset.html",
        dataset=dataset,
        sections=sections,
        families=dataset.families,
        verdicts=dataset.verdicts,
        provenance=provenance(dataset.groups),
        commands=commands(dataset.records),
        of_distance=OF_DISTANCE,
        index=INDEX,
    )


def add_index(made: Site, records: Sequence[Record], datasets: Sequence[DatasetResults]) -> None:
    """Add the index of a site."""
    several = len(datasets) > 1
    sections = [
        *(DatasetSection(one.title, "entry.html", dataset=one) for one in datasets),
        *([Section("Verdicts of all data sets together", "verdicts.html")] if several else []),
        Section("What the words mean", "words.html"),
    ]
    made.add(
        INDEX,
        "index.html",
        facts=facts(records) if several else {},
        sections=sections,
        verdicts=decide(records) if several else [],
    )
