"""What a cell's models cost to train; a network evaluation counts 1 forward and 2 backward, per image. No torch."""

from typing import Annotated

from bench.config.numbers import Count, NonNegative
from bench.metrics.shown import Section, Shown


class TrainingCost(Section):
    """evaluations and seconds are of the student's folds, without the teacher's, which stand beside them."""

    evaluations: Annotated[
        Count, Shown("training cost", "thousand network evaluations", None, kind="cost", factor=1 / 1000)
    ]
    seconds: Annotated[NonNegative, Shown("training time", "s", None, kind="cost", brief="training s")]
    folds: Annotated[Count, Shown("folds", "", None, 0, kind="cost")]
    teacher_seconds: NonNegative | None = None
    teacher_evaluations: Count | None = None
