"""The digits' own classifier."""

import torch

from bench.classifier import split_held_out, train_classifier
from bench.config import load_preset, resolve
from bench.datasets.registry import load

DIGITS = load("digits", 8, None)
PIXELS, LABELS = torch.from_numpy(DIGITS.pixels), torch.from_numpy(DIGITS.labels)


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
