"""What the stages of a run are built from."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.config import methods
from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.metrics.spaces import FeatureSpace, space_of
from bench.stages import classifier
from sfddm.method import Method


@dataclass(frozen=True)
class Context:
    """A configuration on a dataset.

    space: the features that images are judged in; weights: the file of their network, if it is one. device: of the
    sampling cost, which is that of one machine.
    """

    config: Config
    images: Images
    space: FeatureSpace
    weights: Path | None = None
    device: str = "cpu"

    def at(self, budget: int | None) -> "Context":
        """Return the context under a budget."""
        return self if budget == self.config.budget else replace(self, config=self.config.at(budget))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What of the configuration decides numbers, as plain values."""
        return self.config.identity()

    @property
    def data(self) -> dict[str, Any]:
        """What identifies the images, for the stages that read them."""
        return data_identity(self.images)

    @property
    def pixels(self) -> Tensor:
        """The dataset's images, uint8 (N,C,H,W)."""
        return torch.from_numpy(self.images.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one image, (C,H,W)."""
        channels, height, width = self.images.pixels.shape[1:]
        return channels, height, width

    def sampling_settings(self, method: Method, steps: int, seed: int) -> dict[str, Any]:
        """Return what decides a method's image of a latent, apart from its model."""
        return {
            "method": method.name,
            "steps": steps,
            "timesteps": method.timesteps(steps),
            **method.sampling(),
            "seed": seed,
            **self.config.performance.decides(),
            **methods.identity(method.name),
        }


def make_context(config: Config, images: Images, weights: Path | None = None, device: str = "cpu") -> Context:
    """Return the context of a configuration on a dataset; weights: the file of the features' network, if it is one."""
    return Context(config, images, space_of(config, images, weights, classifier.stage), weights, device)


def data_identity(images: Images) -> dict[str, Any]:
    """Return what identifies a dataset's images.

    Their hash is enough: whichever package or version prepared them, the same pixels are the same data.
    """
    return {"dataset": images.name, "sha256": images.sha256, "preprocessing": images.preprocessing}


def stage_seed(seed: int, name: str) -> int:
    """Return the seed of one piece of random work: the run's seed and what the work is, hashed."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:7], "big")
