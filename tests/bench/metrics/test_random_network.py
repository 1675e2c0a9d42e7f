"""The random network is the same for ever, tells distributions apart, and is called by its name."""

import numpy as np
import torch

from bench.metrics.distance import distance_name
from bench.metrics.frechet import frechet_distance
from bench.metrics.random_network import RANDOM, PixelFeatures, random_features

# Of the weights as first drawn: another hash is another network, whose distances must not share a name with these.
SHA256 = {
    1: "bcb5587feafe909739eabd2f756028895de98da01b3d5de79d081af2b304a952",
    3: "1f26bb26990f5b20117d0405eb05a11b68c939f5c27b9ce7233a75007c54f057",
}


def noise(count: int, low: int, seed: int, channels: int = 3, side: int = 16) -> torch.Tensor:
    generator = np.random.Generator(np.random.Philox(seed))
    return torch.from_numpy(generator.integers(low, 256, (count, channels, side, side), dtype=np.uint8))


def test_its_weights_are_the_same_for_ever() -> None:
    assert {channels: random_features(channels).weights_sha256 for channels in SHA256} == SHA256


def test_features_are_64_numbers_at_any_resolution_and_no_probabilities() -> None:
    for side in (8, 17, 64):
        features, probabilities = random_features(3)(noise(5, 0, 0, side=side))
        assert (features.shape, features.dtype, probabilities) == ((5, 64), torch.float32, None)
        assert (features.std(0) > 0).sum() > 48  # an image is told from another by most of them


def test_an_image_has_the_same_features_whatever_is_beside_it() -> None:
    images = noise(8, 0, 0)
    together, alone = random_features(3)(images)[0], torch.cat([random_features(3)(one[None])[0] for one in images])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_other_images_are_further_away_than_more_of_the_same() -> None:
    network = random_features(3)
    base, same, other = (network(noise(400, low, seed))[0] for low, seed in ((0, 0), (0, 1), (64, 2)))
    assert frechet_distance(other, base).value > 4 * frechet_distance(same, base).value


def test_its_distance_is_never_called_fid() -> None:
    assert distance_name(RANDOM) == "FD (random-cnn)"


def test_pixels_are_the_features_of_pixels() -> None:
    images = noise(3, 0, 0)
    assert torch.equal(PixelFeatures()(images)[0], images.float().flatten(1) / 127.5 - 1)
