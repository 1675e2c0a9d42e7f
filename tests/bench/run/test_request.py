"""What is asked for: images of one's own are taken at the resolution they were prepared at."""

from pathlib import Path

from helpers.dataset_forms import image_folder

from bench.datasets.prepare import prepare
from bench.run.request import preset_of


def test_images_of_ones_own_have_the_one_resolution_they_were_prepared_at(tmp_path: Path) -> None:
    image_folder(tmp_path / "images", 4, 32)
    prepare("folder", tmp_path / "images", tmp_path / "data", 16, label="mine")
    assert preset_of("mine", tmp_path / "data").sections["resolution"] == 16
    assert preset_of("cifar10", tmp_path / "data").sections["resolution"] == 32
    usual = preset_of("folder", tmp_path / "data").sections["resolution"]
    prepare("folder", tmp_path / "images", tmp_path / "data", 8, label="mine")
    assert preset_of("mine", tmp_path / "data").sections["resolution"] == usual  # which of the two, nobody said
