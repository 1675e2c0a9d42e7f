"""Who takes part in a contest, and whether the other packages' networks are of our size."""

import pytest
from helpers.known_contestants import TINY

from bench.speed import contestants
from bench.speed.contestants import Terms, diffusers_network, lucidrains_diffusion, parameter_count
from bench.speed.distance import distance_contest
from bench.speed.names import AGAIN, CLEAN_FID, OURS, PYTORCH_FID
from sfddm.training import TrainSettings
from sfddm.unet import UNet, UNetConfig

EQUAL = 0.02  # relative: how near another package's U-Net comes to our parameter count, in steps of its width

AUTHORS = Terms(UNetConfig(), 32, 1, "meta", 1024, TrainSettings())  # counted, never computed


def test_a_package_that_is_not_installed_is_skipped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contestants, "find_spec", lambda name: None)
    contest = distance_contest(TINY)
    assert contest.skipped == {CLEAN_FID: "not installed", PYTORCH_FID: "not installed"}
    assert list(contest.builders) == [OURS, AGAIN]


def test_the_other_networks_have_our_parameter_count() -> None:
    assert parameter_count(lucidrains_diffusion(TINY).model) == parameter_count(UNet(TINY.network))
    assert parameter_count(diffusers_network(AUTHORS)) == pytest.approx(35_719_555, rel=EQUAL)
