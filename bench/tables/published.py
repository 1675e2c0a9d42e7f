"""Published values, and whether ours may be compared with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.config.toml import parse_toml
from bench.records.groups import image_counts
from bench.records.record import Record
from bench.tables.summary import Statistic
from sfddm.errors import InputError, first_fault

BAND = 3  # "within band" reaches to so many tolerances
RELATED = {"celeba_hq": ("celeba",)}  # another dataset's values, shown and never compared
NAMES = {"celeba": "CelebA", "celeba_hq": "CelebA-HQ"}

Word = Literal["match", "within band", "off", "not comparable"]


class PublishedProtocol(BaseModel):
    """What a source says of its measurement; None: it does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int | None = None
    reference_images: int | None = None
    resize: str | None = None


class Series(BaseModel):
    """One line of a published table: values by step count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    dataset: str
    resolution: int
    method: str
    metric: Literal["FID", "IS"]
    settings: dict[str, Any] = Field(default_factory=dict)
    protocol: PublishedProtocol
    tolerance: float = Field(gt=0, lt=1)
    values: dict[int, float]


@dataclass(frozen=True)
class Agreement:
    """A word, and why if it is `not comparable`."""

    word: Word
    why: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.word} ({'; '.join(self.why)})" if self.why else self.word


def published(path: Path | None = None) -> list[Series]:
    """Return the published series, of this package's file or another. Raises InputError naming the file and fault."""
    source = path or Path(str(resources.files("bench.tables").joinpath("published.toml")))
    try:
        return [Series.model_validate(values) for values in parse_toml(source.read_text())["series"]]
    except ValidationError as error:
        place, fault = first_fault(error)
        raise InputError(f"{source}: {place}: {fault}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{source}: not a file of published values ({error})") from None


def concerning(series: Sequence[Series], dataset: str) -> list[Series]:
    """Return the series that belong beside a dataset's table: its own, and those of a dataset often taken for it."""
    return [one for one in series if one.dataset in (dataset, *RELATED.get(dataset, ()))]


def agreement(series: Series, value: float, ours: Statistic | None, record: Record | None) -> Agreement:
    """Return how our mean stands to a published value.

    - not comparable: anything in `obstacles` stands in the way, or there is nothing of ours.
    - match: no further away than the tolerance (relative to the published value) or two sd of our seeds.
    - within band: no further away than three tolerances.
    - off: further.
    """
    if record is None or ours is None:
        return Agreement("not comparable", ("not measured here",))
    if found := obstacles(series, record):
        return Agreement("not comparable", tuple(found))
    apart, allowed = abs(ours.mean - value), series.tolerance * value
    if apart <= max(allowed, 2 * (ours.sd or 0.0)):
        return Agreement("match")
    return Agreement("within band" if apart <= BAND * allowed else "off")


def obstacles(series: Series, record: Record) -> list[str]:
    """Return each reason why a record may not be compared with a published value."""
    family = record.config.get("dataset", record.dataset)
    theirs, ours = series.protocol, record.protocol
    found = []
    if family != series.dataset:
        found.append(f"{NAMES.get(series.dataset, series.dataset)} is not {NAMES.get(family, family)}")
    if record.resolution != series.resolution:
        found.append(f"other resolution: {record.resolution} px, published {series.resolution} px")
    if not record.is_fid:
        found.append(f"other feature space: {record.feature_space}")
    if record.scale != "paper":
        found.append(f"scale {record.scale}, not paper")
    images = image_counts(record)[0] or 0
    if theirs.images is not None and images < theirs.images:
        found.append(f"too few images: {images:,} of {theirs.images:,}")
    if ours is None:
        return [*found, "our protocol is not recorded"]
    if theirs.reference_images is not None and ours.reference_images != theirs.reference_images:
        found.append(f"other reference: {ours.reference_images:,} images, published {theirs.reference_images:,}")
    if ours.lossy_reference:
        found.append("other reference: ours is a lossy copy")
    if record.is_fid and theirs.resize is not None and ours.resize != theirs.resize:
        found.append(f"other protocol: resize {ours.resize}, published {theirs.resize}")
    own = record.config.get("methods", {}).get(record.method, {})
    for name, wanted in series.settings.items():
        if name in own and own[name] != wanted:
            found.append(f"other setting: {name} {own[name]}, published {wanted}")
    return found
