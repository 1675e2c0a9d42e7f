"""The Inception score (Salimans et al. 2016) of class probabilities, of any classifier."""

import numpy as np
import torch
from torch import Tensor

from sfddm.errors import InputError


def inception_score(probabilities: Tensor, splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """Return mean and sd over splits of exp(E KL(p(y|x) || p(y))), for probabilities (n,k) with rows summing to 1.

    Images are shuffled by the seed; split i is [i n / splits, (i + 1) n / splits), as torch-fidelity's. The sd is
    the population's, as in the original code. Raises InputError where n < splits.
    """
    n = len(probabilities)
    if n < splits:
        raise InputError(f"evaluation.splits: {splits} given, at most {n} possible with {n} images")
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n))
    p = probabilities.double()[order]
    scores = []
    for i in range(splits):
        part = p[i * n // splits : (i + 1) * n // splits]
        marginal = part.mean(0, keepdim=True)
        divergence = torch.special.xlogy(part, part) - torch.special.xlogy(part, marginal)
        scores.append(divergence.sum(1).mean().exp())
    stacked = torch.stack(scores)
    return stacked.mean().item(), stacked.std(correction=0).item()
