"""Tables from records, without torch: a summary of methods by steps, and every cell in full."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.files import write_text
from bench.records import REAL, Record

DASH = "-"

CELL_COLUMNS = ("method", "steps", "nfe", "grid", "seed", "folds", "train_evaluations", "train_seconds", "wall_seconds",
                "images_per_second", "gpu_peak_bytes", "rss_peak_bytes", "images", "reference_images")  # fmt: skip


def frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return one row per record; the distance and the score stand in columns named with their feature space."""
    rows = []
    for record in records:
        row = {name: getattr(record, name) for name in CELL_COLUMNS}
        row[record.quality_name] = record.quality
        row[score_name(record)] = record.is_mean
        row[f"{score_name(record)} std"] = record.is_std
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(("steps", "nfe", "folds", "train_evaluations", "gpu_peak_bytes"), "Int64"))


def score_name(record: Record) -> str:
    """What the Inception-style score is called: IS, with its feature space where that is not Inception."""
    return "IS" if record.fid is not None else f"IS ({record.feature_space})"


def summary(records: Sequence[Record], quality: str) -> pd.DataFrame:
    """Return the distance of methods (rows) by steps (columns): the mean over seeds, and +- the sd of several."""
    table = frame(records)
    generated = table[table["method"] != REAL]
    pivot = (
        generated.groupby(["method", "steps"], sort=False)[quality]
        .agg(mean_and_spread)
        .unstack("steps")
        .sort_index(axis=1)
    )
    return pivot.fillna(DASH).loc[list(dict.fromkeys(generated["method"]))]


def mean_and_spread(values: "pd.Series[float]") -> str:
    """Return `12.3`, or `12.3 ± 0.4` for several seeds."""
    spread = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"


def markdown(records: Sequence[Record]) -> str:
    """Return the tables of one sweep as Markdown: summary, floor, and each cell."""
    first = records[0]
    quality = first.quality_name
    floors = [record for record in records if record.method == REAL]
    seeds = sorted({record.seed for record in records})
    lines = [f"# {first.dataset} {first.resolution}x{first.resolution}, scale `{first.scale}`", ""]
    lines += [
        f"{quality} by steps (lower is better; seeds {', '.join(map(str, seeds))}; {images_caption(records)}).",
        "",
    ]
    shown = summary(records, quality)
    head = ["method", *("1 step" if count == 1 else f"{count} steps" for count in shown.columns)]
    lines += markdown_table(head, [[name, *row] for name, row in zip(shown.index, shown.to_numpy(), strict=True)])
    if floors:
        values = pd.Series([record.quality for record in floors])
        lines += ["", f"Floor: {quality} {mean_and_spread(values)} between two disjoint halves of the real data "
                  f"({floors[0].images} against {floors[0].reference_images} images); "
                  f"{score_name(first)} {floors[0].is_mean:.2f} of all."]  # fmt: skip
    lines += [
        "",
        "Each cell (time from latents to uint8 images; training is the student's, without the teacher's):",
        "",
    ]
    lines += markdown_table(
        [
            "method",
            "steps",
            "NFE",
            "seed",
            quality,
            score_name(first),
            "images/s",
            "folds",
            "training s",
            "training evaluations",
            "peak RSS MiB",
        ],
        [cell_row(record) for record in records],
    )
    return "\n".join(lines) + "\n"


def images_caption(records: Sequence[Record]) -> str:
    """Return how many images stand against how many, for a caption."""
    pairs = sorted({(record.images, record.reference_images) for record in records if record.method != REAL})
    return "; ".join(f"{images} images against {reference} of the dataset" for images, reference in pairs)


def cell_row(record: Record) -> list[str]:
    """Return a record as text cells; what was not measured is a dash."""

    def text(value: float | int | None, form: str = "d") -> str:
        return DASH if value is None else format(value, form)

    mebibytes = None if record.rss_peak_bytes is None else record.rss_peak_bytes / 2**20
    return [
        record.method, text(record.steps), text(record.nfe), str(record.seed), f"{record.quality:.2f}",
        f"{record.is_mean:.2f} ± {record.is_std:.2f}", text(record.images_per_second, ".1f"), text(record.folds),
        text(record.train_seconds, ".1f"), text(record.train_evaluations, ",d"), text(mebibytes, ".0f"),
    ]  # fmt: skip


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, columns aligned; numbers to the right, names to the left."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    return [line(head), rule, *(line(row) for row in rows)]


def write_tables(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write a sweep's tables as Markdown and CSV; return the paths."""
    first = records[0]
    stem = f"{first.dataset}-{first.resolution}-{first.scale}"
    markdown_path, csv_path = folder / f"{stem}.md", folder / f"{stem}.csv"
    write_text(markdown_path, markdown(records))
    write_text(csv_path, frame(records).to_csv(index=False, lineterminator="\n"))
    return [markdown_path, csv_path]
