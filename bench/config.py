"""The resolved configuration of a run: a dataset's preset, a resolution and a scale laid over it, and --set on top.

Every layer is a plain nested mapping; only the result is validated, into frozen objects that refuse an
unknown key with the nearest valid name.
"""

import difflib
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench import methods, variants
from bench.metrics.features import Resize
from sfddm.checkpoint import DenoiserSpec, read_spec
from sfddm.denoiser import Prediction
from sfddm.errors import InputError
from sfddm.method import Fold, Method, share_budget
from sfddm.performance import Performance
from sfddm.schedule import ScheduleName
from sfddm.training import TrainSettings
from sfddm.unet import UNetConfig

Scale = Literal["smoke", "quick", "paper"]
ANY_RESOLUTION = "folder"
CONTROLS = ("ddim", "ddpm")


class TeacherSettings(TrainSettings):
    """The teacher's diffusion process and training; `weights` is a file to take instead of training one."""

    weights: Path | None = None
    timesteps: int = Field(1024, ge=1)
    schedule: ScheduleName = "sigmoid"
    prediction: Prediction = "eps"


class EvaluationSettings(BaseModel):
    """What is sampled and in which feature space it is judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature_space: str  # "inception", or "<dataset>-cnn": the dataset's own classifier
    resize: Resize = "clean"  # of Inception's input
    images: int = Field(ge=2)
    batch: int = Field(256, ge=1)  # of feature extraction; sampling has its own (bench.sampling.unit_size)
    splits: int = Field(10, ge=1)  # of the Inception score
    kid_subsets: int = Field(100, ge=1)
    kid_subset: int = Field(1000, ge=2)  # images in a subset, at most; never more than there are
    neighbours: int = Field(3, ge=1)  # of precision and recall
    seed: int = Field(0, ge=0)  # of subsets, groups and splits: the same for every cell
    consistency_images: int = Field(256, ge=2)  # of which the teacher makes full-length ones; at most `images`
    interpolation_paths: int = Field(16, ge=1)


class CostSettings(BaseModel):
    """How long the cost of sampling is measured.

    seconds: the limit of each part (warm-up, latency, throughput). repeats: calls of the latency, where the limit lets
    them. batch: the largest tried for the throughput.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=10.0, gt=0)
    repeats: int = Field(default=30, ge=3)
    batch: int = Field(default=1024, ge=1)


class ClassifierSettings(BaseModel):
    """How the dataset's own classifier is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=30, ge=1)
    batch: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)


class Config(BaseModel):
    """Everything that decides a run's numbers, apart from its steps, methods and seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    resolution: int
    scale: Scale
    network: UNetConfig
    teacher: TeacherSettings
    evaluation: EvaluationSettings
    classifier: ClassifierSettings = ClassifierSettings()
    cost: CostSettings = CostSettings()
    performance: Performance = Performance()
    methods: dict[str, dict[str, Any]]
    budget: int | None = None  # network evaluations in training, the same for every trained method and step count

    def identity(self) -> dict[str, Any]:
        """Return as plain values what decides numbers: of the performance only that; nothing of it at its default."""
        decides = self.performance.decides()
        return self.model_dump(mode="json", exclude={"performance"}) | ({"performance": decides} if decides else {})

    def teacher_spec(self) -> DenoiserSpec:
        """Return what the teacher is."""
        teacher = self.teacher
        if teacher.weights is not None:
            return read_spec(teacher.weights)
        return DenoiserSpec(
            network=self.network, prediction=teacher.prediction, schedule=teacher.schedule, timesteps=teacher.timesteps
        )

    def folds(self, method: Method, steps: int) -> list[Fold]:
        """Return the folds of a method, within the budget where one is set."""
        folds = method.folds(steps)
        return folds if self.budget is None else share_budget(folds, self.budget)

    def method(self, name: str) -> Method:
        """Return a method with its settings from this configuration; a variant's own lie on top. Raises InputError."""
        base, given = variants.parse(name)
        kind = methods.get(base)
        unknown = next((key for key in given if key not in kind.Settings.model_fields), None)
        if unknown is not None:
            near = difflib.get_close_matches(unknown, kind.Settings.model_fields, n=1, cutoff=0)
            hint = f"the nearest valid name is '{near[0]}'" if near else f"{base} has no settings"
            raise InputError(f"--methods: '{name}' given; unknown setting '{unknown}'; {hint}")
        try:
            settings = kind.Settings(**self.methods[base] | {key: toml_value(text) for key, text in given.items()})
        except ValidationError as error:
            raise InputError(_first_fault(error, base, option="--methods")) from None
        method = kind(settings, self.teacher_spec())
        method.label = name
        return method


class Preset(BaseModel):
    """A preset before resolving: the configuration's sections as mappings, its defaults and its scales."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: list[int]
    methods: list[str]
    sections: dict[str, Any]
    scales: dict[str, dict[str, Any]]
    resolutions: dict[str, dict[str, Any]]

    def at(self, resolution: int | None) -> dict[str, Any]:
        """Return the sections at a resolution: the preset's own where none is given. Raises InputError."""
        own = self.sections["resolution"]
        if resolution is None or resolution == own:
            return self.sections
        if self.sections["dataset"] == ANY_RESOLUTION:
            return self.sections | {"resolution": resolution}
        if str(resolution) not in self.resolutions:
            possible = ", ".join(map(str, sorted([own, *map(int, self.resolutions)])))
            raise InputError(f"--resolution: {resolution} given, {self.sections['dataset']} has: {possible}")
        return merged(self.sections, self.resolutions[str(resolution)]) | {"resolution": resolution}


def preset_names() -> list[str]:
    """Return the datasets that have a preset."""
    return sorted(
        p.name.removesuffix(".toml") for p in resources.files("bench.presets").iterdir() if p.name.endswith(".toml")
    )


def load_preset(dataset: str) -> Preset:
    """Return the preset of a dataset of the catalogue. Raises InputError for an unknown one."""
    if dataset not in preset_names():
        raise InputError(f"--dataset: '{dataset}' given, possible: {', '.join(preset_names())}")
    sections = tomllib.loads(resources.files("bench.presets").joinpath(f"{dataset}.toml").read_text())
    return Preset(
        steps=sections.pop("steps"),
        methods=sections.pop("methods"),
        scales=sections.pop("scales"),
        resolutions=sections.pop("resolutions", {}),
        sections=sections,
    )


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid on top, section by section."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def parse_overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """Return the nested mapping of `section.key=value` strings; values are TOML, a bare word is a string."""
    overrides: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise InputError(f"--set: '{assignment}' given, the form is section.key=value")
        nested = toml_value(text)
        for key in reversed(keys):
            nested = {key: nested}
        overrides = merged(overrides, nested)
    return overrides


def toml_value(text: str) -> Any:
    """Return the value that a setting's text stands for: TOML, or a bare word as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def resolve(preset: Preset, scale: str | None, assignments: Iterable[str] = (), images: int | None = None,
            budget: int | None = None, resolution: int | None = None) -> Config:  # fmt: skip
    """Return the configuration of a run; images, budget and resolution have options of their own."""
    scale = scale or preset.sections["scale"]
    if scale not in preset.scales:
        raise InputError(f"--scale: '{scale}' given, possible: {', '.join(preset.scales)}")
    sections = merged(preset.at(resolution), preset.scales[scale]) | {"scale": scale}
    overrides = parse_overrides(assignments)
    _check_keys(overrides)
    sections = merged(sections, overrides)
    if images is not None:
        sections["evaluation"] = sections["evaluation"] | {"images": images}
    shared = sections.pop("student", {})
    own = {name: sections.pop(name, {}) for name in methods.names()}
    for control in CONTROLS:  # the teacher on SFDDM's own sub-sequence stands beside SFDDM
        own[control] = {"grid": own["sfddm"].get("subsequence", "trailing")} | own[control]
    try:
        config = Config(
            **sections, budget=budget, methods={name: _method_settings(name, shared | own[name]) for name in own}
        )
    except ValidationError as error:
        raise InputError(_first_fault(error)) from None
    _check_network(config)
    return config


def _check_network(config: Config) -> None:
    """Raise InputError where the U-Net cannot halve the images as often as it has levels."""
    factor = 2 ** (len(config.network.dim_mults) - 1)
    if config.resolution % factor:
        raise InputError(
            f"--resolution: {config.resolution} given, a multiple of {factor} is needed by network.dim_mults of "
            f"{len(config.network.dim_mults)} levels"
        )


def _method_settings(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return a method's full settings. A method that does not train leaves the shared training settings aside."""
    model = methods.get(name).Settings
    known = {
        key: value for key, value in given.items() if key in model.model_fields or key not in TrainSettings.model_fields
    }
    try:
        return model(**known).model_dump(mode="json")
    except ValidationError as error:
        raise InputError(_first_fault(error, name)) from None


def _fields(model: type[BaseModel], prefix: str) -> list[str]:
    return [f"{prefix}.{name}" for name in model.model_fields]


def setting_names() -> list[str]:
    """Return every key that --set takes."""
    sections = {name: info.annotation for name, info in Config.model_fields.items()}
    models = {n: m for n, m in sections.items() if isinstance(m, type) and issubclass(m, BaseModel)}
    models |= {"student": TrainSettings} | {name: methods.get(name).Settings for name in methods.names()}
    return [field for name, model in models.items() for field in _fields(model, name)]


def _check_keys(overrides: dict[str, Any]) -> None:
    known = setting_names()
    for section, value in overrides.items():
        given = [f"{section}.{key}" for key in value] if isinstance(value, dict) and value else [section]
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
                raise InputError(f"--set: unknown key '{key}'; the nearest valid name is '{near}'")


def _first_fault(error: ValidationError, section: str = "", option: str = "--set") -> str:
    fault = error.errors()[0]
    key = ".".join([part for part in (section, *map(str, fault["loc"])) if part])
    return f"{option}: {key} = {fault['input']!r} given; {fault['msg'][0].lower()}{fault['msg'][1:]}"
