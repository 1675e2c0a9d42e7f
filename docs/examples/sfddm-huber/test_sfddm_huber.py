"""A student with its teacher's weights has nothing to learn, and one without them learns."""

import torch
from sfddm_huber import Huber, HuberSettings

from sfddm import DenoiserSpec, Training, UNetConfig, train
from sfddm.noise import part_generator
from sfddm.training import Moment

SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1), timesteps=16)
PIXELS = torch.randint(0, 256, (8, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_loss_is_zero_for_the_teacher_itself_and_falls_for_a_student() -> None:
    teacher = SPEC.denoiser(SPEC.fresh_network(seed=0))
    (fold,) = Huber(HuberSettings(iterations=40, batch=8, learning_rate=0.01), SPEC).folds(steps=4)
    student = fold.student(teacher, seed=1)
    loss, x0 = fold.loss(teacher, student), PIXELS / 127.5 - 1

    def value(network: torch.nn.Module) -> float:
        return loss(network, x0, Moment(part_generator(0, 0, range(8), 8), network)).item()

    before = value(student.network)
    train(Training(student.network, fold.train, seed=0), loss, PIXELS, "cpu")
    assert value(teacher.network) == 0
    assert value(student.network) < before / 2
