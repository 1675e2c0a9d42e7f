"""Test splits: found where they lie, packed beside the images to train on, checked as these are, and gone with them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset_forms import cifar_batches, cifar_tarball, image_folder, zipped

from bench.datasets.listing import SPLIT, choose
from bench.datasets.packed import check, load_packed, read_manifest
from bench.datasets.prepare import counts, prepare
from sfddm.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A prepared dataset `s` of 6 labelled images and 4 to hold out."""
    for split, count in (("train", 3), ("test", 2)):
        for name in ("a", "b"):
            image_folder(tmp_path / "set" / split / name, count, 8)
    return prepare("folder", tmp_path / "set", tmp_path / "data", 8, label="s")


@pytest.mark.parametrize(
    ("found", "test", "left_out"),
    [
        (["train/a.png", "test/b.png"], ["test/b.png"], 0),
        (["train/a.png", "test/b.png", "val/c.png"], ["test/b.png"], 1),
        (["train/a.png", "val/b.png", "c.png"], ["val/b.png"], 1),
        (["cat/train/a.png", "cat/test/b.png", "dog/c.png"], ["cat/test/b.png"], 0),
        (["train/a.png", "truck/b.png"], [], 0),
        (["test/a.png", "test/b.png"], [], 0),
    ],
)
def test_the_images_to_hold_out_lie_in_a_test_beside_the_train_or_in_a_val(
    found: list[str], test: list[str], left_out: int
) -> None:
    listing = choose(found)
    assert (listing.test.names if listing.test else []) == test
    assert listing.left_out[SPLIT] == left_out


def test_a_test_split_is_packed_beside_with_the_labels_of_the_same_classes(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "set" / "test" / "a").rename(tmp_path / "aside")  # of the test split only class b is left
    for source in (tmp_path / "set", zipped(tmp_path / "set", tmp_path / "set.zip")):
        folder = prepare("folder", source, tmp_path / "data", 8, label="s")
        images = load_packed(tmp_path / "data", "s", 8)
        assert images.held_out is not None
        assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert len(images.held_out.pixels) == 2
        assert np.array_equal(images.held_out.pixels, images.pixels[3:5])  # the same pictures, by their numbers
        manifest = read_manifest(folder)
        assert manifest.test is not None
        assert manifest.test.sha256 == images.held_out.sha256 != images.sha256
        assert "held out: 2 images" in counts(manifest)
        assert check(folder) == []


def test_a_test_split_may_lie_elsewhere_and_its_classes_are_named_as_ours(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        image_folder(tmp_path / "train" / name, 2, 8)
    for name in ("b", "c"):
        image_folder(tmp_path / "test" / name, 2, 8)
    apart = zipped(tmp_path / "test", tmp_path / "test.zip")
    prepare("folder", tmp_path / "train", tmp_path / "data", 8, label="s", limit=3, test_path=apart)
    images = load_packed(tmp_path / "data", "s", 8)
    assert images.held_out is not None
    assert images.held_out.labels.tolist() == [1, 1, 2]
    image_folder(tmp_path / "test" / "d", 1, 8)
    prepare("folder", tmp_path / "train", tmp_path / "data", 8, label="s", test_path=tmp_path / "test")
    images = load_packed(tmp_path / "data", "s", 8)
    assert images.held_out is not None
    assert images.held_out.labels is None  # none of ours is called d
    with pytest.raises(InputError, match=r"^--test: '.*nowhere' given, but there is nothing there"):
        prepare("folder", tmp_path / "train", tmp_path / "data", 8, label="s", test_path=tmp_path / "nowhere")


def test_cifar10s_test_batch_is_held_out_and_may_be_missing(tmp_path: Path) -> None:
    pixels, labels = cifar_batches(tmp_path / "batches", test=20)
    prepare("cifar10", tmp_path / "batches", tmp_path / "data")
    images = load_packed(tmp_path / "data", "cifar10", 32)
    assert images.held_out is not None
    np.testing.assert_array_equal(images.pixels, pixels)
    np.testing.assert_array_equal(images.held_out.pixels, pixels[:20])
    np.testing.assert_array_equal(images.held_out.labels, labels[:20])
    tarball, _ = cifar_tarball(tmp_path / "packed")
    prepare("cifar10", tarball, tmp_path / "data")
    assert load_packed(tmp_path / "data", "cifar10", 32).held_out is None
    assert not list((tmp_path / "data" / "cifar10" / "32" / "test").iterdir())


def test_one_image_alone_is_no_split(tmp_path: Path) -> None:
    image_folder(tmp_path / "set" / "train", 3, 8)
    image_folder(tmp_path / "set" / "test", 1, 8)
    folder = prepare("folder", tmp_path / "set", tmp_path / "data", 8, label="s")
    assert (read_manifest(folder).test, read_manifest(folder).left_out) == (None, {SPLIT: 1})


def test_a_change_of_the_test_split_is_found(folder: Path, tmp_path: Path) -> None:
    path = folder / "test" / "images.npy"
    before, data = path.stat(), bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InputError, match=r"test/images\.npy: its content has sha256 \w+, .*/8/manifest\.json says"):
        load_packed(tmp_path / "data", "s", 8)
    (fault,) = check(folder)
    assert fault.startswith(f"{path}: its content has sha256")
    path.unlink()
    with pytest.raises(InputError, match=r"test/images\.npy: not a readable array"):
        load_packed(tmp_path / "data", "s", 8)


def test_a_dataset_prepared_before_has_none_and_is_read(folder: Path, tmp_path: Path) -> None:
    path = folder / "manifest.json"
    written = json.loads(path.read_text()) | {"schema_version": 2}
    del written["test"]
    path.write_text(json.dumps(written))
    images = load_packed(tmp_path / "data", "s", 8)
    assert (len(images.pixels), images.held_out) == (6, None)
