"""What done stages measured, read back from their files as parts of a record, with why a number is missing. No torch.

Each reader takes the folders of stages; the reasons are by the number's name in a record.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.metrics.consistency import Consistency
from bench.metrics.interpolation import Interpolation
from bench.metrics.metric import Reasons
from bench.metrics.protocol import Protocol
from bench.metrics.quality import Quality
from bench.metrics.sampling_cost import SamplingCost
from bench.metrics.training_cost import TrainingCost
from bench.records.migrations import place_of, quality_section
from bench.store.files import read_object

QUALITY, PROTOCOL = "metrics.json", "protocol.json"
CONSISTENCY, INTERPOLATION, COST = "consistency.json", "interpolation.json", "cost.json"
SAMPLES, PATHS = "samples.npy", "paths.npy"  # images: a cell's own, and those on paths between latents
CLOSEST = "closest.npy"  # images of a cell, each with its nearest real one
JUDGING = ("metrics", "floor")  # the kinds of stages that measure quality


def read_quality(folder: Path, space: str) -> tuple[Quality, Protocol, Reasons]:
    """Return the quality, and the protocol it was measured under; space: the name of the feature space."""
    protocol = Protocol.model_validate(read_object(folder / PROTOCOL))
    values = read_object(folder / QUALITY)
    if "quality" not in values:  # made before records had sections
        section = quality_section(values, values["distance"], space)
        return Quality.model_validate(section), protocol, {place_of(n): why for n, why in values["reasons"].items()}
    reasons = {f"quality.{name}": why for name, why in values["reasons"].items()}
    return Quality.model_validate(values["quality"]), protocol, reasons


def read_consistency(folder: Path) -> tuple[Consistency, Reasons]:
    """Return the consistency with the teacher."""
    measured = Consistency.model_validate(read_object(folder / CONSISTENCY))
    equal = [name for name in ("psnr", "psnr_unrelated") if getattr(measured, name) is None]
    return measured, {f"consistency.{name}": "every pair is equal in every pixel" for name in equal}


def read_interpolation(folder: Path) -> tuple[Interpolation, Reasons]:
    """Return the lengths of the paths between latents."""
    measured = Interpolation.model_validate(read_object(folder / INTERPOLATION))
    still = [f"interpolation.{kind}.{name}" for kind, path in measured for name, value in path if value is None]
    return measured, dict.fromkeys(still, "the features are the same all along")


def read_cost(folder: Path) -> tuple[dict[str, Any], dict[str, Any], Reasons]:
    """Return what sampling costs, as fields of `SamplingCost`, and how the network was computed."""
    return cost_fields(read_object(folder / COST))


def cost_fields(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], Reasons]:
    """Return what was measured of sampling as `read_cost` does."""
    own = {name: values[name] for name in SamplingCost.model_fields if name in values}
    reasons = {f"sampling_cost.{name}": why for name, why in values["reasons"].items()}
    return own, values["execution"], reasons


def read_training_cost(teacher: Path, folds: Sequence[Path]) -> tuple[TrainingCost, Reasons]:
    """Return what a method's models cost to train: the sums over its folds, and the teacher's beside them."""
    first, *own = [read_object(folder / COST) for folder in (teacher, *folds)]
    cost = TrainingCost(
        evaluations=sum(fold["evaluations"] for fold in own),
        seconds=sum(fold["seconds"] for fold in own),
        folds=len(own),
        teacher_seconds=first["seconds"],
        teacher_evaluations=first["evaluations"],
    )
    given = ("training_cost.teacher_seconds", "training_cost.teacher_evaluations")
    return cost, dict.fromkeys(given, "the teacher was given (teacher.weights)") if first["seconds"] is None else {}
