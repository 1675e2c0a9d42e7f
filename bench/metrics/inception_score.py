"""The Inception score (Salimans et al. 2016) of class probabilities, of any classifier."""

from typing import TYPE_CHECKING, Annotated, Self

import numpy as np

from bench.config.numbers import NonNegative
from bench.metrics.metric import Given, Metric, Reasons
from bench.metrics.shown import Shown
from sfddm.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

ROWS_AT_ONCE = 16_384  # in float64: 126 MiB of Inception's 1008 classes


class InceptionScore(Metric):
    """Mean and standard deviation over splits."""

    mean: Annotated[NonNegative, Shown("IS{space}", "", "higher", 2)]
    sd: NonNegative

    @classmethod
    def of(cls, given: Given) -> tuple[Self | None, Reasons]:
        if given.probabilities is None:
            return None, {"": f"{given.space} has no class probabilities"}
        mean, sd = inception_score(given.probabilities, given.settings.splits, given.settings.seed)
        return cls(mean=mean, sd=sd), {}


def inception_score(probabilities: "Tensor", splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """Return mean and sd over splits of exp(E KL(p(y|x) || p(y))), for probabilities (n,k) with rows summing to 1.

    Images are shuffled by the seed; split i is [i n / splits, (i + 1) n / splits), as torch-fidelity's. The sd is
    the population's, as in the original code. Raises InputError if n < splits.
    """
    import torch  # which tables, that only read the declaration above, do without

    n = len(probabilities)
    if n < splits:
        raise InputError(f"evaluation.splits: {splits} given, at most {n} possible with {n} images")
    order = np.random.default_rng(seed).permutation(n)
    scores = []
    for i in range(splits):
        p = probabilities[order[i * n // splits : (i + 1) * n // splits]].double()
        marginal = p.mean(0, keepdim=True)
        divergences = [
            (torch.special.xlogy(part, part) - torch.special.xlogy(part, marginal)).sum(1)
            for part in p.split(ROWS_AT_ONCE)
        ]
        scores.append(torch.cat(divergences).mean().exp())
    stacked = torch.stack(scores)
    return stacked.mean().item(), stacked.std(correction=0).item()
