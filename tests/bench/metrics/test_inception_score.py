"""The Inception score against closed forms and torch-fidelity."""

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from bench.metrics.inception_score import inception_score
from sfddm.errors import InputError


def test_uniform_predictions_give_one() -> None:
    assert inception_score(torch.full((100, 7), 1 / 7)) == pytest.approx((1.0, 0.0), abs=1e-6)


def test_balanced_one_hots_give_the_number_of_classes() -> None:
    assert inception_score(torch.eye(5).repeat(40, 1), splits=1)[0] == pytest.approx(5.0, rel=1e-12)


def test_it_equals_torch_fidelity_on_the_same_logits_unshuffled() -> None:
    """One split, so that the order of the images does not matter."""
    logits = torch.randn(500, 12, generator=torch.Generator().manual_seed(0)) * 2
    theirs = isc_features_to_metric(logits, splits=1, shuffle=False)["inception_score_mean"]
    assert inception_score(logits.softmax(1), splits=1)[0] == pytest.approx(theirs, rel=1e-6)  # float32 softmax


def test_ten_splits_equal_torch_fidelity_on_our_order() -> None:
    import numpy as np

    logits = torch.randn(503, 12, generator=torch.Generator().manual_seed(1)) * 2
    order = torch.from_numpy(np.random.default_rng(4).permutation(503))
    theirs = isc_features_to_metric(logits[order], splits=10, shuffle=False)
    expected = (theirs["inception_score_mean"], theirs["inception_score_std"])
    assert inception_score(logits.softmax(1), splits=10, seed=4) == pytest.approx(expected, rel=1e-5)


def test_the_seed_decides_the_order() -> None:
    probabilities = torch.randn(200, 5, generator=torch.Generator().manual_seed(2)).softmax(1)
    assert inception_score(probabilities, seed=1) == inception_score(probabilities, seed=1)
    assert inception_score(probabilities, seed=1) != inception_score(probabilities, seed=2)


def test_fewer_images_than_splits_is_refused() -> None:
    with pytest.raises(InputError, match="10 given, at most 3 possible"):
        inception_score(torch.eye(3))
