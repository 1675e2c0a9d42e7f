"""The U-Net of diffusers behind our interface: what distillation does with it."""

import torch
from helpers.small_unet2d import SHAPE, small_teacher

from baselines.pd import ProgressiveDistillation
from sfddm.unet2d import UNet2DConfig


def test_a_student_of_another_prediction_has_the_new_last_layer_in_place_of_the_old_one() -> None:
    teacher = small_teacher(timesteps=8)
    parent = teacher.denoiser(teacher.fresh_network(0))
    fold = ProgressiveDistillation(ProgressiveDistillation.Settings(), teacher).folds(4)[0]
    assert fold.spec.prediction != teacher.prediction
    pixels = torch.zeros((4, *SHAPE), dtype=torch.uint8)
    network, fresh = fold.student(parent, 3, pixels).network, fold.spec.fresh_network(3)
    given, before = network.state_dict(), parent.network.state_dict()
    assert given.keys() == fresh.state_dict().keys()  # so that its file can be read
    for name, value in given.items():
        assert torch.equal(value, before[name]) == (not name.startswith("model.conv_out.")), name
    x, t = torch.randn(2, *SHAPE), torch.tensor([1, 3])
    with torch.no_grad():
        output, hidden = network(x, t, return_hidden=True)
        assert torch.equal(network.head(hidden), output)


def test_equal_configurations_are_one_key_whatever_the_order_of_their_fields() -> None:
    config = small_teacher().network
    assert isinstance(config, UNet2DConfig)
    other = UNet2DConfig(options=dict(reversed(config.options.items())))
    assert {config: 1}[other] == 1
    assert config not in {UNet2DConfig(options=config.options | {"sample_size": 16})}
