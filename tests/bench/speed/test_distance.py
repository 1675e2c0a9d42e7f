"""The contestants of the Frechet distance compute the same distance."""

import pytest
import scipy.linalg
from helpers.known_contestants import TINY

from bench.speed.distance import clean_fid_distance, our_distance, pytorch_fid_distance

VALUE = 1e-6  # relative: our distance against clean-fid's, whose matrix root is iterative


def test_our_distance_is_that_of_the_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    sqrtm = scipy.linalg.sqrtm
    # Both call sqrtm(disp=False) for a pair; SciPy 1.18 has no `disp` any more.
    monkeypatch.setattr(scipy.linalg, "sqrtm", lambda matrix, disp=True: (sqrtm(matrix), 0.0))
    ours = our_distance(TINY).call(1)
    assert pytorch_fid_distance(TINY).call(1) == pytest.approx(ours, rel=VALUE)
    assert clean_fid_distance(TINY).call(1) == pytest.approx(ours, rel=VALUE)
