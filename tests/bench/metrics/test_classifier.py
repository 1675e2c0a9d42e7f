"""The digits' own classifier."""

from pathlib import Path

import pytest
import torch

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.sections import ClassifierSettings
from bench.datasets.registry import load
from bench.metrics.classifier import ClassifierFeatures, augmented, make_classifier, split_held_out, train_classifier
from bench.metrics.features import extract
from bench.stages.classifier import published, stage
from bench.store.files import file_sha256
from bench.store.layout import RunFolder
from bench.store.progress import Display
from bench.store.stage import Job
from sfddm.distributed import World

DIGITS = load("digits", 8, None, 0.0)
PIXELS, LABELS = torch.from_numpy(DIGITS.pixels), torch.from_numpy(DIGITS.labels)


@pytest.mark.slow
def test_the_published_one_is_what_training_gives_and_right_on_97_percent_of_what_was_held_out() -> None:
    """Last bits aside, which grow in training: another seed's or training's features have nothing in common with it."""
    config = resolve(load_preset("digits"), "quick")
    images = load("digits", 8, None, config.data.held_out)
    file = published(stage(config, images))
    assert file is not None
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    network, accuracy = train_classifier(pixels, labels, config.classifier, lambda *_: None)
    assert accuracy >= 0.97
    shipped = make_classifier(1, 8, 10).eval()
    shipped.load_state_dict(torch.load(file, weights_only=True))
    held = torch.from_numpy(split_held_out(len(pixels))[1])
    with torch.inference_mode():
        (features, logits), (others, other_logits) = (
            one(pixels[held].float() / 127.5 - 1) for one in (network, shipped)
        )
    assert (logits.argmax(1) == labels[held]).double().mean().item() == accuracy
    assert features.shape == (len(held), 64)
    assert torch.linalg.norm(features - others) < 0.2 * torch.linalg.norm(features)
    assert (logits.argmax(1) == other_logits.argmax(1)).double().mean() >= 0.98


@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_every_machine_judges_digits_by_the_published_one(scale: str, tmp_path: Path) -> None:
    config = resolve(load_preset("digits"), scale)
    own = stage(config, load("digits", 8, None, config.data.held_out))
    own.work(Job(tmp_path, RunFolder(tmp_path), "cpu", Display(), World()))
    assert file_sha256(tmp_path / "weights.pt") == "e1cbcf5d29443857548b3ab6a48b372e0e1824902a88d1952b38f997a8c4d262"


def test_other_settings_or_images_have_no_published_one() -> None:
    config = resolve(load_preset("digits"), "paper")
    images = load("digits", 8, None, config.data.held_out)
    longer = config.model_copy(update={"classifier": config.classifier.model_copy(update={"epochs": 31})})
    assert published(stage(longer, images)) is None
    assert published(stage(config, load("digits", 8, None, 0.0))) is None


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
