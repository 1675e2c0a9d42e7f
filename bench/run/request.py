"""What is asked for on one dataset, and whether its words are any: told before torch is imported. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config.overrides import layered, of_variant
from bench.config.preset import Preset, load_preset
from bench.config.sections import ANY_RESOLUTION
from bench.datasets.registry import definition_name, prepared_resolutions
from bench.metrics import METRICS, check_metrics
from sfddm.errors import InputError
from sfddm.grids import check_steps


@dataclass(frozen=True)
class Request:
    """What is to be run on one dataset; None leaves a thing to the dataset's preset.

    cells: (method, steps). features: the feature spaces, instead of evaluation.feature_space.
    """

    dataset: str
    cells: Sequence[tuple[str, int]]
    seeds: Sequence[int]
    resolution: int | None = None
    scale: str | None = None
    images: int | None = None
    budgets: Sequence[int] = ()
    assignments: Sequence[str] = ()
    metrics: Sequence[str] = METRICS
    features: Sequence[str] = ()


def preset_of(dataset: str, data_root: Path | None) -> Preset:
    """Return the preset that a dataset takes; for images of one's own, at the resolution they were prepared at.

    Raises InputError.
    """
    preset = load_preset(definition_name(dataset, data_root))
    if preset.sections["dataset"] == ANY_RESOLUTION and len(there := prepared_resolutions(dataset, data_root)) == 1:
        return preset.model_copy(update={"sections": preset.sections | {"resolution": there[0]}})
    return preset


def check_words(request: Request, data_root: Path | None) -> None:
    """Raise InputError for a name that is none, and for more steps than the teacher has; values are checked later.

    The dataset, its scale and resolution, metrics, methods with their variants' settings, keys of --set, step counts.
    """
    preset = preset_of(request.dataset, data_root)
    teacher = layered(preset, request.scale, request.assignments, request.resolution)["teacher"]
    check_metrics(request.metrics)
    check_features(request)
    for name, _ in request.cells:
        of_variant(name)
    if teacher.get("weights") is None and isinstance(teacher["timesteps"], int):  # a teacher from a file has its own
        for _, steps in request.cells:
            check_steps(teacher["timesteps"], steps)


def check_features(request: Request) -> None:
    """Raise InputError if feature spaces are named in two ways, or several if quality is not measured."""
    given = f"--features: '{','.join(request.features)}' given"
    setting = "evaluation.feature_space="
    if request.features and any(text.strip().startswith(setting) for text in request.assignments):
        raise InputError(f"{given} with --set {setting}.., which it stands for; leave one out")
    if len(request.features) > 1 and "quality" not in request.metrics:
        raise InputError(f"{given}, but all but the first have quality only; add quality to --metrics, or give one")
