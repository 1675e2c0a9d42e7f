"""waits: a training waits for the GPU only to read the loss, each so many iterations."""

import inspect
from collections import Counter
from functools import partial
from pathlib import Path

import torch

from bench.gpu.piece import NOT_ON_CPU, Earlier, Found, Part, Piece, Setup
from bench.stages.training import placed
from sfddm import training as loop
from sfddm.ddpm import ddpm_loss
from sfddm.performance import Performance
from sfddm.training import REPORT_EVERY, Training, TrainSettings, train
from sfddm.waits import waits

STEPS, REPORTS = 4, 3
SETTINGS = TrainSettings.model_validate(
    {"batch": 32, "learning_rate": 1e-3, "ema": 0.99, "clip_gradient": 1.0, "flip": True}
)


def in_training(setup: Setup, _: Earlier, name: str | None) -> Found:
    """Count the waits of the last fold of a method, or of the teacher, after its first iterations."""
    config = setup.digits()
    spec = config.teacher_spec()
    parent = spec.denoiser(spec.fresh_network(1)).to(setup.device)
    folds = config.folds(config.method(name), STEPS) if name else []
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (256, 1, 8, 8), dtype=torch.uint8, generator=generator)
    student = folds[-1].student(parent, 0, images).to(setup.device) if folds else parent
    loss = folds[-1].loss(parent, student) if folds else ddpm_loss(student)
    settings = SETTINGS.model_copy(update={"batch": 4}) if setup.small else SETTINGS
    training = Training(
        student.network, settings, 0, Performance(compile=False), target_decay=folds[-1].target_decay if folds else None
    )
    pixels = placed(images, setup.device)

    def go_on(iterations: int) -> None:
        training.settings = settings.model_copy(update={"iterations": training.iteration + iterations})
        train(training, loss, pixels, setup.device)

    go_on(REPORT_EVERY)
    with waits() as found:
        go_on(REPORTS * REPORT_EVERY)
    places = Counter(place.replace(str(Path(loop.__file__).parents[1]), "").lstrip("/") for place in found)
    others = {place: count for place, count in places.items() if place != reading_the_loss()}
    reads = places[reading_the_loss()]
    said = f"{reads} reads of the loss in {REPORTS * REPORT_EVERY} iterations, {sum(others.values())} other waits"
    values = {"reads": reads, "others": others, "iterations": training.iteration}
    if not setup.cuda:
        return Found(None, f"{NOT_ON_CPU}: nothing waits there", values)
    return Found(reads == REPORTS and not others, "; ".join([said, *sorted(others)[:4]]), values)


def reading_the_loss() -> str:
    """Return the file and line, from the project's root, at which the loop reads its loss."""
    lines, first = inspect.getsourcelines(loop._iterate)
    (at,) = (number for number, line in enumerate(lines) if ".item()" in line)
    return f"sfddm/training.py:{first + at}"


PARTS: dict[str, Part] = {
    "teacher": partial(in_training, name=None),
    **{name: partial(in_training, name=name) for name in ("sfddm", "sfddm-trajectory", "pd")},
}
PIECE = Piece(f"A training waits for the GPU once in {REPORT_EVERY} iterations, to read the loss.", PARTS)
