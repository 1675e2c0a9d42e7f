"""What is asked for on one dataset, and whether it can be had: told before torch is imported. No torch."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config.checked import checked, variant_settings
from bench.config.overrides import layered, of_variant
from bench.config.preset import Preset, load_preset
from bench.config.sections import ANY_RESOLUTION, Sections
from bench.datasets.dataset import Images
from bench.datasets.registry import definition_name, load, prepared_resolutions
from bench.metrics import METRICS, check_metrics
from bench.metrics.declared import INCEPTION
from bench.metrics.extractors import WeightFiles, weight_files
from bench.metrics.network_files import find_weights
from bench.metrics.offered import check_feature_space
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


@dataclass(frozen=True)
class Examined:
    """What a request comes to before torch is needed.

    values: of its configuration; images: of its dataset; judged: those of the configuration in each feature space, the
    run's own first; files: the weight files that the command names.
    """

    values: dict[str, Any]
    images: Images
    judged: tuple[Sections, ...]
    files: WeightFiles

    @property
    def spaces(self) -> list[str]:
        """The names of the feature spaces."""
        return [one.evaluation.feature_space for one in self.judged]


def examine(
    request: Request, data_root: Path | None, inception: Path | None = None, extractors: Sequence[str] = ()
) -> Examined:
    """Return what a request comes to: names, values, data and weight files, all checked but what only methods know.

    inception, extractors: the weight files that the command names. Raises InputError.
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
    values = checked(
        preset, request.scale, request.assignments, request.images, request.resolution, bool(request.budgets)
    )
    for name, _ in request.cells:
        variant_settings(name, values["methods"])
    sections = Sections(**values)
    check_teacher_file(sections)
    find_weights(inception)
    images = load(request.dataset, sections.resolution, data_root, sections.data.held_out)
    judged = tuple(sections.judged_in(space) for space in request.features or [sections.evaluation.feature_space])
    files = weight_files(inception, extractors, [one.evaluation.feature_space for one in judged])
    named = {"option": "--features:"} if request.features else {}
    for one in judged:
        check_feature_space(one, images, request.metrics, files, **named)
    return Examined(values, images, judged, files)


def check_teacher_file(sections: Sections) -> None:
    """Raise InputError if a teacher's file is named and not there."""
    file = sections.teacher.weights
    if file is not None and not file.is_file():
        raise InputError(
            f"--set: teacher.weights = '{file}' given, but there is no such file; make one with: sfddm-bench teacher "
            "import"
        )


def check_inception(inception: Path | None, spaces: Collection[str]) -> None:
    """Raise InputError if Inception's weights are named and none of a command's feature spaces takes them."""
    if inception is not None and INCEPTION not in spaces:
        raise InputError(
            f"--inception-weights: '{inception}' given, but {', '.join(dict.fromkeys(spaces))} takes no such file; "
            "leave it out, or judge the images by it: --features inception"
        )


def check_features(request: Request) -> None:
    """Raise InputError if feature spaces are named in two ways, or several if quality is not measured."""
    given = f"--features: '{','.join(request.features)}' given"
    setting = "evaluation.feature_space="
    if request.features and any(text.strip().startswith(setting) for text in request.assignments):
        raise InputError(f"{given} with --set {setting}.., which it stands for; leave one out")
    if len(request.features) > 1 and "quality" not in request.metrics:
        raise InputError(f"{given}, but all but the first have quality only; add quality to --metrics, or give one")
