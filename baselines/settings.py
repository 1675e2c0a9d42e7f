"""The settings of the baselines, each with its default and what it means. No torch."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from sfddm.settings import MethodSettings, Settings, TrainSettings, Weight

Variance = Literal["small", "large"]


class PDSettings(TrainSettings):
    """Settings of `pd`, for each fold."""

    summary: ClassVar[str] = "progressive distillation as published: halving folds from the teacher"
    later = TrainSettings.later | {"compute", "first_share"}

    decay: Literal["constant", "linear", "cosine"] = Field(
        default="linear",
        description="how the rate falls: constant does not, linear and cosine reach 0",
    )
    clip_gradient: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient; none: any")
    prediction: Literal["v", "x0"] = Field(default="v", description="what the student predicts: v or x0")
    weight: Weight = Field(
        default="truncated-snr", description="of the error on x0: truncated-snr is max(SNR, 1), snr+1 is that of v"
    )
    clip_target: bool | None = Field(
        default=None,
        description="clip the teacher's x0 in the target, which as published is not; none: only if the fold's teacher "
        "predicts eps",
    )
    compute: Literal["each", "shared"] = Field(
        default="each",
        description="each: every fold has `iterations`, as published; shared: the folds of a chain share the network "
        "evaluations of the single fold that leads to as many steps",
    )
    first_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="of what a chain shares, the first fold's part; none: as much as any other fold's",
    )


class SelfTaughtSettings(TrainSettings):
    """Settings of methods whose student learns from itself."""

    clip_gradient: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient; none: any")
    init: Literal["random", "teacher"] = Field(
        default="teacher", description="the student begins with random weights or the teacher's"
    )
    prediction: Literal["v", "x0"] = Field(default="v", description="what the student predicts: v or x0")
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="share that each residual block drops in training; none: the teacher's"
    )


class DistilledSettings(SelfTaughtSettings):
    """Settings of those that ask a teacher as well."""

    weight: Weight = Field(
        default="snr+1",
        description="of the squared error on x0: snr+1 is that of v, truncated-snr is max(SNR, 1), one is 1",
    )
    clip_target: bool | None = Field(
        default=None, description="clip x0 in the target to [-1, 1]; none: only if the teacher predicts eps"
    )
    target_ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of the average of its weights that the student learns from; 0: its weights as they are",
    )


class ConsistencySettings(Settings):
    """Settings of consistency models."""

    sampler: Literal["consistency", "ddim"] = Field(
        default="consistency", description="between steps x0 gets fresh noise (consistency) or its own eps (ddim)"
    )


class CDSettings(ConsistencySettings, DistilledSettings):
    """Settings of `cd`."""

    summary: ClassVar[str] = "consistency distillation: one student for all step counts"

    solver: Literal["ddim", "heun"] = Field(
        default="ddim", description="the teacher's step between two points: ddim or heun"
    )
    points: int | None = Field(
        default=18, ge=1, le=10**6, description="timesteps of the trailing grid that it is trained on; none: all"
    )


def check_growth(first: int, last: int) -> None:
    """Raise ValueError if there are fewer points at the end of a training than at its start."""
    if last < first:
        raise ValueError(f"last_points is at least first_points, which is {first}")


class CTSettings(ConsistencySettings, SelfTaughtSettings):
    """Settings of `ct`."""

    summary: ClassVar[str] = "consistency training as first published: from random weights, without a teacher"

    init: Literal["random", "teacher"] = Field(
        default="random", description="the student begins with random weights or the teacher's"
    )
    first_points: int = Field(default=2, ge=2, le=10**4, description="points of the grid, at the start")
    last_points: int = Field(default=150, ge=2, le=10**4, description="points of the grid less one, at the end")
    first_decay: float = Field(
        default=0.9,
        gt=0,
        lt=1,
        description="mu0 of the average that it learns from: of N points its decay is mu0^(first_points / (N - 1))",
    )

    @model_validator(mode="after")
    def _grows(self) -> Self:
        check_growth(self.first_points, self.last_points)
        return self


class ECTSettings(ConsistencySettings, SelfTaughtSettings):
    """Settings of `ect`."""

    summary: ClassVar[str] = "easy consistency tuning: consistency training from the teacher's weights"

    mean: float = Field(default=-1.1, description="of log(sigma / alpha) of the timesteps that are drawn")
    spread: float = Field(default=2.0, gt=0, description="standard deviation of log(sigma / alpha)")
    uniform: float = Field(
        default=0.0, ge=0, le=1, description="share of timesteps that are drawn evenly, which published ones are not"
    )
    ratio: float = Field(
        default=2.0, gt=1, description="q: a stage's gap between two noise levels is 1/q of the one before"
    )
    stages: int = Field(default=8, ge=1, le=64, description="equal parts of the training, each with a smaller gap")


class MultistepSettings(DistilledSettings):
    """Settings of `multistep-cd`."""

    summary: ClassVar[str] = "multistep consistency distillation: a consistency student for each step count's segments"
    later = DistilledSettings.later | {"last_points"}

    first_points: int = Field(
        default=64, ge=1, le=10**6, description="timesteps that it is trained on at first, over all segments"
    )
    annealed: float = Field(
        default=0.5, gt=0, le=1, description="share of the training after which it is trained on the last of them"
    )
    last_points: int | None = Field(
        default=None, ge=1, le=10**6, description="timesteps that it is trained on at last; none: all"
    )

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.last_points is not None:
            check_growth(self.first_points, self.last_points)
        return self


class ShortcutSettings(DistilledSettings):
    """Settings of `shortcut`."""

    summary: ClassVar[str] = "shortcut model: one student for all step counts that is told where its step ends"

    source: Literal["teacher", "images"] = Field(
        default="teacher", description="the shortest steps are the teacher's, or lead to the images themselves"
    )
    middle: Literal["half", "next"] = Field(
        default="half", description="a step is learnt from two halves, or from one timestep and the rest (as MeanFlow)"
    )
    share: float = Field(default=0.5, gt=0, lt=1, description="of a batch that learns long steps, with middle=half")


class ScratchSettings(TrainSettings):
    """Settings of `scratch`."""

    summary: ClassVar[str] = "a T'-step DDPM trained without a teacher"

    schedule: Literal["teacher", "own"] = Field(
        default="teacher",
        description="the noise levels: teacher, on the trailing grid; own, of T' steps",
    )
    sampler: Literal["ddim", "ancestral"] = Field(default="ddim", description="how it samples: ddim or ancestral")


class PDReferenceSettings(ScratchSettings):
    """Settings of `pd-reference`."""

    summary: ClassVar[str] = (
        "the SFDDM authors' own progressive distillation: eps matched at index c t, own schedule, random init"
    )

    schedule: Literal["teacher", "own"] = Field(
        default="own",
        description="the noise levels: teacher, on the trailing grid; own, of T' steps",
    )


class CTReferenceSettings(PDReferenceSettings):
    """Settings of `ct-reference`."""

    summary: ClassVar[str] = "the SFDDM authors' own consistency training: a DDPM drawn to its own adjacent outputs"


class RespacedSettings(MethodSettings):
    """How the teacher itself is sampled."""

    grid: str | list[int] = Field(
        default="trailing",
        description="the teacher's timesteps: trailing, leading, uniform, authors, quad, A, B, C, or a list of indices",
    )
    clip: Literal["none", "x0"] = Field(default="x0", description="x0 clips x0 to [-1, 1], none does not")


class DDIMSettings(RespacedSettings):
    """Settings of `ddim`."""

    summary: ClassVar[str] = "the teacher by DDIM on a sub-sequence: the control of every student"

    eta: float = Field(default=0.0, ge=0, le=1, description="0 is deterministic, 1 is DDPM with the small variance")


class DDPMSettings(RespacedSettings):
    """Settings of `ddpm`."""

    summary: ClassVar[str] = "the teacher by ancestral sampling on a sub-sequence"

    variance: Variance = Field(default="small", description="small is the posterior's, large is beta of the jump")


class DPMSolverSettings(RespacedSettings):
    """Settings of `dpm-solver`."""

    summary: ClassVar[str] = "the teacher by DPM-Solver++(2M): training-free"
