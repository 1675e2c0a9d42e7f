"""The settings of the baselines, each with its default and what it means. No torch."""

from typing import Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from sfddm.settings import MethodSettings, TrainSettings, Weight

Variance = Literal["small", "large"]


class PDSettings(TrainSettings):
    """Settings of `pd`, for each fold."""

    summary: ClassVar[str] = "progressive distillation as published: halving folds from the teacher"

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

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `compute` as published: so it was before there was another, and keys of finished work stay."""
        values: dict[str, Any] = plain(self)
        return {key: value for key, value in values.items() if (key, value) != ("compute", "each")}


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


class RespacedSettings(MethodSettings):
    """How the teacher itself is sampled."""

    grid: str | list[int] = Field(
        default="trailing",
        description="the teacher's timesteps: trailing, leading, uniform, quad, A, B, C, or a list of indices",
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
