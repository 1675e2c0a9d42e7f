"""What tables show of a cell: each measure with its name, unit, direction and number of digits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.records.record import Record

MIB = 2**20
Value = Callable[[Record], float | int | None]


@dataclass(frozen=True)
class Measure:
    """One measure. digits: after the point, or None for three significant ones; better: which end is good.

    scale: the value to read it against (unrelated pairs), shown in brackets; interval: of one cell, where it has one.
    """

    name: str
    unit: str
    value: Value
    better: Literal["lower", "higher", None]
    digits: int | None = None
    scale: Value | None = None
    interval: Callable[[Record], tuple[float | None, float | None]] | None = None
    brief: str = ""  # its name on the terminal after a run, where there is room for a few only

    @property
    def title(self) -> str:
        """The name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def measures(records: Sequence[Record]) -> list[Measure]:
    """Return the measures that any of a group's records has, quality first. Names carry the feature space."""
    first = records[0]
    space = "" if first.is_fid else f" ({first.feature_space})"
    distance = first.quality_name
    possible = [
        Measure(distance, "", lambda r: r.quality, "lower", 2, interval=lambda r: (r.distance_low, r.distance_high),
                brief=distance),
        Measure(f"{distance} infinity", "", lambda r: r.distance_infinity, "lower", 2),
        Measure(f"IS{space}", "", lambda r: r.is_mean, "higher", 2, brief=f"IS{space}"),
        Measure(f"KID{space}", "x 1000", lambda r: None if r.kid_mean is None else 1000 * r.kid_mean, "lower", 2),
        Measure(f"precision{space}", "0 to 1", lambda r: r.precision, "higher", 3, brief="precision"),
        Measure(f"recall{space}", "0 to 1", lambda r: r.recall, "higher", 3, brief="recall"),
        *(
            Measure(f"consistency with the teacher, {name}", unit, _part("consistency", key), "higher", digits,
                    scale=_part("consistency", f"{key}_unrelated"))
            for name, key, unit, digits in (("PSNR", "psnr", "dB", 1), ("SSIM", "ssim", "-1 to 1", 3),
                                            (f"cosine{space}", "cosine", "-1 to 1", 3))
        ),
        *(
            Measure(f"interpolation, {path}: path length by distance of its ends{space}", "1 is straight",
                    _of_path(path), None, 2)
            for path in ("linear", "spherical")
        ),
        Measure("seconds per image, batch 1", "s, median", _part("latency", "median"), "lower",
                brief="s/image"),
        Measure("throughput at the best batch", "images/s", _part("throughput", "images_per_second"), "higher"),
        Measure("sampling rate of the cell's own images", "images/s", lambda r: r.images_per_second, "higher",
                brief="images/s"),
        Measure("peak GPU memory of sampling, allocated", "MiB", _mebibytes("gpu_peak_bytes"), "lower", 0),
        Measure("peak resident memory of sampling", "MiB", _mebibytes("rss_peak_bytes"), "lower", 0),
        Measure("training cost", "thousand network evaluations", _thousands, None),
        Measure("training time", "s", lambda r: r.train_seconds, None, brief="training s"),
        Measure("folds", "", lambda r: r.folds, None, 0, brief="folds"),
    ]  # fmt: skip
    return [measure for measure in possible if any(measure.value(record) is not None for record in records)]


def _part(field: str, key: str) -> Value:
    return lambda record: (getattr(record, field) or {}).get(key)


def _of_path(path: str) -> Value:
    return lambda record: (record.interpolation or {}).get(path, {}).get("ratio")


def _mebibytes(field: str) -> Value:
    return lambda record: None if getattr(record, field) is None else getattr(record, field) / MIB


def _thousands(record: Record) -> float | None:
    return None if record.train_evaluations is None else record.train_evaluations / 1000
