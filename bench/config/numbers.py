"""The bounds of every number that a record holds, in one place: none is NaN or infinite, whoever wrote it. No torch.

Declared as a field's type, so that a number is checked when it is measured, written and read.
"""

from typing import Annotated

from pydantic import Field

from bench.store.limits import LARGEST_COUNT

# What rounding may take from a distance that is 0: the roots of d eigenvalues that are 0 but for float64's rounding,
# each about 1e-6 of 2048 features.
DISTANCE_ROUNDING = 1e-2
SHARE_ROUNDING = 1e-6  # of a mean of float32 cosines of 1, and of SSIM
LARGEST_SIDE = 2**16  # pixels

Finite = Annotated[float, Field(allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FrechetValue = Annotated[float, Field(ge=-DISTANCE_ROUNDING, allow_inf_nan=False)]
AtLeastOne = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Similarity = Annotated[float, Field(ge=-1 - SHARE_ROUNDING, le=1 + SHARE_ROUNDING, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
PositiveCount = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
