"""Datasets by name: another package's through its entry point, and prepared ones under names of their own."""

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset_forms import image_folder

from bench.config import plugins
from bench.datasets import registry
from bench.datasets.dataset import Images, pixels_sha256
from bench.datasets.prepare import prepare
from sfddm.errors import InputError


def load_stripes(resolution: int, data_root: Path | None) -> Images:
    """A dataset of another package: black and white columns."""
    pixels = np.zeros((64, 3, resolution, resolution), np.uint8)
    pixels[..., ::2] = 255
    return Images("stripes", pixels, None, "none", pixels_sha256(pixels), "drawn", lossy=False)


@pytest.fixture
def _stripes(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("stripes", f"{__name__}:load_stripes", "sfddm_bench.datasets")
    monkeypatch.setattr(EntryPoint, "load", lambda self: load_stripes)
    monkeypatch.setattr(plugins, "_entries", lambda group: [entry] if group == plugins.DATASET_GROUP else [])


@pytest.mark.usefixtures("_stripes")
def test_a_dataset_of_another_package_is_found_and_takes_the_preset_of_a_folder(tmp_path: Path) -> None:
    assert "stripes" in registry.names(tmp_path)
    assert registry.definition_name("stripes", tmp_path) == "folder"
    assert registry.load("stripes", 16, tmp_path, 0.0).pixels.shape == (64, 3, 16, 16)


def test_a_prepared_dataset_under_its_own_name_takes_the_preset_of_its_definition(tmp_path: Path) -> None:
    image_folder(tmp_path / "jpeg", 3, 32, "jpg")
    prepare("cifar10", tmp_path / "jpeg", tmp_path / "data", label="cifar10-jpeg")
    assert registry.definition_name("cifar10-jpeg", tmp_path / "data") == "cifar10"
    assert registry.load("cifar10-jpeg", 32, tmp_path / "data", 0.0).name == "cifar10-jpeg"
    with pytest.raises(InputError, match=r"'cifar10-jpg' given \(did you mean 'cifar10-jpeg'\?\)"):
        registry.definition_name("cifar10-jpg", tmp_path / "data")


def test_a_dataset_of_another_package_cannot_take_the_name_of_one_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("cifar10", f"{__name__}:load_stripes", plugins.DATASET_GROUP)
    monkeypatch.setattr(plugins, "_entries", lambda group: [entry])
    with pytest.raises(InputError, match="'cifar10' given, but the suite has one of that name"):
        registry.names()


def test_a_broken_dataset_of_another_package_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("broken", "no_such_module:load", plugins.DATASET_GROUP)
    monkeypatch.setattr(plugins, "_entries", lambda group: [entry])
    assert len(registry.load("digits", 8, None, 0.0).pixels) == 1797
    with pytest.raises(InputError, match="'broken' of unknown cannot be loaded"):
        registry.load("broken", 8, None, 0.0)
