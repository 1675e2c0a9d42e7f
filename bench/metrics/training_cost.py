"""What a cell's models cost to train; a network evaluation counts 1 forward and 2 backward, per image. No torch."""

from typing import Annotated

from bench.metrics.shown import Section, Shown


class TrainingCost(Section):
    """evaluations and seconds are of the student's folds, without the teacher's, which stand beside them."""

    evaluations: Annotated[
        int, Shown("training cost", "thousand network evaluations", None, kind="cost", factor=1 / 1000)
    ]
    seconds: Annotated[float, Shown("training time", "s", None, kind="cost", brief="training s")]
    folds: Annotated[int, Shown("folds", "", None, 0, kind="cost", brief="folds")]
    teacher_seconds: float | None = None
    teacher_evaluations: int | None = None
