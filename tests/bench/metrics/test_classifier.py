"""The digits' own classifier."""

import pytest
import torch

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.sections import ClassifierSettings
from bench.datasets.registry import load
from bench.metrics.classifier import ClassifierFeatures, augmented, make_classifier, split_held_out, train_classifier
from bench.metrics.features import extract

DIGITS = load("digits", 8, None, 0.0)
PIXELS, LABELS = torch.from_numpy(DIGITS.pixels), torch.from_numpy(DIGITS.labels)


@pytest.mark.slow
def test_it_reaches_97_percent_on_held_out_digits() -> None:
    settings = resolve(load_preset("digits"), "quick").classifier
    network, accuracy = train_classifier(PIXELS, LABELS, settings, lambda *_: None)
    assert accuracy >= 0.97
    held = torch.from_numpy(split_held_out(len(PIXELS))[1])
    with torch.inference_mode():
        features, logits = network(PIXELS[held].float() / 127.5 - 1)
    assert (logits.argmax(1) == LABELS[held]).double().mean().item() == accuracy
    assert features.shape == (len(held), 64)


def test_it_is_the_same_each_time() -> None:
    settings = resolve(load_preset("digits"), "smoke").classifier.model_copy(update={"epochs": 1})
    one, other = (train_classifier(PIXELS, LABELS, settings, lambda *_: None)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_held_out_digits_are_a_fifth_and_not_trained_on() -> None:
    kept, held = split_held_out(1797)
    assert len(held) == 359
    assert sorted([*kept, *held]) == list(range(1797))


def coloured(n: int, channels: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a bright left or top half, or neither: three classes that a mirror image does not confuse."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(100, (n, channels, side, side), generator=generator, dtype=torch.uint8)
    labels = torch.arange(n) % 3
    pixels[labels == 0, :, : side // 2] += 120
    pixels[labels == 1, :, :, side // 4 : 3 * side // 4] += 120
    return pixels, labels


@pytest.mark.parametrize(("channels", "side", "n"), [(3, 32, 120), (1, 20, 120), (3, 64, 60)])
def test_the_residual_network_learns_images_of_any_channels_and_resolution(channels: int, side: int, n: int) -> None:
    pixels, labels = coloured(n, channels, side)
    done: list[tuple[int, int | None]] = []
    settings = ClassifierSettings(epochs=3, batch=8, learning_rate=3e-3)
    network, accuracy = train_classifier(
        pixels, labels, settings, lambda iteration, note="", known=None: done.append((iteration, known))
    )
    assert accuracy >= 0.9
    total = 3 * (n * 4 // 5 // 8)
    assert done[-1] == (total, total)
    with torch.inference_mode():
        features, logits = network(pixels[:5].float() / 127.5 - 1)
    assert (tuple(features.shape), tuple(logits.shape)) == ((5, 256), (5, 3))
    assert network.training is False


def test_fewer_images_than_a_batch_are_one_batch() -> None:
    pixels, labels = coloured(24, 3, 16)
    settings = ClassifierSettings(epochs=1, batch=128)
    one, other = (train_classifier(pixels, labels, settings, lambda *_: None)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_augmentation_moves_by_an_eighth_and_mirrors_half() -> None:
    x = torch.zeros(400, 1, 16, 16)
    x[:, :, 8, 4] = 1
    torch.manual_seed(0)
    moved = augmented(x, flip=True)
    places = moved.flatten(1).argmax(1)
    rows, columns = places // 16, places % 16
    assert set(rows.tolist()) == set(range(6, 11))
    assert set(columns.tolist()) == {*range(2, 7), *range(9, 14)}  # 4 +- 2, mirrored 11 +- 2
    assert 0.4 < (columns > 8).double().mean().item() < 0.6
    assert set((augmented(x, flip=False).flatten(1).argmax(1) % 16).tolist()) == set(range(2, 7))


def test_features_of_one_image_do_not_depend_on_its_batch() -> None:
    network = make_classifier(3, 32, 10).eval()
    extractor = ClassifierFeatures("own-cnn", "0" * 64, network)
    pixels = coloured(64, 3, 32)[0]
    one, whole = extract(extractor, pixels, 1), extract(extractor, pixels, 64)
    for part, all_at_once in zip(one, whole, strict=True):
        assert part.dtype == torch.float32
        assert (part - all_at_once).abs().max() <= 1e-5 * all_at_once.abs().max()
