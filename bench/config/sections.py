"""The suite's own sections of a configuration, each setting with its default and what it means. No torch."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from bench.store.limits import LARGEST_COUNT
from sfddm.schedule import ScheduleName
from sfddm.settings import MOST_TIMESTEPS, PerformanceSettings, Prediction, TrainSettings, UNetConfig

# Beyond what any machine does: a mistyped number is refused before memory is taken.
MOST_IN_A_BATCH, MOST_REPEATS = 2**20, 10**6
ANY_RESOLUTION = "folder"
Scale = Literal["smoke", "quick", "paper"]
Resize = Literal["clean", "legacy_tensorflow"]


class DataSettings(BaseModel):
    """Which images of the dataset are trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    held_out: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        allow_inf_nan=False,
        description="share of the images kept apart from all training, to measure against; 0 for data with a test "
        "split, which is held out as it is",
    )


class TeacherSettings(TrainSettings):
    """The teacher's diffusion process and training."""

    weights: Path | None = Field(default=None, description="a file to take instead of training a teacher")
    timesteps: int = Field(default=1024, ge=1, le=MOST_TIMESTEPS, description="T, the length of the diffusion process")
    schedule: ScheduleName = Field(default="sigmoid", description="noise levels")
    prediction: Prediction = Field(default="eps", description="what the network predicts: eps, x0 or v")


class EvaluationSettings(BaseModel):
    """What is sampled and in which feature space it is judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature_space: str = Field(
        description="inception, dinov2 (ViT-L/14), dinov2-vitb14, clip (with CMMD), DATASET-cnn (the dataset's own "
        "classifier), random-cnn (never trained), pixels (not for quality), or a plug-in's extractor"
    )
    resize: Resize = Field(default="clean", description="of Inception's input: clean or legacy_tensorflow")
    images: int = Field(ge=2, le=LARGEST_COUNT, description="sampled for each cell")
    batch: int = Field(default=256, ge=1, le=MOST_IN_A_BATCH, description="images at a time for features")
    splits: int = Field(default=10, ge=1, le=LARGEST_COUNT, description="of the Inception score")
    kid_subsets: int = Field(default=100, ge=1, le=MOST_REPEATS, description="subsets of KID")
    kid_subset: int = Field(default=1000, ge=2, le=LARGEST_COUNT, description="images in a subset of KID, at most")
    neighbours: int = Field(default=3, ge=1, le=LARGEST_COUNT, description="k of precision, recall, density, coverage")
    seed: int = Field(default=0, ge=0, le=LARGEST_COUNT, description="of subsets and splits, the same for every cell")
    consistency_images: int = Field(
        default=256,
        ge=2,
        le=LARGEST_COUNT,
        description="images that the teacher makes at full length, of those sampled at most",
    )
    interpolation_paths: int = Field(default=64, ge=1, le=MOST_REPEATS, description="pairs of latents")

    def kid_subset_of(self, images: int, reference_images: int) -> int:
        """Return how many images a KID subset has: the setting, or all there are if that is fewer."""
        return min(self.kid_subset, images, reference_images)


class CostSettings(BaseModel):
    """How long the cost of sampling is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(
        default=10.0,
        gt=0,
        allow_inf_nan=False,
        description="seconds of timed calls and of the warm-up; the search for the best batch has no limit",
    )
    repeats: int = Field(default=30, ge=3, le=MOST_REPEATS, description="calls of the latency, if the seconds allow")
    batch: int = Field(default=1024, ge=1, le=MOST_IN_A_BATCH, description="the largest batch that is tried")


class ClassifierSettings(BaseModel):
    """How the dataset's own classifier is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=30, ge=1, le=MOST_REPEATS, description="passes over the training images")
    batch: int = Field(default=64, ge=1, le=MOST_IN_A_BATCH, description="images an update")
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False, description="of Adam")


class Sections(BaseModel):
    """Everything that decides a run's numbers, apart from its steps, methods and seeds: the values alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    resolution: int
    scale: Scale
    data: DataSettings = DataSettings()
    network: UNetConfig
    teacher: TeacherSettings
    evaluation: EvaluationSettings
    classifier: ClassifierSettings = ClassifierSettings()
    cost: CostSettings = CostSettings()
    performance: PerformanceSettings = PerformanceSettings()
    methods: dict[str, dict[str, Any]]
    budget: int | None = Field(
        default=None, ge=1, le=LARGEST_COUNT
    )  # network evaluations in training; a run of several has a configuration for each

    def judged_in(self, space: str) -> Self:
        """Return the configuration with another feature space."""
        return self.model_copy(update={"evaluation": self.evaluation.model_copy(update={"feature_space": space})})
