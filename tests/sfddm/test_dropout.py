"""Dropout in training: one mask an iteration, for the student and for what it learns from."""

import torch

from sfddm.checkpoint import DenoiserSpec
from sfddm.dropout import OneMask, has_dropout
from sfddm.training import Moment, Training, TrainSettings, train
from sfddm.unet import UNetConfig

SHAPE = {"dim": 8, "dim_mults": (1, 2), "channels": 1, "heads": 1, "head_dim": 8}
SPEC = DenoiserSpec(network=UNetConfig(**SHAPE, dropout=0.3), timesteps=64)
PIXELS = torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_without_dropout_the_network_and_its_identity_are_as_before() -> None:
    plain = UNetConfig(**SHAPE)
    assert not {"dropout", "two_times"} & plain.model_dump().keys()
    assert UNetConfig(**SHAPE, dropout=0.3).model_dump()["dropout"] == 0.3
    network = DenoiserSpec(network=plain, timesteps=64).fresh_network(0)
    assert not has_dropout(network)
    assert network.state_dict().keys() == SPEC.fresh_network(0).state_dict().keys()


def test_something_is_dropped_in_training_alone() -> None:
    network, x, t = SPEC.fresh_network(0), torch.randn(4, 1, 8, 8), torch.arange(4)
    assert has_dropout(network)
    assert not torch.equal(network.train()(x, t), network(x, t))
    assert torch.equal(network.eval()(x, t), network(x, t))


def test_every_call_of_an_iteration_has_one_mask_and_the_global_generator_stays() -> None:
    network, x, t = SPEC.fresh_network(0).train(), torch.randn(4, 1, 8, 8), torch.arange(4)
    masked, before = OneMask(network), torch.get_rng_state()
    masked.seed = 5
    one, again = masked(x, t), masked(x, t)
    masked.seed = 6
    assert torch.equal(one, again)
    assert not torch.equal(one, masked(x, t))
    assert torch.equal(torch.get_rng_state(), before)


def test_student_and_target_drop_the_same_and_iterations_differ() -> None:
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    seen: list[torch.Tensor] = []

    def loss(network: torch.nn.Module, x0: torch.Tensor, moment: Moment) -> torch.Tensor:
        t = torch.arange(len(x0))
        with torch.no_grad():
            asked = moment.target(torch.ones_like(x0), t)
        own = network(torch.ones_like(x0), t)
        assert torch.equal(own, asked)
        seen.append(own.detach())
        return (own * 0).sum()

    training = Training(denoiser.network, TrainSettings(iterations=3, batch=4), 0)
    train(training, loss, PIXELS, "cpu")
    assert not torch.equal(seen[0], seen[1])
    resumed = Training(denoiser.network, TrainSettings(iterations=3, batch=4), 0, iteration=1)
    train(resumed, loss, PIXELS, "cpu")
    assert torch.equal(seen[1], seen[3])
