"""The settings of the library, each with its default, its bounds and what it means. No torch.

This is the only place where a setting is described.
"""

import math
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

Prediction = Literal["eps", "x0", "v"]
Weight = Literal["truncated-snr", "snr+1", "one"]
Distance = Literal["l2", "norm"]
Precision = Literal["fp32", "tf32", "bf16"]
GROUPS = 8  # of every GroupNorm of the U-Net
MOST_TIMESTEPS = 10**6  # a thousand times as many as anyone uses, and a table of 8 MB
LARGEST = 2**12  # of every number in a shape; more are taken for a damaged file


class Settings(BaseModel):
    """Settings that leave out of what is saved those in `later` at their default.

    They came after work had been done without them: its identity, and so what is done, stays what it was.
    """

    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = plain(self)
        defaults = {name: type(self).model_fields[name].default for name in self.later}
        return {key: value for key, value in values.items() if key not in defaults or value != defaults[key]}


class TrainSettings(Settings):
    """How one model is trained. Defaults are the SFDDM authors': Adam 2e-4 constant, no EMA, no clipping, no flips."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    later = frozenset({"optimizer", "ema_warmup"})

    iterations: int = Field(
        default=1000, ge=1, le=10**10, description="updates of the weights (per fold, where there are several)"
    )
    batch: int = Field(default=50, ge=1, le=2**20, description="images an update")
    optimizer: Literal["adam", "radam"] = Field(
        default="adam", description="adam, or radam, which consistency models publish"
    )
    learning_rate: float = Field(default=2e-4, gt=0, description="of the optimizer, after the warm-up")
    warmup: int = Field(default=0, ge=0, le=10**10, description="updates in which the rate rises linearly")
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="constant", description="how the rate falls: constant does not, linear and cosine reach 0"
    )
    ema: float = Field(
        default=0.0, ge=0, lt=1, description="decay of the moving average of the weights, an update; 0: none"
    )
    ema_warmup: bool = Field(
        default=False, description="the average's decay in update n is at most (1 + n) / (10 + n), so that it forgets"
    )
    clip_gradient: float | None = Field(default=None, gt=0, description="largest norm of the gradient; none: any")
    flip: bool = Field(default=False, description="mirror half of the images, at random")

    def training(self) -> "TrainSettings":
        """Return the training settings alone, without what a method's own settings add."""
        return TrainSettings(**{key: getattr(self, key) for key in TrainSettings.model_fields})

    def average_decay(self, update: int) -> float:
        """Return the decay of the moving average in an update, counted from 0.

        With `ema_warmup` it is at most (1 + n) / (10 + n): the average then reaches over about a ninth of the updates
        so far, whether training has been short or long, and snapshots of one training are averaged alike.
        """
        return min(self.ema, (1 + update) / (10 + update)) if self.ema_warmup else self.ema

    def rate(self, iteration: int) -> float:
        """Return an iteration's learning rate: linear warm-up, then constant or falling to zero after the last."""
        if iteration < self.warmup:
            return self.learning_rate * (iteration + 1) / self.warmup
        left = 1 - (iteration - self.warmup) / max(self.iterations - self.warmup, 1)
        factor = {"constant": 1.0, "linear": left, "cosine": 0.5 * (1 - math.cos(math.pi * left))}[self.decay]
        return self.learning_rate * factor


class MethodSettings(BaseModel):
    """Settings of a method without training."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SingleFoldSettings(TrainSettings):
    """Settings of `sfddm`."""

    summary: ClassVar[str] = "SFDDM, the paper's reading: one fold, 1-based sub-sequence, output + hidden L1"

    subsequence: str | list[int] = Field(
        default="trailing",
        description="the student's timesteps: trailing, leading, uniform, authors, quad, A, B, C, or a list of indices",
    )
    output_weight: float = Field(default=1.0, ge=0, description="of the output term of the loss")
    hidden_weight: float = Field(default=1.0, ge=0, description="of the term of the last hidden map; 0: left out")
    output_loss: Literal["l1", "l2"] = Field(default="l1", description="l1 or l2, of the output term")
    init: Literal["random", "teacher"] = Field(
        default="random", description="the student begins with random weights or the teacher's"
    )
    time_input: Literal["t", "phi"] = Field(
        default="t", description="what the student is given as time: its own index t, or the teacher's timestep phi"
    )
    prediction: Prediction | None = Field(
        default=None, description="what the network predicts: eps, x0 or v; none: what the teacher does"
    )
    sampler: Literal["ddim", "ancestral"] = Field(default="ddim", description="how it samples: ddim or ancestral")

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
        if not self.output_weight and not self.hidden_weight:
            raise ValueError("output_weight and hidden_weight are both 0, and one above it is needed to learn anything")
        return self


class ReferenceSettings(SingleFoldSettings):
    """Settings of `sfddm-reference`."""

    later = SingleFoldSettings.later | {"list_reading"}

    summary: ClassVar[str] = "SFDDM as its authors' code does it: 0-based sub-sequence c*t that never reaches T-1"

    subsequence: str | list[int] = Field(
        default="authors",
        description="the student's timesteps: authors, trailing, leading, uniform, quad, A, B, C, or a list of indices",
    )
    list_reading: Literal["meant", "as loaded"] = Field(
        default="meant",
        description="noise levels of a student on a list: meant, the list's; as loaded, those of the grid `authors`, "
        "which the authors' code has after loading such a student, while the teacher is asked at the list's timesteps",
    )


class TrajectorySettings(TrainSettings):
    """Settings of `sfddm-trajectory`."""

    summary: ClassVar[str] = "single fold whose target is the end of K teacher DDIM steps (ours)"

    clip_gradient: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient; none: any")
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="linear", description="how the rate falls: constant does not, linear and cosine reach 0"
    )
    subsequence: str | list[int] = Field(
        default="trailing",
        description="the student's timesteps: trailing, leading, uniform, authors, quad, A, B, C, or a list of indices",
    )
    substeps: int | None = Field(
        default=None,
        ge=1,
        le=10**5,
        description="DDIM steps K of the teacher in a student's step; none: min(T / T', 16)",
    )
    init: Literal["random", "teacher"] = Field(
        default="teacher", description="the student begins with random weights or the teacher's"
    )
    prediction: Literal["v", "x0"] = Field(default="v", description="what the student predicts: v or x0")
    weight: Weight = Field(
        default="truncated-snr", description="of the error on x0: truncated-snr is max(SNR, 1), snr+1 is that of v"
    )
    clip_target: bool = Field(default=True, description="clip x0 in the target to [-1, 1]")


class UNetConfig(Settings):
    """The shape of a U-Net; the defaults are the authors'."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    later = frozenset({"dropout", "two_times"})

    dim: int = Field(default=64, ge=GROUPS, le=LARGEST, multiple_of=GROUPS, description="channels of the first level")
    dim_mults: tuple[Annotated[int, Field(ge=1, le=LARGEST)], ...] = Field(
        default=(1, 2, 4, 8), min_length=1, max_length=16, description="channels of each level, in multiples of dim"
    )
    channels: int = Field(default=3, ge=1, le=LARGEST, description="of an image: 1 is grey, 3 is RGB")
    full_attention: tuple[bool, ...] | None = Field(
        default=None, description="for each level, full (true) or linear attention; none: full on the innermost alone"
    )
    heads: int = Field(default=4, ge=1, le=LARGEST, description="of attention")
    head_dim: int = Field(default=32, ge=1, le=LARGEST, description="channels of an attention head")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share that each residual block drops in training")
    two_times: bool = Field(
        default=False, description="the network is told where a step ends as well, as a `shortcut` student is"
    )


class PerformanceSettings(BaseModel):
    """How networks run; none is the device's default. Of these, precision alone changes numbers beyond rounding."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Precision = Field(
        default="fp32", description="of the network: fp32, tf32 or bf16; loss, optimizer and EMA are always float32"
    )
    compile: bool | None = Field(
        default=None, description="compile the network; none: on CUDA only. On a CPU it is of sampling alone"
    )
    channels_last: bool | None = Field(default=None, description="memory layout; none: on CUDA with tf32 or bf16")
    micro_batch: int | None = Field(
        default=None, ge=1, description="images done at a time, the gradient is the whole batch's; none: all"
    )
    checkpointing: bool = Field(default=False, description="save memory: compute maps again in the backward pass")
    deterministic: bool = Field(default=False, description="the same bits every time on CUDA too, where it is slower")
