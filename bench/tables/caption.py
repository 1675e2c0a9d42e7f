"""What a table's numbers were measured on and under, in words."""

from collections.abc import Iterable, Sequence

from bench.config.counts import short
from bench.records.families import Family
from bench.records.groups import Group, device_class, image_counts
from bench.records.record import Record
from bench.store.text import percent

BEGINS = {
    "teacher": "as the teacher",
    "teacher, new head": "as the teacher with a new head",
    "random": "at random",
}
NO_SHARE = "What share of their teacher's images students are trained on is not on record"


def heading(group: Group) -> str:
    """Return the dataset, its resolution, the scale, and the training budget if all cells have the same."""
    return f"{subject(group)}, {work(group)}"


def subject(group: Group) -> str:
    """Return the dataset and its resolution."""
    first = group.first
    return f"{first.dataset} {first.resolution}x{first.resolution}"


def work(group: Group) -> str:
    """Return the scale, and the training budget if all cells have the same."""
    budgets = {record.config.get("budget") for record in group.cells if record.trains}
    budget = budgets.pop() if len(budgets) == 1 else None
    each = f", {budget:,} evaluations of training each" if budget else ""
    return f"scale {group.first.scale}{each}"


def heading_of_family(family: Family) -> str:
    """Return the heading of a family's groups together: their budgets if it has several."""
    return f"{subject(family.largest)}, {work_of_family(family)}"


def work_of_family(family: Family) -> str:
    """Return the scale, and the budgets if there are several."""
    if not family.spans:
        return work(family.largest)
    budgets = ", ".join(map(short, family.budgets))
    return f"scale {family.largest.first.scale}, budgets of {budgets} evaluations of training"


def training_text(records: Iterable[Record]) -> str | None:
    """Return a sentence on students: their shares of their teacher's images, and what each begins as; None of none."""
    students = [record for record in records if record.trains]
    if not students:
        return None
    shares, unknown = share_text(students), [record.method for record in students if record.share is None]
    said = f"Students are trained on {shares} of their teacher's images" if shares else NO_SHARE
    if shares and unknown:
        said += f" (not on record of {', '.join(dict.fromkeys(unknown))})"
    parts = [said]
    if begin := _beginnings(students):
        told = [f"{BEGINS.get(init, init)} ({', '.join(names)})" for init, names in begin.items()]
        parts.append(f"they begin {', '.join(told)}")
    return "; ".join(parts) + "."


def training_brief(records: Iterable[Record]) -> str:
    """Return the same in short, for a plot's title; nothing of no students."""
    students = [record for record in records if record.trains]
    shares, begin = share_text(students), _beginnings(students)
    parts = [f"students trained on {shares} of their teacher's images"] if shares else []
    parts += [f"begun {' or '.join(BEGINS.get(init, init) for init in begin)}"] if begin else []
    return "; ".join(parts)


def share_text(records: Iterable[Record]) -> str | None:
    """Return the least and the most of known shares of the teacher's images: `7.5 to 20 %`; None without any."""
    shares = [record.share for record in records if record.share is not None]
    if not shares:
        return None
    least, most = (percent(share) for share in (min(shares), max(shares)))
    return f"{least} %" if least == most else f"{least} to {most} %"


def _beginnings(students: Sequence[Record]) -> dict[str, list[str]]:
    """Return what students begin with, each with the methods that do."""
    found: dict[str, list[str]] = {init: [] for init in BEGINS}
    for record in students:
        if record.init is not None and record.method not in found.setdefault(record.init, []):
            found[record.init].append(record.method)
    return {init: names for init, names in found.items() if names}


def conditions_text(group: Group) -> str:
    """Return a line on images, reference and protocol."""
    first = group.first
    parts = [counts(group.cells or group.records)]
    if first.protocol is None:
        parts.append(_preprocessing(first.preprocessing))
        parts.append("protocol not recorded")
        return "; ".join(parts) + "."
    protocol = first.protocol
    parts[0] += f" of {protocol.reference}"
    if protocol.lossy_reference:
        parts.append("the reference is a lossy copy")
    parts.append(_preprocessing(protocol.preprocessing))
    parts.append(f"features by {protocol.network} (resize {protocol.resize})")
    parts.append(f"protocol {protocol.sha256[:8]}, version {protocol.version}")
    return "; ".join(parts) + "."


def counts(records: Sequence[Record]) -> str:
    """Return how many generated images stand against how many real ones."""
    pairs = sorted({(n, m) for n, m in map(image_counts, records) if n and m})
    return " or ".join(f"{images:,} generated images against {real:,}" for images, real in pairs) or "no images"


def floor_text(group: Group) -> str | None:
    """Return what the floor is, with its own counts."""
    if not group.floors:
        return None
    images, reference_images = image_counts(group.floors[0])
    counted = f"({images or 0:,} against {reference_images or 0:,})"
    return " ".join([f"Floor: one half of the real data against the other {counted}.", *_held_out_text(group)])


def _held_out_text(group: Group) -> list[str]:
    """Return the sentences on the rows of the real data that held-out images make possible."""
    said = []
    quality = next((record.quality for record in group.floors if record.quality), None)
    if quality and (fresh := quality.fresh):
        fewer = "" if fresh.held_out == fresh.images else f", from {fresh.held_out:,} by the jackknife's correction"
        said.append(
            f"Held-out images in a cell's place, {fresh.images:,}{fewer}, against the cells' own reference: what a "
            "sampler would get that draws real images."
        )
    if quality and (held_out := quality.held_out):
        said.append(
            f"To held-out images: against {held_out.reference_images:,} that nothing was trained on; the real data's "
            "value is that of as many training images as a cell has, or of all."
        )
    return said


def device_text(group: Group) -> str:
    """Return what was timed, and on what."""
    return f"Measured on {device_class(group.first)}, from latents to uint8 images."


def _preprocessing(name: str) -> str:
    return "the reference is not resized" if name == "none" else f"the reference is resized by the rule {name}"
