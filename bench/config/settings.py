"""The resolved configuration of a run: frozen objects that refuse an unknown key."""

import difflib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.config import methods, variants
from bench.config.toml import parse_toml
from bench.store.limits import LARGEST_COUNT
from sfddm.checkpoint import MOST_TIMESTEPS, DenoiserSpec, read_spec
from sfddm.denoiser import Prediction
from sfddm.errors import InputError
from sfddm.method import Fold, Method, share_budget
from sfddm.performance import Performance
from sfddm.schedule import ScheduleName
from sfddm.training import TrainSettings
from sfddm.unet import UNetConfig

# Beyond what any machine does: a mistyped number is refused before memory is taken.
MOST_IN_A_BATCH, MOST_REPEATS = 2**20, 10**6
Scale = Literal["smoke", "quick", "paper"]
ANY_RESOLUTION = "folder"
Resize = Literal["clean", "legacy_tensorflow"]


class TeacherSettings(TrainSettings):
    """The teacher's diffusion process and training; `weights` is a file to take instead of training one."""

    weights: Path | None = None
    timesteps: int = Field(1024, ge=1, le=MOST_TIMESTEPS)
    schedule: ScheduleName = "sigmoid"
    prediction: Prediction = "eps"


class EvaluationSettings(BaseModel):
    """What is sampled and in which feature space it is judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature_space: str  # "inception", "<dataset>-cnn" (the dataset's own classifier), or another package's extractor
    resize: Resize = "clean"  # of Inception's input
    images: int = Field(ge=2, le=LARGEST_COUNT)
    batch: int = Field(
        256, ge=1, le=MOST_IN_A_BATCH
    )  # of feature extraction; sampling has its own (stages/sampling.py)
    splits: int = Field(10, ge=1, le=LARGEST_COUNT)  # of the Inception score
    kid_subsets: int = Field(100, ge=1, le=MOST_REPEATS)
    kid_subset: int = Field(1000, ge=2, le=LARGEST_COUNT)  # images in a subset, at most; never more than there are
    neighbours: int = Field(3, ge=1, le=LARGEST_COUNT)  # of precision and recall
    seed: int = Field(0, ge=0, le=LARGEST_COUNT)  # of subsets, groups and splits: the same for every cell
    consistency_images: int = Field(
        256, ge=2, le=LARGEST_COUNT
    )  # of which the teacher makes full-length ones; at most `images`
    interpolation_paths: int = Field(16, ge=1, le=MOST_REPEATS)

    def kid_subset_of(self, images: int, reference_images: int) -> int:
        """Return how many images a KID subset has: the setting, or all there are if that is fewer."""
        return min(self.kid_subset, images, reference_images)


class CostSettings(BaseModel):
    """How long the cost of sampling is measured.

    seconds: of timed calls, the limit of the warm-up, of the latency and of full calls at the best batch; the search
    for that batch ends when it is found. repeats: calls of the latency, if the limit allows them. batch: the largest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    repeats: int = Field(default=30, ge=3, le=MOST_REPEATS)
    batch: int = Field(default=1024, ge=1, le=MOST_IN_A_BATCH)


class ClassifierSettings(BaseModel):
    """How the dataset's own classifier is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=30, ge=1, le=MOST_REPEATS)
    batch: int = Field(default=64, ge=1, le=MOST_IN_A_BATCH)
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)


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
    budget: int | None = Field(
        default=None, ge=1, le=LARGEST_COUNT
    )  # network evaluations in training, the same for every trained method and step count

    def identity(self) -> dict[str, Any]:
        """Return as plain values what decides numbers: of the performance only that; nothing of it at its default."""
        decides = self.performance.decides()
        return self.model_dump(mode="json", exclude={"performance"}) | ({"performance": decides} if decides else {})

    def teacher_spec(self) -> DenoiserSpec:
        """Return what the teacher is."""
        teacher = self.teacher
        if teacher.weights is not None:
            try:
                return read_spec(teacher.weights)
            except InputError as error:
                raise InputError(f"{error}; make such a file with: sfddm-bench teacher import") from None
        return DenoiserSpec(
            network=self.network, prediction=teacher.prediction, schedule=teacher.schedule, timesteps=teacher.timesteps
        )

    def folds(self, method: Method, steps: int) -> list[Fold]:
        """Return the folds of a method, within the budget if one is set."""
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
            raise InputError(first_fault(error, base, option="--methods")) from None
        method = kind(settings, self.teacher_spec())
        method.label = name
        return method


def toml_value(text: str) -> Any:
    """Return the value that a setting's text stands for: TOML, or a bare word as a string."""
    try:
        tables = parse_toml(f"value = {text}")
    except ValueError:
        return text.strip()
    return tables["value"] if len(tables) == 1 else text.strip()  # a line break may begin another key


def first_fault(error: ValidationError, section: str = "", option: str = "--set") -> str:
    """Return the first fault of a validation as one line that names the option, the key and what was given."""
    fault = error.errors()[0]
    key = ".".join([part for part in (section, *map(str, fault["loc"])) if part])
    return f"{option}: {key} = {fault['input']!r} given; {fault['msg'][0].lower()}{fault['msg'][1:]}"
