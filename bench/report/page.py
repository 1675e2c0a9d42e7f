"""The page: every part in its place, in a template with style and script inside. No torch, no network, no clock."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import NamedTuple

from bench.claims.claims import decide
from bench.records.groups import Group, device_class, groups
from bench.records.record import REAL, Record, read_records
from bench.records.rows import ordered, rank
from bench.report.figures import figures, figures_section
from bench.report.markup import Html, details, facts, join, tag
from bench.report.provenance import commands_section, provenance_section, texts
from bench.report.results import failures, full, headlines, images, quality_by_steps
from bench.report.samples import find_pictures, samples_section
from bench.report.verdicts import verdicts_section
from bench.store.files import write_text
from bench.tables.measures import measures
from bench.tables.summary import Summary, by_cell, summarise
from sfddm.errors import InputError

QUESTION = (
    "At the same number of sampling steps, does a student distilled from a diffusion model make better images than "
    "the teacher itself, and at what cost?"
)
COST = ("seconds per image", "throughput", "sampling rate", "peak", "training", "folds")  # how names of costs begin
TRAINING = "Cost. Training is the student's, without the teacher's."
WORDS = {
    "steps": "The step count asked for.",
    "NFE": "Network evaluations really made per image, counted.",
    "fold": "One distillation run from one model to another.",
    "control": "The teacher itself, sampled by DDIM on the student's own sub-sequence of timesteps.",
    "FID, FD": "The Fréchet distance between generated and real images. It is called FID on Inception-2015 features "
    "only; on any other features it is FD, with the feature space named. The two are not comparable.",
    "floor": "The same distance between two disjoint halves of the real data.",
    "± and bold": "Mean and standard deviation over seeds. Bold: the 95 % intervals of best and second are apart, by "
    "Student's t over seeds, or for one seed by the distance's own jackknife interval.",
    "–": "Not measured; each cell says why.",
}


class Part(NamedTuple):
    """A part of the page with its heading."""

    title: str
    content: Html

    @property
    def anchor(self) -> str:
        """Its address within the page."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


def write_report(root: Path, out: Path | None) -> Path:
    """Write the page of all records under a folder, by default into it as report.html; return its path."""
    path = out or root / "report.html"
    if path.is_dir():
        raise InputError(f"--out: '{path}' given, a folder; name a file such as {path / 'report.html'}")
    text = page(read_records(root), find_pictures(root))
    try:
        write_text(path, text)
    except OSError as error:
        raise InputError(f"--out: '{path}' given, but it cannot be written ({error.strerror})") from None
    return path


def page(records: Sequence[Record], pictures: Mapping[str, Path]) -> str:
    """Return the HTML of records with the pictures that lie beside them: the same text for the same input."""
    apart = groups(records)
    decided = decide(records)
    parts = [
        Part("Headlines", join(glance(group) for group in apart)),
        *([Part("Verdicts of the claims", verdicts_section(decided))] if decided else []),
        *(Part(title(group), results(group, pictures)) for group in apart),
        Part("Settings and provenance", provenance_section(apart)),
        Part("Commands", commands_section(records)),
        Part("What the words mean", facts(WORDS.items(), "words")),
    ]
    contents = tag("nav", tag("ol", *(tag("li", tag("a", p.title, href=f"#{p.anchor}")) for p in parts)),
                   aria_label="Contents")  # fmt: skip
    sections = [tag("section", tag("h2", p.title), p.content, id=p.anchor) for p in parts]
    return fill(join([head(records), contents, tag("main", *sections)]))


def head(records: Sequence[Record]) -> Html:
    """Return the top of the page: what it is about, the question, and how much stands behind the answer."""
    generated = [record for record in records if record.method != REAL]
    failed = sum(record.failure is not None for record in records)
    datasets = dict.fromkeys(f"{record.dataset} {record.resolution}×{record.resolution}" for record in records)
    counts = sorted({record.steps for record in generated if record.steps is not None})
    revisions = dict.fromkeys(revision(record) for record in records)
    about = [
        ("data", ", ".join(datasets)),
        ("methods", ", ".join(sorted({record.method for record in generated}, key=rank))),
        ("steps", ", ".join(map(str, counts))),
        ("seeds", ", ".join(map(str, sorted({record.seed for record in records})))),
        ("cells", f"{len(records) - failed} measured, {failed} failed"),
        ("measured on", "; ".join(dict.fromkeys(device_class(record) for record in records))),
        ("code", ", ".join(revisions)),
    ]
    return tag("header", tag("p", "sfddm-bench report", class_="eyebrow"), tag("h1", "Does step distillation work?"),
               tag("p", QUESTION, class_="question"), facts((name, said) for name, said in about if said))  # fmt: skip


def revision(record: Record) -> str:
    """Return the source revision of a record, for people."""
    known = str(record.git.get("revision") or "")[:12]
    return (
        f"{known} with uncommitted changes" if known and record.git.get("dirty") else known or "no revision on record"
    )


def title(group: Group) -> str:
    """Return the heading of a group: its data and scale, and what tells it apart from others of the same."""
    first = group.first
    said = f"{first.dataset} {first.resolution}×{first.resolution}, scale {first.scale}"
    extra = group.stem.removeprefix(f"{first.dataset}-{first.resolution}-{first.scale}").strip("-")
    return f"{said} ({extra})" if extra else said


def glance(group: Group) -> Html:
    """Return the headline numbers of a group."""
    if not group.cells:
        return tag("p", f"{title(group)}: no cell was measured.")
    quality = summaries(group)[0]
    if quality.measure.name != group.first.quality_name:
        return tag("p", f"{title(group)}: quality was not measured.")
    heading = f"{title(group)}: {quality.measure.title}, {quality.measure.better} is better"
    return join([tag("h3", heading), headlines(quality)])


def summaries(group: Group) -> list[Summary]:
    """Return every measure of a group by methods and steps, the distance first."""
    cells = by_cell(group.records)
    return [summarise(cells, measure) for measure in measures(group.cells)]


def results(group: Group, pictures: Mapping[str, Path]) -> Html:
    """Return all results of a group: tables, plots, samples, failed cells."""
    if not group.cells:
        return failures(group)
    columns = summaries(group)
    quality = [column for column in columns if not column.measure.name.startswith(COST)]
    cost = [column for column in columns if column.measure.name.startswith(COST)]
    parts = [protocol(group)]
    if columns[0].measure.name == group.first.quality_name:
        parts += [tag("h3", "Quality by steps"), quality_by_steps(columns[0], images(group))]
    if quality:
        parts += [tag("h3", "Every quality measure"), full("Quality.", quality)]
    if cost:
        parts += [tag("h3", "Cost of sampling and of training"), full(TRAINING, cost)]
    if plots := figures(group):
        parts += [tag("h3", "Plots"), figures_section(plots)]
    if samples := samples_section(ordered(group.cells), pictures):
        parts += [tag("h3", "Samples"), samples]
    return join([*parts, failures(group)])


def protocol(group: Group) -> Html:
    """Return what the group's numbers were measured under."""
    first = group.first
    if first.protocol is None:
        return tag("p", f"Features: {first.feature_space}. These records hold no protocol.", class_="protocol")
    said = f"Protocol {first.protocol.sha256[:12]}: {first.protocol.network} features, "
    said += (
        f"{first.protocol.images:,} images against {first.protocol.reference_images:,} of {first.protocol.reference}"
    )
    return details(said, facts(texts(first.protocol.model_dump()).items(), "settings"))


def fill(body: Html) -> str:
    """Return the template with style, script and body; its security policy allows these two and no network at all."""
    here = files("bench.report")
    style, script = (here.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "sort.js"))
    policy = f"default-src 'none'; img-src data:; style-src {source(style)}; script-src {source(script)}"
    template = Template(here.joinpath("template.html").read_text(encoding="utf-8"))
    return template.substitute(policy=policy, style=style, script=script, body=body)


def source(text: str) -> str:
    """Return the policy's name of an inline text: its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
