"""The reproducibility checklist that conferences ask for, filled from records. No torch.

Where something is not on record, the list says so, and the author completes it.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from bench.datasets.catalogue import CATALOGUE
from bench.records.groups import Group, device_class, groups
from bench.records.record import Record
from bench.records.rows import place
from bench.report.page import revision
from bench.statistics import LEAST_SEEDS
from bench.store.events import read_from
from bench.store.layout import RunFolder, run_folders
from bench.store.packages import packages_path
from bench.store.text import duration
from bench.tables.caption import conditions_text, heading
from bench.tables.latex import escape as tex
from bench.tables.markdown import escape as md
from bench.tables.summary import by_cell
from sfddm.words import plural

DIGITS_PAGE = "https://archive.ics.uci.edu/dataset/80"  # of the data that scikit-learn has
MOST_COMMANDS = 8

Answers = dict[str, list[str]]  # by the question


def checklist(records: Sequence[Record], folders: Sequence[Path]) -> Answers:
    """Return the answers of records; folders: where they are, for what their runs appended to events.jsonl."""
    found, seeds = groups(records), ", ".join(map(str, sorted({record.seed for record in records})))
    return {
        "What was compared": [heading(group) for group in found],
        "Data, and where its licence stands": list(data(records)),
        "How quality was measured": list(dict.fromkeys(conditions_text(group).rstrip(".") for group in found)),
        "Seeds": [f"{seeds}; each is that of the teacher, the students and the latents"],
        "Error bars, and how they are made": error_bars(found),
        "How settings were chosen": list(choices(records)),
        "Compute of each method": [line for group in found for line in compute(group)],
        "Compute in all, failed runs included": list(compute_in_all(records, folders)),
        "Hardware": list(dict.fromkeys(map(hardware, records))),
        "Code and packages": list(dict.fromkeys(map(code, records))),
        "Commands": list(commands(records)),
    }


def data(records: Sequence[Record]) -> Iterator[str]:
    """Yield a line on each dataset."""
    for name, resolution, sha256 in dict.fromkeys((r.dataset, r.resolution, r.dataset_sha256) for r in records):
        page = DIGITS_PAGE if name == "digits" else CATALOGUE[name].page if name in CATALOGUE else ""
        where = f"its page says under which licence: {page}" if page else "its licence is not on record"
        yield f"{name} at {resolution}x{resolution}, sha256 {sha256[:16]}; {where}"


def error_bars(found: Sequence[Group]) -> list[str]:
    """Return what the intervals are of; a cell that stands in several groups counts once."""
    cells = {tuple(record.key for record in cell) for group in found for cell in by_cell(group.cells).values()}
    seeds = sorted(map(len, cells))
    few = sum(count < LEAST_SEEDS for count in seeds)
    if not seeds:
        over = "nothing was measured"
    elif few == len(seeds):
        over = f"{span(seeds)} seed{'s' * (seeds[-1] > 1)}: intervals are of sampling alone, and nothing is told apart"
    else:
        over = (
            f"mean and standard deviation over {span(seeds)} seeds; two methods are told apart by a paired test over "
            f"the seeds they share (95 %)"
        ) + f"; {few} of {plural(len(seeds), 'cell')} with fewer than {LEAST_SEEDS} seeds: told apart from nothing" * (
            few > 0
        )
    return [over, "the 95 % interval of one distance is a jackknife's over its images, for so many images"]


def choices(records: Sequence[Record]) -> Iterator[str]:
    """Yield which settings were the preset's, and which were given."""
    given = {setting for record in records for setting in assigned(record.command)}
    for dataset, scale in dict.fromkeys((record.dataset, record.scale) for record in records):
        yield f"{dataset}: the preset's at scale {scale}; how these were chosen stands in it, if anywhere"
    yield f"given by hand: {', '.join(sorted(given))}" if given else "given by hand: none"
    yield "settings that were tried and left are not on record, unless their runs are among these folders"


def assigned(command: Sequence[str]) -> Iterator[str]:
    """Yield the settings that a command was given, as `--set NAME=VALUE` or `--set=NAME=VALUE`."""
    for before, word in pairwise(["", *command]):
        if before == "--set":
            yield word
        elif word.startswith("--set="):
            yield word.removeprefix("--set=")


def compute(group: Group) -> Iterator[str]:
    """Yield a line on each method of a group."""
    by_method: dict[str, list[Record]] = {}
    for record in group.cells:
        by_method.setdefault(record.method, []).append(record)
    for method in sorted(by_method, key=place):
        costs = [record.training_cost for record in by_method[method] if record.training_cost]
        if not costs:
            continue
        evaluations, seconds = [cost.evaluations for cost in costs], [cost.seconds for cost in costs]
        trained = (
            f"{span(evaluations)} network evaluations in training a student, {duration(max(seconds))} at most"
            if max(evaluations)
            else "nothing is trained"
        )
        yield f"{heading(group)}, {method}: {trained}"


def compute_in_all(records: Sequence[Record], folders: Sequence[Path]) -> Iterator[str]:
    """Yield what everything took: the stages that records were made of, and what was begun in vain."""
    seconds = {
        record.parents[label]: value
        for record in records
        for label, value in record.durations.items()
        if label in record.parents
    }
    yield f"{plural(len(seconds), 'stage')} behind these records, {duration(sum(seconds.values()))} of one machine"
    failed = [record for record in records if record.failure is not None]
    yield f"{plural(len(failed), 'cell')} of {len(records)} failed" + "".join(
        f"; {one.method}, {plural(one.steps or 0, 'step')}, seed {one.seed}: {one.failure}" for one in failed
    )
    vain = list(in_vain(folders))
    if vain:
        yield f"{plural(len(vain), 'time')} a stage was interrupted or failed, after {duration(sum(vain))} in all"
    else:
        yield "stages that were interrupted or failed: none is on record"


def in_vain(folders: Sequence[Path]) -> Iterator[float]:
    """Yield the seconds of each stage that was begun and not ended, where events say so; 0 if it only failed."""
    for run in [run for folder in folders for run in run_folders(folder)]:
        for event in read_from(run.events, 0)[0]:
            if event.get("event") in ("interrupted", "failed"):
                yield float(event.get("seconds", 0.0))


def hardware(record: Record) -> str:
    """Return what a record was measured on."""
    machine = record.machine
    cores = f", {plural(machine['cores'], 'core')}" if machine.get("cores") else ""
    return f"{device_class(record)}{cores}, {machine.get('system', 'system not on record')}"


def code(record: Record) -> str:
    """Return what a record was made by."""
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    listed = f"; all packages: {packages_path(RunFolder(Path()), record.packages)}" if record.packages else ""
    return f"source revision {revision(record)}; {versions}{listed}"


def commands(records: Sequence[Record]) -> Iterator[str]:
    """Yield the commands that made the records."""
    found = list(dict.fromkeys(shlex.join(record.command) for record in records if record.command))
    yield from found[:MOST_COMMANDS]
    if len(found) > MOST_COMMANDS:
        yield f"and {len(found) - MOST_COMMANDS} more"


def span(values: Sequence[int]) -> str:
    """Return a number, or the smallest and the largest."""
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def markdown(answers: Mapping[str, Sequence[str]]) -> str:
    """Return the checklist as Markdown."""
    lines = ["# Reproducibility checklist", ""]
    for question, answer in answers.items():
        lines += [f"## {md(question)}", "", *(f"- {md(line)}" for line in answer), ""]
    return "\n".join(lines)


def latex(answers: Mapping[str, Sequence[str]]) -> str:
    """Return the checklist as a LaTeX list of lists."""
    lines = [r"\begin{description}"]
    for question, answer in answers.items():
        items = "\n".join(rf"  \item {tex(line)}." for line in answer)
        lines += [rf"\item[{tex(question)}]\mbox{{}}", r"  \begin{itemize}", items, r"  \end{itemize}"]
    return "\n".join([*lines, r"\end{description}", ""])
