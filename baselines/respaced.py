"""What the methods that train nothing share: the teacher on a sub-sequence, and whether its x0 is clipped."""

from typing import Literal

from sfddm.method import MethodSettings


class RespacedSettings(MethodSettings):
    """How the teacher is sampled.

    grid: trailing, leading, uniform (as the DDIM authors wrote it), quad, or a list of teacher indices.
    clip: `x0` clips x0 to [-1, 1] and re-derives eps; `none` is the DDIM paper's.
    """

    grid: str | list[int] = "trailing"
    clip: Literal["none", "x0"] = "x0"
